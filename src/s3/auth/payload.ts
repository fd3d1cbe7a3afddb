import { fromHex } from "../../base/index.ts";
import { invalidArgument, notImplemented, S3Refusal } from "../errors.ts";

/** What x-amz-content-sha256 says about the body. */
export type Payload =
  /** The body as a whole has this SHA-256. */
  | { readonly kind: "hash"; readonly sha256: Uint8Array }
  | { readonly kind: "unsigned" }
  /** aws-chunked, every chunk signed; with a trailer, that is signed as well. */
  | { readonly kind: "signed-chunks"; readonly trailer: boolean }
  /** aws-chunked without signatures, with a trailer. */
  | { readonly kind: "unsigned-chunks" };

export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

const SHA256_BYTES = 32;
const UNSIGNED: Payload = { kind: "unsigned" };
const UNSIGNED_CHUNKS: Payload = { kind: "unsigned-chunks" };
const SIGNED_CHUNKS: Payload = { kind: "signed-chunks", trailer: false };
const SIGNED_CHUNKS_WITH_TRAILER: Payload = { kind: "signed-chunks", trailer: true };

/** Refuses everything that is none of the five kinds. */
export function parsePayload(value: string): Payload {
  switch (value) {
    case UNSIGNED_PAYLOAD:
      return UNSIGNED;
    case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
      return UNSIGNED_CHUNKS;
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
      return SIGNED_CHUNKS;
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
      return SIGNED_CHUNKS_WITH_TRAILER;
    case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD":
    case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
      throw notImplemented(`The payload kind ${value}`);
    default:
      return { kind: "hash", sha256: parseSha256(value) };
  }
}

function parseSha256(value: string): Uint8Array {
  const digest = fromHex(value.toLowerCase());
  if (digest?.length === SHA256_BYTES) return digest;
  throw invalidArgument(
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
    "x-amz-content-sha256",
    value,
  );
}

/** Signed chunks chain on the signature of the Authorization header: a presigned URL has none. */
export function checkPresignedPayload(payload: Payload): void {
  if (payload.kind === "signed-chunks") {
    throw new S3Refusal("InvalidRequest", "Signed chunks cannot be combined with a presigned URL.");
  }
}
