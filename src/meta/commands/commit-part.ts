import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type CommitPart,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { PartRowSchema, type UploadRow, UploadRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkPartSalt, storedSize } from "../encryption.ts";
import { isRefusal, writeNewBlobs } from "../heads.ts";
import { partKey, partReferrer, uploadKey } from "../keys.ts";
import { MAX_PART_BYTES, MAX_PART_NUMBER } from "../limits.ts";
import { acceptManifest, checkCopiedSlices } from "../manifest.ts";
import { ReferenceChanges } from "../references.ts";
import { refusal, refusedWith } from "../result.ts";
import { findUpload, readPart, withPart } from "../uploads.ts";
import { findSource } from "./copy-object.ts";

/** A part: new bytes, or a range of another object's. A part of the same number is replaced. */
export function commitPart(state: ApplyState, command: CommitPart): CommandResult {
  const upload = findUpload(state, command);
  if (isRefusal(upload)) return refusedWith(upload);
  const problem = checkPart(command) ?? checkPartSalt(upload.attributes, command.salt);
  if (problem !== undefined) return refusedWith(problem);
  const referrer = partReferrer(command.uploadId, command.partNumber);
  const previous = readPart(state, command.uploadId, command.partNumber);
  const references = new ReferenceChanges(state);
  if (previous !== undefined) references.drop(previous.slices, referrer);
  const refused =
    command.sourceVersionId.length > 0
      ? copyBytes(state, command, references, referrer)
      : storeBytes(state, command, referrer);
  if (refused !== undefined) return refusedWith(refused);
  references.settle();
  writeRows(state, command, upload);
  return create(CommandResultSchema, {
    result: { case: "partCommitted", value: { modifiedAtMs: state.nowMs } },
  });
}

function checkPart(command: CommitPart): Refusal | undefined {
  if (command.partNumber < 1 || command.partNumber > MAX_PART_NUMBER) {
    return refusal(RefusalCode.PART_INVALID, "the part number");
  }
  // The multipart ETag is made of the parts' MD5s.
  if (!/^[0-9a-f]{32}$/.test(command.etag))
    return refusal(RefusalCode.PART_INVALID, "the ETag of a part is an MD5");
  if (command.size > BigInt(MAX_PART_BYTES)) return refusal(RefusalCode.TOO_LARGE, "the part");
  return undefined;
}

function storeBytes(state: ApplyState, command: CommitPart, referrer: string): Refusal | undefined {
  const { blobs, slices } = command;
  const manifest = acceptManifest(state, { blobs, slices, size: storedSize(command.size, command.salt) });
  if (manifest.kind === "refused") return manifest.refusal;
  writeNewBlobs(state, manifest.blobs, referrer);
  return undefined;
}

function copyBytes(
  state: ApplyState,
  command: CommitPart,
  references: ReferenceChanges,
  referrer: string,
): Refusal | undefined {
  if (command.blobs.length > 0) return refusal(RefusalCode.BLOB_INVALID, "a copied part has no new blobs");
  const source = findSource(state, {
    bucket: command.sourceBucket,
    key: command.sourceKey,
    versionId: command.sourceVersionId,
  });
  if (source === undefined) return refusal(RefusalCode.SOURCE_CHANGED, "");
  // Encrypted bytes belong to one body: they are read and written again, by the caller.
  if (command.salt.length > 0 || source.attributes?.encryption !== undefined) {
    return refusal(RefusalCode.INVALID, "encryption: encrypted bytes are not shared between parts");
  }
  references.add(command.slices, referrer);
  return checkCopiedSlices(command.slices, command.size, source.slices) ?? references.check();
}

function writeRows(state: ApplyState, command: CommitPart, upload: UploadRow): void {
  state.write(partKey(command.uploadId, command.partNumber), PartRowSchema, {
    $typeName: "skerry.meta.v1.PartRow",
    partNumber: command.partNumber,
    size: command.size,
    etag: command.etag,
    modifiedAtMs: state.nowMs,
    slices: command.slices,
    checksums: command.checksums,
    salt: command.salt,
  });
  const partBitmap = withPart(upload.partBitmap, command.partNumber);
  state.write(uploadKey(command.uploadId), UploadRowSchema, { ...upload, partBitmap });
}
