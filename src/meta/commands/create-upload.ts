import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type CreateUpload,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { BucketRowSchema, UploadRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkAttributes } from "../attributes.ts";
import { checkEncryption } from "../encryption.ts";
import { checkWrapping, countUse } from "../encryption-uses.ts";
import { checkObjectKey, findOpenBucket, isRefusal } from "../heads.ts";
import { bucketKey, completedUploadKey, uploadKey, uploadOrderKey } from "../keys.ts";
import { META_ID_BYTES } from "../limits.ts";
import { refused, refusedWith } from "../result.ts";

export function createUpload(state: ApplyState, command: CreateUpload): CommandResult {
  const { uploadId, key } = command;
  const bucket = findOpenBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const problem =
    checkObjectKey(key) ??
    checkEncryption(command.attributes?.encryption, "upload") ??
    checkAttributes(bucket, command.attributes) ??
    checkWrapping(state, command.attributes?.encryption);
  if (problem !== undefined) return refusedWith(problem);
  if (uploadId.length !== META_ID_BYTES) return refused(RefusalCode.INVALID, "an upload id has 16 bytes");
  if (state.has(uploadKey(uploadId)) || state.has(completedUploadKey(uploadId))) {
    return refused(RefusalCode.INVALID, "an upload id is used once");
  }
  const upload = create(UploadRowSchema, {
    uploadId,
    bucketId: bucket.bucketId,
    bucket: bucket.name,
    key,
    initiatedAtMs: state.nowMs,
    ...(command.attributes !== undefined && { attributes: command.attributes }),
    ownerId: command.ownerId,
    ownerDisplayName: command.ownerDisplayName,
    checksumAlgorithm: command.checksumAlgorithm,
  });
  state.write(uploadKey(uploadId), UploadRowSchema, upload);
  countUse(state, upload.attributes?.encryption, 1n);
  state.putEmpty(uploadOrderKey(bucket.bucketId, key, uploadId));
  state.write(bucketKey(bucket.name), BucketRowSchema, { ...bucket, uploadCount: bucket.uploadCount + 1n });
  return create(CommandResultSchema, {
    result: { case: "uploadCreated", value: { uploadId, initiatedAtMs: state.nowMs } },
  });
}
