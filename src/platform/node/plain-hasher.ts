import { crc32c } from "@node-rs/crc32";
import type { Digest, DigestAlgorithm, Hasher } from "../ports.ts";
import { digestOnce, InlineDigest } from "./hash-algorithms.ts";

/** All digests on the calling thread: for the simulator, and for worker threads of our own. */
export class PlainHasher implements Hasher {
  crc32c(bytes: Uint8Array, seed = 0): number {
    return crc32c(bytes, seed);
  }

  blake3(bytes: Uint8Array): Uint8Array {
    return digestOnce("blake3", bytes);
  }

  digest(algorithm: DigestAlgorithm, bytes: Uint8Array): Uint8Array {
    return digestOnce(algorithm, bytes);
  }

  start(algorithms: readonly DigestAlgorithm[], _expectedBytes?: number): Digest {
    return new InlineDigest(algorithms);
  }
}
