import { equalBytes } from "../base/index.ts";
import type { BucketRow, ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { StillView } from "../meta/index.ts";
import type { ObjectContext } from "./context.ts";
import { ObjectError, type ObjectErrorCode } from "./errors.ts";
import { checkKey } from "./names.ts";
import { formatVersionId, parseVersionId } from "./version-id.ts";

export interface VersionAddress {
  readonly bucket: string;
  readonly key: string;
  /** As clients see it; undefined: the current version. */
  readonly versionId?: string | undefined;
}

export interface FoundVersion {
  readonly bucket: BucketRow;
  readonly row: ObjectRow;
}

/**
 * A version as of now. Refuses "bucket-not-found", "object-not-found", "version-not-found", "version-id-invalid", and for a delete marker that was
 * asked for by its id "delete-marker".
 */
export async function freshVersion(context: ObjectContext, address: VersionAddress): Promise<FoundVersion> {
  checkKey(address.key);
  const wanted = address.versionId === undefined ? undefined : { id: parseVersionId(address.versionId) };
  await context.barrier();
  const bucket = context.bucket(address.bucket);
  if (wanted === undefined) return { bucket, row: currentVersion(context, bucket, address.key) };
  const row =
    versionOf(context, bucket, address.key, wanted.id) ??
    (await stillVersionOf(context, bucket, address.key, wanted.id));
  if (row === undefined) {
    throw new ObjectError("version-not-found", "there is no version of this id", {
      details: { Key: address.key, VersionId: address.versionId ?? "" },
    });
  }
  if (row.deleteMarker) {
    throw new ObjectError("delete-marker", "the version is a delete marker", { details: markerDetails(row) });
  }
  return { bucket, row };
}

/** The source of a copy. Refuses what `freshVersion` does, but a delete marker that was asked for by its id with "copy-source-marker". */
export async function freshSource(
  context: ObjectContext,
  request: {
    readonly sourceBucket: string;
    readonly sourceKey: string;
    readonly sourceVersionId?: string | undefined;
  },
): Promise<FoundVersion> {
  const { sourceBucket: bucket, sourceKey: key, sourceVersionId: versionId } = request;
  try {
    return await freshVersion(context, { bucket, key, versionId });
  } catch (error) {
    if (!(error instanceof ObjectError) || error.code !== "delete-marker") throw error;
    throw new ObjectError(
      "copy-source-marker",
      "The source of a copy request may not specifically refer to a delete marker by version id.",
      { cause: error },
    );
  }
}

/** How often a copy begins, the first time included, where its source is written meanwhile. */
const SOURCE_ATTEMPTS = 5;

/** Begins `copy` again, source and conditions included, where it ends with "source-changed". Refuses that when the source never stands still. */
export async function ofUnchangedSource<T>(copy: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await copy();
    } catch (error) {
      const isChanged = error instanceof ObjectError && error.code === "source-changed";
      if (!isChanged || attempt === SOURCE_ATTEMPTS) throw error;
    }
  }
}

const NOTHING_THERE: ReadonlySet<ObjectErrorCode> = new Set<ObjectErrorCode>([
  "object-not-found",
  "version-not-found",
  "version-id-invalid",
  "delete-marker",
  "key-invalid",
  "key-too-long",
]);

/** As of now; undefined: there is none, or a delete marker, or nothing could have this key or this id. Refuses "bucket-not-found". */
export async function versionIfAny(
  context: ObjectContext,
  address: VersionAddress,
): Promise<FoundVersion | undefined> {
  try {
    return await freshVersion(context, address);
  } catch (error) {
    if (error instanceof ObjectError && NOTHING_THERE.has(error.code)) return undefined;
    throw error;
  }
}

function currentVersion(context: ObjectContext, bucket: BucketRow, key: string): ObjectRow {
  const row = context.view.object(bucket.bucketId, key);
  if (row !== undefined) return row;
  const newest = context.view.keyVersions(bucket.bucketId, key)?.newestVersionId;
  const marker = newest && context.view.version(bucket.bucketId, key, newest);
  throw new ObjectError("object-not-found", "there is no object of this key", {
    details: { Key: key, ...(marker !== undefined && markerDetails(marker)) },
  });
}

/** Of one moment: between two reads a version may move from being the current one to being an older one, or back. */
function stillVersionOf(
  { view }: ObjectContext,
  bucket: BucketRow,
  key: string,
  id: Uint8Array | undefined,
): Promise<ObjectRow | undefined> {
  return view.still((rows) => Promise.resolve(versionOf({ view: rows }, bucket, key, id)));
}

/** `id` undefined: the null version. */
export function versionOf(
  { view }: { readonly view: Pick<StillView, "object" | "version" | "keyVersions"> },
  bucket: BucketRow,
  key: string,
  id: Uint8Array | undefined,
): ObjectRow | undefined {
  const head = view.object(bucket.bucketId, key);
  if (id === undefined) {
    if (head?.versioned === false) return head;
    const nullId = view.keyVersions(bucket.bucketId, key)?.nullVersionId;
    return nullId && view.version(bucket.bucketId, key, nullId);
  }
  const isHead = head !== undefined && equalBytes(head.versionId, id);
  const row = isHead ? head : view.version(bucket.bucketId, key, id);
  return row?.versioned === true ? row : undefined;
}

function markerDetails(marker: ObjectRow): Readonly<Record<string, string>> {
  return {
    DeleteMarker: "true",
    VersionId: formatVersionId(marker),
    LastModified: String(marker.modifiedAtMs),
  };
}
