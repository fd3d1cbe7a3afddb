import { create } from "@bufbuild/protobuf";
import { equalBytes } from "../../base/index.ts";
import {
  type CommandResult,
  CommandResultSchema,
  RefusalCode,
  type RewrapDataKeys,
  type RewrappedDataKey,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  type ObjectAttributes,
  type ObjectEncryption,
  UploadRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { countUse, isOfRing, newestVersion } from "../encryption-uses.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { uploadKey } from "../keys.ts";
import { MAX_REWRAPPED_KEYS, MAX_SEALED_SECRET_BYTES } from "../limits.ts";
import { refused, refusedWith } from "../result.ts";
import { findUpload } from "../uploads.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/**
 * Other wrappings of the same data keys. Bytes, ETag, time, tags and locks stay, and the oplog says nothing: no client sees a difference. What was written, moved
 * or removed since the proposer looked is passed over, for its wrapping is another one.
 */
export function rewrapDataKeys(state: ApplyState, command: RewrapDataKeys): CommandResult {
  if (command.targets.length > MAX_REWRAPPED_KEYS) return refused(RefusalCode.TOO_LARGE, "too many targets");
  if (!command.targets.every(({ wrappedKey }) => isWrapped(wrappedKey))) {
    return refused(RefusalCode.INVALID, "a wrapped key");
  }
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  let rewrapped = 0;
  for (const target of command.targets) {
    if (rewrap(state, bucket, target)) rewrapped++;
  }
  const value = { rewrapped, passedOver: command.targets.length - rewrapped };
  return create(CommandResultSchema, { result: { case: "dataKeysRewrapped", value } });
}

function isWrapped(key: Uint8Array): boolean {
  return key.length > 0 && key.length <= MAX_SEALED_SECRET_BYTES;
}

/** False: passed over. */
function rewrap(state: ApplyState, bucket: BucketRow, target: RewrappedDataKey): boolean {
  switch (target.row.case) {
    case undefined:
      return false;
    case "versionId": {
      const versions = new KeyVersions(state, bucket, target.key, new BucketCounts());
      const version = versions.byId(target.row.value);
      const attributes = rewrappedAttributes(state, version?.attributes, target);
      if (version === undefined || attributes === undefined) return false;
      versions.replace({ ...version, attributes });
      return true;
    }
    case "uploadId": {
      const uploadId = target.row.value;
      const upload = findUpload(state, { bucket: bucket.name, key: target.key, uploadId });
      if (isRefusal(upload)) return false;
      const attributes = rewrappedAttributes(state, upload.attributes, target);
      if (attributes === undefined) return false;
      state.write(uploadKey(uploadId), UploadRowSchema, { ...upload, attributes });
      return true;
    }
  }
}

/** Undefined: the row is not what the proposer saw, or the version is not the newest any more. Uses are counted. */
function rewrappedAttributes(
  state: ApplyState,
  attributes: ObjectAttributes | undefined,
  target: RewrappedDataKey,
): ObjectAttributes | undefined {
  const before = attributes?.encryption;
  if (attributes === undefined || !isOfRing(before)) return undefined;
  const isSame =
    before.keyId === target.encryptionKeyId && equalBytes(before.wrappedKey, target.expectedWrappedKey);
  const isNewer =
    target.keyVersion === newestVersion(state, before.keyId) && target.keyVersion > before.keyVersion;
  if (!isSame || !isNewer) return undefined;
  const encryption: ObjectEncryption = {
    ...before,
    keyVersion: target.keyVersion,
    wrappedKey: target.wrappedKey,
  };
  countUse(state, before, -1n);
  countUse(state, encryption, 1n);
  return { ...attributes, encryption };
}
