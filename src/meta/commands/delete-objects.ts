import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type DeleteObjects,
  type DeleteOutcome,
  DeleteOutcomeSchema,
  type DeleteTarget,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BucketRow, BucketRowSchema, ObjectChange_Kind } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { dropHeadReferences, findBucket, findHead, isRefusal } from "../heads.ts";
import { bucketKey, objectKey } from "../keys.ts";
import { MAX_DELETE_TARGETS } from "../limits.ts";
import { logObjectChange } from "../oplog.ts";
import { checkPreconditions } from "../preconditions.ts";
import { ReferenceChanges } from "../references.ts";
import { refused, refusedWith } from "../result.ts";

/** Removes current versions, each target for itself and in order. What does not exist is fine, whatever its preconditions. */
export function deleteObjects(state: ApplyState, command: DeleteObjects): CommandResult {
  if (command.targets.length > MAX_DELETE_TARGETS) return refused(RefusalCode.TOO_LARGE, "too many targets");
  let bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const before = bucket;
  const outcomes: DeleteOutcome[] = [];
  for (const target of command.targets) {
    const removal = remove(state, bucket, target);
    bucket = removal.bucket;
    outcomes.push(removal.outcome);
  }
  if (bucket !== before) state.write(bucketKey(bucket.name), BucketRowSchema, bucket);
  return create(CommandResultSchema, { result: { case: "objectsDeleted", value: { outcomes } } });
}

function remove(
  state: ApplyState,
  bucket: BucketRow,
  target: DeleteTarget,
): { readonly bucket: BucketRow; readonly outcome: DeleteOutcome } {
  const head = findHead(state, bucket, target.key);
  if (head === undefined) return { bucket, outcome: create(DeleteOutcomeSchema, { existed: false }) };
  const refusal = checkPreconditions(target.preconditions, head);
  if (refusal !== undefined)
    return { bucket, outcome: create(DeleteOutcomeSchema, { existed: true, refusal }) };
  const references = new ReferenceChanges(state);
  dropHeadReferences(references, bucket, head);
  references.settle();
  state.delete(objectKey(bucket.bucketId, head.key));
  logObjectChange(state, ObjectChange_Kind.REMOVED, bucket, head);
  const counted: BucketRow = {
    ...bucket,
    objectCount: bucket.objectCount - 1n,
    objectBytes: bucket.objectBytes - head.size,
  };
  return { bucket: counted, outcome: create(DeleteOutcomeSchema, { existed: true }) };
}
