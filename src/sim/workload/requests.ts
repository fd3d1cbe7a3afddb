import type { Owner } from "../../access/index.ts";
import { concatBytes } from "../../base/index.ts";
import type { BodySource, GetObjectResult, ObjectAttributes } from "../../object/index.ts";

export const OWNER: Owner = { id: "5".repeat(64), displayName: "simulated client" };

export const NO_ATTRIBUTES: ObjectAttributes = {
  contentType: "application/octet-stream",
  headers: new Map(),
  userMetadata: new Map(),
  storageClass: "STANDARD",
};

/** By the cluster's own key, or not at all. */
export function encryptedIf(isEncrypted: boolean) {
  return isEncrypted ? { encryption: { kind: "sse-s3" as const } } : {};
}

/** Greatest piece in which bodies are handed over, in bytes. */
const PIECE_BYTES = 1500;

export function bodyOf(bytes: Uint8Array): BodySource {
  return { sizeBytes: bytes.length, bytes: pieces(bytes), expected: {} };
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

export async function readAll(result: Pick<GetObjectResult, "body">): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  for await (const piece of result.body) read.push(piece.slice());
  return concatBytes(read);
}

export function keyName(key: number): string {
  return `key-${key}`;
}
