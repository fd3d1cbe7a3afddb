import { ObjectChange_Kind as Kind, type ObjectChange } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { type EventName, eventOf } from "./notifications/rules.ts";
import { formatVersionId } from "./version-id.ts";

/** What was done: as notifications name it, and what S3 has no event for. */
export type ChangeName = EventName | "ObjectRetention:Put" | "ObjectLegalHold:Put";

export interface ListedChange {
  /** Grows with every change of the cluster; a bucket's own have gaps. */
  readonly sequence: bigint;
  readonly timeMs: number;
  readonly name: ChangeName;
  readonly key: string;
  /** "null" for a null version. */
  readonly versionId: string;
  readonly size: number;
  readonly etag: string;
}

export interface ListChangesRequest {
  readonly bucket: string;
  /** Exclusive; 0 begins with the oldest that is kept. */
  readonly after: bigint;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface ListChangesResult {
  readonly changes: readonly ListedChange[];
  /** Where the next call goes on. */
  readonly next: bigint;
  /** There are changes behind `next` already, of this bucket or of others. */
  readonly more: boolean;
}

const PAGE_ROWS = 1_000;
/** Changes of the whole cluster that one call looks at. */
const MAX_ROWS = 10_000;

/**
 * The changes of a bucket in order, as of now. Refuses "bucket-not-found", "changes-gone" where some behind `after` are not kept any more, and
 * "changes-unknown" where there is no such change yet.
 */
export async function listChanges(
  context: ObjectContext,
  request: ListChangesRequest,
): Promise<ListChangesResult> {
  const { bucketId } = await context.freshBucket(request.bucket);
  const { first, next: end } = context.view.oplogBounds();
  if (request.after > 0n && request.after + 1n < first) throw gone(first);
  if (request.after >= end && request.after > 0n) throw unknown(end);
  const changes: ListedChange[] = [];
  let next = request.after;
  for (let examined = 0; examined < MAX_ROWS; examined += PAGE_ROWS) {
    const rows = await context.view.oplog(next, PAGE_ROWS);
    for (const { sequence, timeMs, change } of rows) {
      // Sequences have no gaps: what is missing here was trimmed since the bounds were looked at.
      if (next > 0n && sequence !== next + 1n) throw gone(sequence);
      next = sequence;
      if (change.case !== "object" || change.value.bucketId !== bucketId) continue;
      changes.push(listed(sequence, Number(timeMs), change.value));
      if (changes.length === request.limit) return { changes, next, more: next + 1n < end };
    }
    if (rows.length < PAGE_ROWS) return { changes, next, more: false };
  }
  return { changes, next, more: true };
}

function gone(oldest: bigint): ObjectError {
  return new ObjectError(
    "changes-gone",
    "changes after this one are not kept any more: list the bucket, and begin anew",
    { details: { OldestSequence: String(oldest) } },
  );
}

function unknown(end: bigint): ObjectError {
  return new ObjectError(
    "changes-unknown",
    "there is no change of this sequence yet: it is that of another cluster, or of this one before it was made anew; list the bucket, and begin anew",
    { details: { NewestSequence: String(end - 1n) } },
  );
}

function listed(sequence: bigint, timeMs: number, change: ObjectChange): ListedChange {
  const { key, size, etag } = change;
  const versionId = formatVersionId(change);
  return { sequence, timeMs, name: nameOf(change), key, versionId, size: Number(size), etag };
}

function nameOf(change: ObjectChange): ChangeName {
  return (
    eventOf(change) ??
    (change.kind === Kind.LEGAL_HOLD_CHANGED ? "ObjectLegalHold:Put" : "ObjectRetention:Put")
  );
}
