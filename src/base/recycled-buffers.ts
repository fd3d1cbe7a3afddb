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
  readonly #free: ReadonlyMap<number, ArrayBuffer[]>;
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
  take(lengthBytes: number): Uint8Array<ArrayBuffer> {
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
    if (this.lend(bytes)) this.takeBack(bytes.buffer);
  }

  /**
   * Lets the memory of `bytes` go, to another thread, if it is ours: whoever asks hands it over, all of its buffer. It comes back by `takeBack`, or not at
   * all.
   */
  lend(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
    return this.#taken.delete(bytes.buffer);
  }

  /** A buffer that nobody else has any more. What was lent to another thread comes back as another object, so only its size tells whether it fits. */
  takeBack(buffer: ArrayBuffer): void {
    assert(!this.#taken.has(buffer), "what somebody has taken is given back by its bytes");
    const size = buffer.byteLength;
    const free = this.#free.get(size);
    if (free === undefined || this.#freeBytes + size > this.#keptBytes) return;
    free.push(buffer);
    this.#freeBytes += size;
  }
}
