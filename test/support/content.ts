import { createCipheriv, createHash } from "node:crypto";

/** Bytes that depend on `name` and length only, and that no two names share. */
export function contentOf(name: string, sizeBytes: number): Buffer {
  const key = createHash("sha256").update(name).digest();
  return createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(sizeBytes));
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
