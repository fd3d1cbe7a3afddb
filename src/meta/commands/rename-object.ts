import { EMPTY_BYTES, equalBytes } from "../../base/index.ts";
import {
  type CommandResult,
  type Refusal,
  RefusalCode,
  type RenameObject,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  BucketRowSchema,
  ObjectChange_Kind,
  type ObjectRow,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { mark } from "../delete-markers.ts";
import { checkNewVersion, committed, commitVersion, findBucket, isRefusal } from "../heads.ts";
import { bucketKey, objectReferrer } from "../keys.ts";
import { META_ID_BYTES } from "../limits.ts";
import { logObjectChange } from "../oplog.ts";
import { checkPreconditions } from "../preconditions.ts";
import { refusal, refused, refusedWith } from "../result.ts";
import { checkRemovable } from "../retention.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/**
 * Both keys change in this one entry. The new key is written first, so that the bytes have a reference at every moment. Under the old key the version
 * goes, or a delete marker takes its place where the bucket is versioned.
 */
export function renameObject(state: ApplyState, command: RenameObject): CommandResult {
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  if (command.key === command.sourceKey) return refused(RefusalCode.INVALID, "the keys are the same");
  const counts = new BucketCounts();
  const target = new KeyVersions(state, bucket, command.key, counts);
  const { current } = target;
  if (current !== undefined && isRepeated(command, current)) {
    return equalBytes(current.renameSource, command.tokenSource)
      ? committed(current)
      : refused(RefusalCode.TOKEN_REUSED, "");
  }
  const source = new KeyVersions(state, bucket, command.sourceKey, new BucketCounts()).current;
  const problem =
    checkNewVersion(command.key, command.versionId) ??
    checkToken(command) ??
    checkPreconditions(command.sourcePreconditions, source) ??
    checkPreconditions(command.preconditions, current);
  if (problem !== undefined) return refusedWith(problem);
  if (source === undefined) return refused(RefusalCode.OBJECT_UNKNOWN, "");
  const lock =
    bucket.versioning === VersioningState.UNSPECIFIED && checkRemovable(source, state.nowMs, false);
  if (lock) return refusedWith(lock);
  const next = { ...source, ...ofNewKey(command), versionId: target.newId(command.versionId) };
  target.references.add(source.slices, objectReferrer(bucket.bucketId, command.key, next.versionId));
  const result = commitVersion(state, {
    kind: ObjectChange_Kind.COPIED,
    bucket,
    versions: target,
    counts,
    next,
  });
  leave(state, bucket, command);
  return result;
}

function isRepeated({ token }: RenameObject, { renameToken }: ObjectRow): boolean {
  return token.length > 0 && equalBytes(token, renameToken);
}

function checkToken({ token, tokenSource, markerId }: RenameObject): Refusal | undefined {
  if (markerId.length !== META_ID_BYTES || markerId[0] === 0xff) {
    return refusal(RefusalCode.INVALID, "the id of a delete marker");
  }
  const isValid =
    token.length === tokenSource.length && (token.length === 0 || token.length === META_ID_BYTES);
  return isValid ? undefined : refusal(RefusalCode.INVALID, "a token has 16 bytes");
}

/** Everything else is the object's own. */
function ofNewKey(command: RenameObject) {
  return {
    key: command.key,
    olderVersionId: EMPTY_BYTES,
    newerVersionId: EMPTY_BYTES,
    noncurrentSinceMs: 0n,
    renameToken: command.token,
    renameSource: command.tokenSource,
  };
}

/** The old key, after the new one is there: the bucket's row has been written since it was read. */
function leave(state: ApplyState, before: BucketRow, { sourceKey, markerId }: RenameObject): void {
  const bucket = findBucket(state, before.name, before.bucketId);
  if (isRefusal(bucket)) return;
  const counts = new BucketCounts();
  const versions = new KeyVersions(state, bucket, sourceKey, counts);
  if (bucket.versioning !== VersioningState.UNSPECIFIED) {
    mark({ state, bucket, counts, markerId, expired: false }, sourceKey, versions);
  } else if (versions.current !== undefined) {
    const { current } = versions;
    versions.remove(current);
    versions.references.settle();
    logObjectChange(state, ObjectChange_Kind.REMOVED, bucket, current);
  }
  state.write(bucketKey(bucket.name), BucketRowSchema, counts.addedTo(bucket));
}
