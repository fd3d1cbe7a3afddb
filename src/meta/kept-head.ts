import type { ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";

/** Slices of a row that is kept: nearly all objects have one. */
const MAX_KEPT_SLICES = 4;

/**
 * A copy of a small object's row to be kept decoded for when the object is replaced. The row itself holds views of the entries that it came with, a whole
 * batch of them: the copy holds none. Undefined for rows that are larger or seldom.
 */
export function keptHead(row: ObjectRow): ObjectRow | undefined {
  const { attributes, versionId, slices } = row;
  const isPlain =
    slices.length <= MAX_KEPT_SLICES &&
    row.parts.length === 0 &&
    row.olderVersionId.length === 0 &&
    row.newerVersionId.length === 0 &&
    row.renameToken.length === 0 &&
    row.renameSource.length === 0 &&
    row.$unknown === undefined;
  if (!isPlain) return undefined;
  if (attributes !== undefined && (attributes.acl.length > 0 || attributes.encryption !== undefined))
    return undefined;
  return {
    ...row,
    versionId: versionId.slice(),
    slices: slices.map((slice) => ({ ...slice, blobId: slice.blobId.slice() })),
  };
}
