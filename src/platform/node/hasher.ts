import { availableParallelism } from "node:os";
import type { Digest, DigestAlgorithm } from "../ports.ts";
import { InlineDigest, isSlow } from "./hash-algorithms.ts";
import { HashPool } from "./hash-pool.ts";
import { OffThreadDigest } from "./off-thread-digest.ts";
import { PlainHasher } from "./plain-hasher.ts";

/** Below, copying the bytes and crossing to another thread costs more of this thread's time than MD5 does. */
const OFF_THREAD_MIN_BYTES = 256 * 1024;
/** More threads than this compete with the main one for memory bandwidth. */
const MAX_THREADS = 4;

/**
 * Digests with the large and slow ones on worker threads, so that the thread which serves requests is free. A thread is started when it is
 * first needed, serves many streams, and does not keep the process alive when no digest is waited for.
 */
export class NodeHasher extends PlainHasher {
  readonly #pool: HashPool;

  constructor(options?: { readonly threads?: number }) {
    super();
    this.#pool = new HashPool(options?.threads ?? Math.max(1, Math.min(MAX_THREADS, availableParallelism())));
  }

  override start(algorithms: readonly DigestAlgorithm[], expectedBytes?: number): Digest {
    const isSmall = expectedBytes !== undefined && expectedBytes < OFF_THREAD_MIN_BYTES;
    if (isSmall || !algorithms.some(isSlow)) return new InlineDigest(algorithms);
    return new OffThreadDigest(this.#pool, algorithms);
  }

  /** Ends the threads; digests that are still on them reject. Digests started afterwards start threads again. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
