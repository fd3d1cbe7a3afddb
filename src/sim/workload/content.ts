import { concatBytes, createPrng, toHex } from "../../base/index.ts";
import type { Hasher } from "../../platform/index.ts";

/** Bytes up to here are random; behind, they repeat with a counter between: enough to tell misplaced blocks, and cheap. */
const RANDOM_BYTES = 64;

export interface Content {
  readonly bytes: Uint8Array;
  /** As S3 computes it. */
  readonly etag: string;
}

/** What clients write: every content is another one (but the shortest), and is known again by its ETag. */
export class Contents {
  readonly #seed: string;
  readonly #hasher: Hasher;
  readonly #known = new Map<string, Uint8Array>();

  constructor(seed: string, hasher: Hasher) {
    this.#seed = seed;
    this.#hasher = hasher;
  }

  /** For a put, or a part. `label` tells it from all others. */
  make(label: string, sizeBytes: number): Content {
    const bytes = bytesOf(`${this.#seed} ${label}`, sizeBytes);
    return this.#keep(bytes, toHex(this.#md5(bytes)));
  }

  /** Of an object that is put together from parts. */
  join(parts: readonly Content[]): Content {
    const digest = this.#md5(concatBytes(parts.map(({ bytes }) => this.#md5(bytes))));
    const whole = concatBytes(parts.map(({ bytes }) => bytes));
    // A copy whose bytes are encrypted otherwise is written as one body.
    this.#keep(whole, toHex(this.#md5(whole)));
    return this.#keep(whole, `${toHex(digest)}-${parts.length}`);
  }

  /** Undefined: nobody ever wrote it. */
  bytesOf(etag: string): Uint8Array | undefined {
    return this.#known.get(etag);
  }

  #md5(bytes: Uint8Array): Uint8Array {
    return this.#hasher.digest("md5", bytes);
  }

  #keep(bytes: Uint8Array, etag: string): Content {
    this.#known.set(etag, bytes);
    return { bytes, etag };
  }
}

function bytesOf(label: string, sizeBytes: number): Uint8Array {
  const start = createPrng(label).bytes(Math.min(sizeBytes, RANDOM_BYTES));
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(start);
  for (let filled = start.length; filled < sizeBytes; filled *= 2) {
    bytes.copyWithin(filled, 0, Math.min(filled, sizeBytes - filled));
    bytes[filled] = bytes[filled]! ^ (filled >>> 6);
  }
  return bytes;
}
