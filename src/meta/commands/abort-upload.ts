import { assert } from "../../base/index.ts";
import type { AbortUpload, CommandResult } from "../../gen/skerry/meta/v1/commands_pb.js";
import { BucketRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { bucketKey } from "../keys.ts";
import { ReferenceChanges } from "../references.ts";
import { done, refusedWith } from "../result.ts";
import { findUpload, removeUpload } from "../uploads.ts";

export function abortUpload(state: ApplyState, command: AbortUpload): CommandResult {
  const upload = findUpload(state, command);
  if (isRefusal(upload)) return refusedWith(upload);
  const bucket = findBucket(state, upload.bucket, upload.bucketId);
  assert(!isRefusal(bucket) && bucket.uploadCount > 0n, "a bucket with an upload counts it");
  const references = new ReferenceChanges(state);
  removeUpload(state, upload, references);
  references.settle();
  state.write(bucketKey(bucket.name), BucketRowSchema, { ...bucket, uploadCount: bucket.uploadCount - 1n });
  return done();
}
