import { assert } from "../../base/index.ts";
import type { DigestAlgorithm } from "../ports.ts";
import { HashThread, type HashThreadStream } from "./hash-thread.ts";

/** Size of the shared buffers in which small pieces are gathered for one trip to a worker. */
const HASH_BUFFER_BYTES = 1024 * 1024;
/** Buffers that all streams hold together. A stream that finds none when it begins is hashed on the calling thread. */
const MAX_BUFFERS = 128;
/** Buffers that are kept for later; the rest is freed. */
const MAX_IDLE_BUFFERS = 16;

/** The worker threads that hash, and the buffers over which bytes get there. */
export class HashPool {
  readonly #threadLimit: number;
  readonly #threads = new Set<HashThread>();
  readonly #idleBuffers: SharedArrayBuffer[] = [];
  #buffersInUse = 0;

  constructor(threadLimit: number) {
    assert(Number.isInteger(threadLimit) && threadLimit >= 1, "there is at least one thread to hash on");
    this.#threadLimit = threadLimit;
  }

  /** Opens a stream on the thread that has the fewest. */
  open(algorithms: readonly DigestAlgorithm[]): HashThreadStream {
    let chosen: HashThread | undefined;
    for (const thread of this.#threads) {
      if (chosen === undefined || thread.streams < chosen.streams) chosen = thread;
    }
    if (chosen === undefined || (chosen.streams > 0 && this.#threads.size < this.#threadLimit))
      chosen = this.#startThread();
    return chosen.open(algorithms);
  }

  /** A buffer of HASH_BUFFER_BYTES, or undefined when MAX_BUFFERS are in use and it can be done without. */
  takeBuffer(isNeeded: boolean): SharedArrayBuffer | undefined {
    if (this.#buffersInUse >= MAX_BUFFERS && !isNeeded) return undefined;
    this.#buffersInUse++;
    return this.#idleBuffers.pop() ?? new SharedArrayBuffer(HASH_BUFFER_BYTES);
  }

  giveBuffer(buffer: SharedArrayBuffer): void {
    this.loseBuffer();
    if (this.#idleBuffers.length < MAX_IDLE_BUFFERS) this.#idleBuffers.push(buffer);
  }

  /** Instead of giving it back, when something may still read it. */
  loseBuffer(): void {
    assert(this.#buffersInUse > 0, "a hash buffer is given back once");
    this.#buffersInUse--;
  }

  async close(): Promise<void> {
    const threads = [...this.#threads];
    this.#threads.clear();
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #startThread(): HashThread {
    const thread = new HashThread(() => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }
}
