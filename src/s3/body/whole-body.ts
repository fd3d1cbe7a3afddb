import { equalBytes, GrowingBuffer, toBase64 } from "../../base/index.ts";
import { type BodySource, type ChecksumAlgorithm, ObjectError } from "../../object/index.ts";
import type { DigestAlgorithm, Hasher } from "../../platform/index.ts";
import { S3Refusal } from "../errors.ts";
import { MAX_XML_BODY_BYTES } from "../limits.ts";

const DIGEST_OF: Readonly<Record<ChecksumAlgorithm, DigestAlgorithm>> = {
  CRC32: "crc32",
  CRC32C: "crc32c",
  CRC64NVME: "crc64nvme",
  SHA1: "sha1",
  SHA256: "sha256",
};

/**
 * Reads a small body into memory and verifies all that was promised about it. At most `maxBytes`, for XML. Rejects with
 * `ObjectError` "md5-mismatch", "sha256-mismatch", "checksum-mismatch" and what the source throws, or refuses "MalformedXML" when too long.
 */
export async function readWholeBody(
  body: BodySource,
  hasher: Hasher,
  maxBytes: number = MAX_XML_BODY_BYTES,
): Promise<Uint8Array> {
  if (body.sizeBytes > maxBytes) throw new S3Refusal("MalformedXML", "The request body is too long.");
  const held = new GrowingBuffer(body.sizeBytes);
  for await (const piece of body.bytes) held.append(piece);
  const bytes = held.bytes();
  const { md5, sha256, checksum, trailer } = body.expected;
  if (md5 !== undefined && !equalBytes(md5, hasher.digest("md5", bytes))) {
    throw new ObjectError("md5-mismatch", "The Content-MD5 does not match the body.");
  }
  if (sha256 !== undefined && !equalBytes(sha256, hasher.digest("sha256", bytes))) {
    throw new ObjectError("sha256-mismatch", "The x-amz-content-sha256 does not match the body.");
  }
  const algorithm = checksum?.algorithm ?? trailer?.algorithm;
  if (algorithm !== undefined) {
    const computed = toBase64(hasher.digest(DIGEST_OF[algorithm], bytes));
    if ((checksum?.value ?? trailer?.value()) !== computed) {
      throw new ObjectError("checksum-mismatch", `The ${algorithm} does not match the body.`);
    }
  }
  return bytes;
}
