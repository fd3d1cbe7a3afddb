import { type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  LegalHold,
  type ObjectAttributes,
  RetentionMode,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { MAX_ACL_BYTES, MAX_TAGS } from "./limits.ts";
import { refusal } from "./result.ts";

/** The bounds of what a client says about an object, and that only a bucket with object lock keeps what must be kept. */
export function checkAttributes(
  bucket: BucketRow,
  attributes: ObjectAttributes | undefined,
): Refusal | undefined {
  if (attributes === undefined) return undefined;
  if (attributes.tags.length > MAX_TAGS) return refusal(RefusalCode.INVALID, "too many tags");
  if (attributes.acl.length > MAX_ACL_BYTES) return refusal(RefusalCode.INVALID, "the ACL is too long");
  const locks =
    attributes.retentionMode !== RetentionMode.UNSPECIFIED || attributes.legalHold !== LegalHold.UNSPECIFIED;
  if (locks && !bucket.objectLock) {
    return refusal(RefusalCode.LOCK_MISSING, "Bucket is missing Object Lock Configuration");
  }
  return undefined;
}
