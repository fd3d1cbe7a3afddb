import { type CommandResult, type CommitObject, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { ObjectChange_Kind, type ObjectRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkAttributes } from "../attributes.ts";
import { checkEncryption, storedSize } from "../encryption.ts";
import { checkWrapping } from "../encryption-uses.ts";
import {
  BLANK_OBJECT,
  checkNewVersion,
  commitVersion,
  findOpenBucket,
  isRefusal,
  writeNewBlobs,
} from "../heads.ts";
import { objectReferrer } from "../keys.ts";
import { MAX_OBJECT_BYTES } from "../limits.ts";
import { acceptManifest } from "../manifest.ts";
import { checkPreconditions } from "../preconditions.ts";
import { refused, refusedWith } from "../result.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/** A new version of a key whose bytes are durable (or inline). */
export function commitObject(state: ApplyState, command: CommitObject): CommandResult {
  const bucket = findOpenBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const counts = new BucketCounts();
  const versions = new KeyVersions(state, bucket, command.key, counts);
  const problem =
    checkNewVersion(command.key, command.versionId) ??
    checkPreconditions(command.preconditions, versions.current) ??
    checkAttributes(bucket, command.attributes);
  if (problem !== undefined) return refusedWith(problem);
  if (command.size > BigInt(MAX_OBJECT_BYTES)) return refused(RefusalCode.TOO_LARGE, "the object");
  const encryption = command.attributes?.encryption;
  const encryptionProblem = checkEncryption(encryption, "body") ?? checkWrapping(state, encryption);
  if (encryptionProblem !== undefined) return refusedWith(encryptionProblem);
  const { blobs, slices } = command;
  const manifest = acceptManifest(state, { blobs, slices, size: storedSize(command.size, encryption?.salt) });
  if (manifest.kind === "refused") return refusedWith(manifest.refusal);

  const versionId = versions.newId(command.versionId);
  writeNewBlobs(state, manifest.blobs, objectReferrer(bucket.bucketId, command.key, versionId));
  const next = { ...headOf(state, command), versionId };
  return commitVersion(state, { kind: ObjectChange_Kind.CREATED, bucket, versions, counts, next });
}

function headOf(state: ApplyState, command: CommitObject): ObjectRow {
  return {
    ...BLANK_OBJECT,
    key: command.key,
    size: command.size,
    etag: command.etag,
    modifiedAtMs: state.nowMs,
    ...(command.attributes !== undefined && { attributes: command.attributes }),
    slices: command.slices,
    ownerId: command.ownerId,
    ownerDisplayName: command.ownerDisplayName,
  };
}
