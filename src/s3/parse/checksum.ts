import { fromBase64 } from "../../base/index.ts";
import type { Checksum, ChecksumAlgorithm } from "../../object/index.ts";
import { invalidArgument, notImplemented, S3Refusal } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";
import type { ChecksumType } from "../operation.ts";

export const CHECKSUM_ALGORITHMS: readonly ChecksumAlgorithm[] = [
  "CRC32",
  "CRC32C",
  "CRC64NVME",
  "SHA1",
  "SHA256",
];

/** Names that S3 knows and this gateway does not compute. */
const UNSUPPORTED_ALGORITHMS: ReadonlySet<string> = new Set([
  "MD5",
  "SHA512",
  "XXHASH3",
  "XXHASH64",
  "XXHASH128",
]);

const LENGTHS: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

const HEADER_PREFIX = "x-amz-checksum-";

/** Headers that begin like a checksum and are none. */
const NO_CHECKSUMS: ReadonlySet<string> = new Set(["algorithm", "mode", "type"]);

export function checksumHeaderName(algorithm: ChecksumAlgorithm): string {
  return HEADER_PREFIX + algorithm.toLowerCase();
}

/** Whether a header of this name would hold a checksum, of whatever algorithm. */
export function isChecksumName(name: string): boolean {
  return name.startsWith(HEADER_PREFIX) && !NO_CHECKSUMS.has(name.slice(HEADER_PREFIX.length));
}

/** The algorithm that a header or trailer is named after: undefined when it is no checksum at all. */
export function algorithmOfHeader(name: string): ChecksumAlgorithm | undefined {
  return isChecksumName(name) ? parseAlgorithm(name.slice(HEADER_PREFIX.length), name) : undefined;
}

/** Refuses algorithms that do not exist with "InvalidRequest", those that S3 has and Skerry has not with "NotImplemented". */
export function parseAlgorithm(text: string, header: string): ChecksumAlgorithm {
  const name = text.toUpperCase();
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name);
  if (algorithm !== undefined) return algorithm;
  if (UNSUPPORTED_ALGORITHMS.has(name)) throw notImplemented(`The checksum algorithm ${name}`);
  throw new S3Refusal("InvalidRequest", `Checksum algorithm provided in ${header} is unsupported.`);
}

/** The one checksum in the headers. Refuses two of them, unknown algorithms and values that are not base64 of the right length. */
export function checksumOfHeaders(
  headers: RequestHeaders,
  composite: "refused" | "allowed",
): Checksum | undefined {
  let checksum: Checksum | undefined;
  for (const [name, value] of headers) {
    if (!name.startsWith(HEADER_PREFIX)) continue;
    const algorithm = algorithmOfHeader(name);
    if (algorithm === undefined) continue;
    if (checksum !== undefined) {
      throw new S3Refusal(
        "InvalidRequest",
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
      );
    }
    if (!isChecksumValue(algorithm, value, composite)) {
      throw new S3Refusal("BadDigest", `Value for ${name} header is invalid.`);
    }
    checksum = { algorithm, value };
  }
  return checksum;
}

const COMPOSITE_SUFFIX = /-[0-9]{1,5}$/;

export function isChecksumValue(
  algorithm: ChecksumAlgorithm,
  value: string,
  composite: "refused" | "allowed",
): boolean {
  const digest = composite === "allowed" ? value.replace(COMPOSITE_SUFFIX, "") : value;
  return fromBase64(digest)?.length === LENGTHS[algorithm];
}

/** The algorithm whose value x-amz-trailer promises. Refuses trailers that are not one checksum. */
export function trailerAlgorithm(headers: RequestHeaders): ChecksumAlgorithm | undefined {
  const announced = headers.get("x-amz-trailer");
  if (announced === undefined) return undefined;
  const algorithm = algorithmOfHeader(announced.trim().toLowerCase());
  if (algorithm === undefined) {
    throw new S3Refusal("InvalidRequest", "The value specified in the x-amz-trailer header is not supported");
  }
  return algorithm;
}

export function parseChecksumType(headers: RequestHeaders): ChecksumType | undefined {
  const type = headers.get("x-amz-checksum-type")?.toUpperCase();
  if (type === undefined || type === "COMPOSITE" || type === "FULL_OBJECT") return type;
  throw invalidArgument("Value for x-amz-checksum-type header is invalid.", "x-amz-checksum-type", type);
}

const MD5_BYTES = 16;

/** Content-MD5 as bytes. Refuses "InvalidDigest". */
export function contentMd5(headers: RequestHeaders): Uint8Array | undefined {
  const value = headers.get("content-md5");
  if (value === undefined) return undefined;
  const digest = fromBase64(value.trim());
  if (digest?.length !== MD5_BYTES) {
    throw new S3Refusal("InvalidDigest", undefined, { "Content-MD5": value });
  }
  return digest;
}
