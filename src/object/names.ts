import { ObjectError } from "./errors.ts";

/** Greatest length of a key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;

const encoder = new TextEncoder();

/**
 * Refuses names that S3 does not allow for new general purpose buckets.
 * Source: Amazon S3 User Guide, "General purpose bucket naming rules".
 */
export function checkBucketName(name: string): void {
  const reason = bucketNameFault(name);
  if (reason !== undefined) throw new ObjectError("bucket-name-invalid", reason);
}

/** What is wrong with the name of a new bucket, as a sentence; undefined when nothing is. */
export function bucketNameFault(name: string): string | undefined {
  if (name.length < 3 || name.length > 63) return "a bucket name has 3 to 63 characters";
  if (!/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/.test(name)) {
    return "a bucket name has lower-case letters, digits, dots and hyphens, and begins and ends with a letter or digit";
  }
  if (name.includes("..")) return "a bucket name has no two dots in a row";
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return "a bucket name is not an IP address";
  if (/^(xn--|sthree-|amzn-s3-demo-)/.test(name))
    return "a bucket name does not begin with a reserved prefix";
  if (/(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name)) {
    return "a bucket name does not end with a reserved suffix";
  }
  return undefined;
}

/** Refuses keys that cannot be stored. Any UTF-8 up to 1,024 bytes can. */
export function checkKey(key: string): void {
  if (key.length === 0) throw new ObjectError("key-invalid", "a key is not empty");
  if (!key.isWellFormed()) throw new ObjectError("key-invalid", "a key is well-formed Unicode");
  // A character takes three bytes at most.
  if (3 * key.length > MAX_KEY_BYTES && encoder.encode(key).length > MAX_KEY_BYTES) {
    throw new ObjectError("key-too-long", `a key has at most ${MAX_KEY_BYTES} bytes of UTF-8`, {
      details: { MaxSizeAllowed: String(MAX_KEY_BYTES) },
    });
  }
}
