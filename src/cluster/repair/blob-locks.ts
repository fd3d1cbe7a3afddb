import { toHex } from "../../base/index.ts";

/** Blobs whose chunks on this node somebody is making or removing: never both at once. */
export class BlobLocks {
  readonly #held = new Set<string>();

  /** What gives it back; undefined when somebody else has it. */
  take(blobId: Uint8Array): (() => void) | undefined {
    const hex = toHex(blobId);
    if (this.#held.has(hex)) return undefined;
    this.#held.add(hex);
    return () => void this.#held.delete(hex);
  }
}
