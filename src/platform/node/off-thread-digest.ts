import { assert, Deferred, Mutex } from "../../base/index.ts";
import type { Digest, DigestAlgorithm } from "../ports.ts";
import { HashSet } from "./hash-algorithms.ts";
import type { HashPool } from "./hash-pool.ts";
import type { HashThreadStream } from "./hash-thread.ts";

/** Pieces on shared memory from this size on go to the thread as they are; smaller ones are gathered like all others. */
const DIRECT_MIN_BYTES = 128 * 1024;
/** Buffers of one stream: one is filled while the others are hashed. */
const MAX_BUFFERS_PER_STREAM = 3;

/**
 * A digest that is computed on a thread of the pool. Pieces are copied into shared buffers, which go to the thread when they are full; `update`
 * waits only when all of the stream's buffers are there. A stream that never fills its first buffer never leaves the calling thread.
 *
 * Invariants: bytes reach the hashes in the order of the calls of `update`; a stream that has begun on a thread holds at least one buffer of its own
 * or needs none, so that streams never wait for each other.
 */
export class OffThreadDigest implements Digest {
  readonly #pool: HashPool;
  readonly #algorithms: readonly DigestAlgorithm[];
  /** Held by the call whose bytes are being taken over. */
  readonly #order = new Mutex();
  #thread: HashThreadStream | undefined;
  /** Instead of a thread: when no buffer was left to begin with. */
  #inline: HashSet | undefined;
  #filling: Uint8Array | undefined;
  #filled = 0;
  #buffersAtThread = 0;
  #bufferReturned: Deferred<void> | undefined;
  #spare: Uint8Array[] = [];
  #state: "open" | "finishing" | "finished" | "abandoned" = "open";
  #failure: Error | undefined;

  constructor(pool: HashPool, algorithms: readonly DigestAlgorithm[]) {
    this.#pool = pool;
    this.#algorithms = algorithms;
  }

  async update(bytes: Uint8Array): Promise<void> {
    assert(
      this.#state === "open" || this.#state === "abandoned",
      "a digest that has ended takes no more bytes",
    );
    const turn = await this.#order.lock();
    let hashed: Promise<void> | undefined;
    try {
      if (this.#inline === undefined && isShared(bytes) && bytes.length >= DIRECT_MIN_BYTES)
        hashed = this.#sendDirectly(bytes);
      else await this.#gather(bytes);
    } finally {
      turn.release();
    }
    // Outside of its turn: the next piece may follow while this one is hashed.
    await hashed;
  }

  async finish(): Promise<readonly Uint8Array[]> {
    assert(this.#state === "open", "a digest ends once");
    this.#state = "finishing";
    const turn = await this.#order.lock();
    try {
      return await this.#finishInTurn();
    } finally {
      turn.release();
      this.#state = "finished";
      this.#freeBuffers();
    }
  }

  abandon(): void {
    if (this.#state !== "open") return;
    this.#state = "abandoned";
    this.#thread?.abandon();
    this.#wake();
    this.#freeBuffers();
  }

  async #finishInTurn(): Promise<readonly Uint8Array[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const rest = this.#filling?.subarray(0, this.#filled);
    if (this.#thread === undefined) {
      const hashes = this.#inline ?? new HashSet(this.#algorithms);
      if (rest !== undefined) hashes.update(rest);
      return hashes.finish();
    }
    this.#sendBuffer();
    return await this.#thread.finish();
  }

  #sendDirectly(bytes: Uint8Array): Promise<void> {
    if (this.#state === "abandoned") return Promise.resolve();
    this.#sendBuffer();
    this.#thread ??= this.#pool.open(this.#algorithms);
    return this.#thread.hash(bytes);
  }

  async #gather(bytes: Uint8Array): Promise<void> {
    let taken = 0;
    while (taken < bytes.length) {
      if (this.#state === "abandoned") return;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#inline !== undefined) {
        this.#inline.update(bytes.subarray(taken));
        return;
      }
      const buffer = this.#filling ?? this.#nextBuffer();
      if (buffer === undefined) {
        if (this.#thread === undefined) this.#inline = new HashSet(this.#algorithms);
        else await this.#untilBufferReturns();
        continue;
      }
      this.#filling = buffer;
      const count = Math.min(bytes.length - taken, buffer.length - this.#filled);
      buffer.set(bytes.subarray(taken, taken + count), this.#filled);
      this.#filled += count;
      taken += count;
      if (this.#filled === buffer.length) this.#sendBuffer();
    }
  }

  /** Undefined: wait for one of the stream's own; or, when it has none, there are none left at all. */
  #nextBuffer(): Uint8Array | undefined {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    if (this.#buffersAtThread >= MAX_BUFFERS_PER_STREAM) return undefined;
    // Over the limit when pieces have gone to the thread directly: then the hashes are there, and no buffer would come back.
    const isNeeded = this.#thread !== undefined && this.#buffersAtThread === 0;
    const memory = this.#pool.takeBuffer(isNeeded);
    return memory && new Uint8Array(memory);
  }

  /** Sends what has been gathered, if anything. */
  #sendBuffer(): void {
    const buffer = this.#filling;
    if (buffer === undefined || this.#filled === 0) return;
    this.#thread ??= this.#pool.open(this.#algorithms);
    this.#buffersAtThread++;
    const hashed = this.#thread.hash(buffer.subarray(0, this.#filled));
    this.#filling = undefined;
    this.#filled = 0;
    hashed.then(
      () => this.#takeBack(buffer),
      (error: unknown) => this.#fail(error),
    );
  }

  #takeBack(buffer: Uint8Array): void {
    this.#buffersAtThread--;
    this.#spare.push(buffer);
    if (this.#state === "finished" || this.#state === "abandoned") this.#freeBuffers();
    this.#wake();
  }

  /** The buffers at the failed thread go with it: it may be reading them still. */
  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#buffersAtThread--;
    this.#pool.loseBuffer();
    this.#wake();
  }

  async #untilBufferReturns(): Promise<void> {
    this.#bufferReturned = new Deferred<void>();
    await this.#bufferReturned.promise;
  }

  #wake(): void {
    this.#bufferReturned?.resolve();
    this.#bufferReturned = undefined;
  }

  #freeBuffers(): void {
    if (this.#filling !== undefined) this.#spare.push(this.#filling);
    this.#filling = undefined;
    this.#filled = 0;
    for (const buffer of this.#spare) this.#pool.giveBuffer(buffer.buffer as SharedArrayBuffer);
    this.#spare = [];
  }
}

function isShared(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer;
}
