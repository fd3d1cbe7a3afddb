import { assert } from "./assert.ts";

/**
 * Large buffers that are used again instead of being left to the garbage collector, which pays dearly for memory outside of its heap. Giving a buffer
 * back is a favour and not a duty: one that nobody gives back is collected like any other. So only the last reader of a buffer may give it back,
 * and whoever passes bytes on or keeps them does nothing.
 */
export class RecycledBuffers {
  readonly #bufferBytes: number;
  readonly #maxFree: number;
  /** Ours, and taken. */
  readonly #taken = new WeakSet<ArrayBufferLike>();
  readonly #free: ArrayBufferLike[] = [];

  /** Buffers of `bufferBytes` each; at most `keptBytes` of them wait to be taken. */
  constructor(options: { readonly bufferBytes: number; readonly keptBytes: number }) {
    this.#bufferBytes = options.bufferBytes;
    this.#maxFree = Math.floor(options.keptBytes / options.bufferBytes);
  }

  /** `lengthBytes` of memory, with whatever lies in it. Small or very large ones are new each time. */
  take(lengthBytes: number): Uint8Array {
    if (lengthBytes > this.#bufferBytes || lengthBytes * 2 < this.#bufferBytes)
      return new Uint8Array(lengthBytes);
    const buffer = this.#free.pop() ?? new ArrayBuffer(this.#bufferBytes);
    this.#taken.add(buffer);
    return new Uint8Array(buffer, 0, lengthBytes);
  }

  /** The memory of `bytes` may be overwritten from now on. Memory from elsewhere, or given back before, is left alone. */
  giveBack(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (!this.#taken.delete(buffer)) return;
    assert(buffer.byteLength === this.#bufferBytes, "a buffer keeps its size");
    if (this.#free.length < this.#maxFree) this.#free.push(buffer);
  }
}
