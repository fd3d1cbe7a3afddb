/** How long encrypted bodies are: the state machine checks it, the use cases compute with it. Drawn in docs/internals/encryption.md. */

/** Plaintext bytes of one frame; the last of a body may be shorter. */
export const FRAME_BYTES = 64 * 1024;
/** What a frame grows by. */
export const FRAME_TAG_BYTES = 16;
/** Length of the salt that makes a body's own key, in bytes. */
export const BODY_SALT_BYTES = 16;

/** Length of a body of `plainBytes` when it is encrypted, in bytes. */
export function sealedLength(plainBytes: number): number {
  return plainBytes + Math.ceil(plainBytes / FRAME_BYTES) * FRAME_TAG_BYTES;
}
