/** One step of the walk over a bucket: a page of rows with the data keys in them, and where the next page begins. */

import { fromHex, toHex } from "../../base/index.ts";
import type { RewrappedDataKey } from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  EncryptionKind,
  type ObjectAttributes,
  type ObjectEncryption,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { MAX_REWRAPPED_KEYS, type MetadataView } from "../../meta/index.ts";
import { REWRAP_PHASES, type RewrapPosition } from "./rewrap-cursor.ts";

/** Rows of one step: their keys go into one command. */
export const REWRAP_PAGE_ROWS: number = MAX_REWRAPPED_KEYS;

type Inside = Extract<RewrapPosition, { kind: "inside" }>;

/** A data key that a key of the ring has wrapped, and whose it is. */
export interface StoredDataKey {
  readonly key: string;
  readonly row: RewrappedDataKey["row"];
  readonly encryption: ObjectEncryption;
  /** Of the row, which is written again with the key. */
  readonly sliceCount: number;
}

export interface RewrapStep {
  readonly examined: number;
  readonly found: readonly StoredDataKey[];
  readonly next: RewrapPosition;
}

/** Where the walk over a bucket begins. */
export function beginningOf({ name, bucketId }: BucketRow): Inside {
  const [phase] = REWRAP_PHASES;
  return { kind: "inside", bucket: name, bucketId: String(bucketId), phase, afterKey: "", afterId: "" };
}

export async function stepInside(
  view: Pick<MetadataView, "objects" | "versions" | "uploads">,
  bucket: BucketRow,
  position: Inside,
): Promise<RewrapStep> {
  const rows = await readPage(view, bucket, position);
  const found = rows.flatMap(({ key, row, attributes, sliceCount }) => {
    const encryption = attributes?.encryption;
    const isOfRing = encryption !== undefined && encryption.kind !== EncryptionKind.SSE_C;
    return isOfRing ? [{ key, row, encryption, sliceCount }] : [];
  });
  const last = rows.at(-1);
  const isWhole = last !== undefined && rows.length === REWRAP_PAGE_ROWS;
  const next = isWhole ? { ...position, afterKey: last.key, afterId: toHex(last.id) } : behindPhase(position);
  return { examined: rows.length, found, next };
}

interface WalkedRow {
  readonly key: string;
  readonly id: Uint8Array;
  readonly row: RewrappedDataKey["row"];
  readonly attributes: Pick<ObjectAttributes, "encryption"> | undefined;
  readonly sliceCount: number;
}

async function readPage(
  view: Pick<MetadataView, "objects" | "versions" | "uploads">,
  { bucketId }: BucketRow,
  { phase, afterKey, afterId }: Inside,
): Promise<readonly WalkedRow[]> {
  const range = { prefix: "", afterKey, limit: REWRAP_PAGE_ROWS };
  const id = afterId === "" ? undefined : fromHex(afterId);
  switch (phase) {
    case "current":
      return (await view.objects(bucketId, { ...range, after: afterKey })).map(ofVersion);
    case "versions":
      return (await view.versions(bucketId, { ...range, afterVersionId: id })).map(ofVersion);
    case "uploads":
      return (await view.uploads(bucketId, { ...range, afterUploadId: id })).map(
        ({ key, uploadId, attributes }) => ({
          key,
          id: uploadId,
          row: { case: "uploadId", value: uploadId },
          attributes,
          sliceCount: 0,
        }),
      );
  }
}

function ofVersion(row: {
  readonly key: string;
  readonly versionId: Uint8Array;
  readonly attributes?: Pick<ObjectAttributes, "encryption"> | undefined;
  readonly sliceCount: number;
}): WalkedRow {
  const { key, versionId, attributes, sliceCount } = row;
  return { key, id: versionId, row: { case: "versionId", value: versionId }, attributes, sliceCount };
}

function behindPhase(position: Inside): RewrapPosition {
  const phase = REWRAP_PHASES[REWRAP_PHASES.indexOf(position.phase) + 1];
  if (phase === undefined) return { kind: "behind", bucket: position.bucket };
  return { ...position, phase, afterKey: "", afterId: "" };
}
