import { assert } from "./assert.ts";

/**
 * Large buffers that are used again instead of being left to the garbage collector, which pays dearly for memory outside of its heap. Giving a buffer
 * back is a favour and not a duty: one that nobody gives back is collected like any other. So only the last reader of a buffer may give it back,
 * and whoever passes bytes on or keeps them does nothing.
 */
export class RecycledBuffers {
  /** Sizes, each half of the one before it. */
  readonly #sizes: readonly number[];
  readonly #keptBytes: number;
  /** Ours, and taken. */
  readonly #taken = new WeakSet<ArrayBufferLike>();
  /** By size. */
  readonly #free: ReadonlyMap<number, ArrayBufferLike[]>;
  #freeBytes = 0;

  /** Buffers of `bufferBytes`, and of half, a quarter ... down to `leastBytes`; all that wait to be taken have `keptBytes` at most. */
  constructor(options: {
    readonly bufferBytes: number;
    readonly leastBytes?: number;
    readonly keptBytes: number;
  }) {
    const { bufferBytes, leastBytes = bufferBytes, keptBytes } = options;
    const sizes: number[] = [];
    for (let size = bufferBytes; size >= leastBytes; size = Math.floor(size / 2)) sizes.push(size);
    this.#sizes = sizes;
    this.#free = new Map(sizes.map((size) => [size, []]));
    this.#keptBytes = keptBytes;
  }

  /** `lengthBytes` of memory, with whatever lies in it. Small or very large ones are new each time. */
  take(lengthBytes: number): Uint8Array {
    const size = this.#sizes.findLast((each) => each >= lengthBytes);
    if (size === undefined || lengthBytes * 2 < size) return new Uint8Array(lengthBytes);
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) this.#freeBytes -= size;
    const buffer = free ?? new ArrayBuffer(size);
    this.#taken.add(buffer);
    return new Uint8Array(buffer, 0, lengthBytes);
  }

  /** The memory of `bytes` may be overwritten from now on. Memory from elsewhere, or given back before, is left alone. */
  giveBack(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (!this.#taken.delete(buffer)) return;
    const free = this.#free.get(buffer.byteLength);
    assert(free !== undefined, "a buffer keeps its size");
    if (this.#freeBytes + buffer.byteLength > this.#keptBytes) return;
    free.push(buffer);
    this.#freeBytes += buffer.byteLength;
  }
}
