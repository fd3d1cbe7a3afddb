/** Each digest algorithm on the calling thread, in one shot and piece by piece. */

import { createHash, hash } from "node:crypto";
import { Blake3Hasher, blake3UrlSafeBase64 } from "@napi-rs/blake-hash";
import { crc32, crc32c } from "@node-rs/crc32";
import { assert } from "../../base/index.ts";
import type { Digest, DigestAlgorithm } from "../ports.ts";
import { Crc64Nvme } from "./crc64nvme.ts";

export interface IncrementalHash {
  update(bytes: Uint8Array): void;
  /** Once, at the end. */
  finish(): Uint8Array;
}

interface Algorithm {
  readonly once: (bytes: Uint8Array) => Uint8Array;
  readonly start: () => IncrementalHash;
  /** Slow ones (about 1 GB/s and less) are worth a trip to another thread. */
  readonly isSlow: boolean;
}

const ALGORITHMS: Readonly<Record<DigestAlgorithm, Algorithm>> = {
  md5: nodeAlgorithm("md5"),
  sha1: nodeAlgorithm("sha1"),
  sha256: nodeAlgorithm("sha256"),
  crc32: crcAlgorithm(crc32),
  crc32c: crcAlgorithm(crc32c),
  crc64nvme: { once: (bytes) => feed(new Crc64Nvme(), bytes), start: () => new Crc64Nvme(), isSlow: true },
  blake3: { once: blake3Once, start: startBlake3, isSlow: false },
};

/** The digest of one piece of bytes. */
export function digestOnce(algorithm: DigestAlgorithm, bytes: Uint8Array): Uint8Array {
  return ALGORITHMS[algorithm].once(bytes);
}

export function isSlow(algorithm: DigestAlgorithm): boolean {
  return ALGORITHMS[algorithm].isSlow;
}

/** Several algorithms over the same bytes, on the calling thread. */
export class HashSet {
  readonly #hashes: readonly IncrementalHash[];

  constructor(algorithms: readonly DigestAlgorithm[]) {
    this.#hashes = algorithms.map((algorithm) => ALGORITHMS[algorithm].start());
  }

  update(bytes: Uint8Array): void {
    for (const hash of this.#hashes) hash.update(bytes);
  }

  finish(): Uint8Array[] {
    return this.#hashes.map((hash) => hash.finish());
  }
}

/** A `Digest` that never leaves the calling thread. */
export class InlineDigest implements Digest {
  readonly #hashes: HashSet;
  #ended = false;

  constructor(algorithms: readonly DigestAlgorithm[]) {
    this.#hashes = new HashSet(algorithms);
  }

  async update(bytes: Uint8Array): Promise<void> {
    assert(!this.#ended, "a digest that has ended takes no more bytes");
    this.#hashes.update(bytes);
  }

  async finish(): Promise<readonly Uint8Array[]> {
    assert(!this.#ended, "a digest ends once");
    this.#ended = true;
    return this.#hashes.finish();
  }

  abandon(): void {
    this.#ended = true;
  }
}

function nodeAlgorithm(name: "md5" | "sha1" | "sha256"): Algorithm {
  return {
    once: (bytes) => plain(hash(name, bytes, "buffer")),
    start: () => {
      const running = createHash(name);
      return {
        update: (bytes) => void running.update(asBuffer(bytes)),
        finish: () => plain(running.digest()),
      };
    },
    isSlow: true,
  };
}

function crcAlgorithm(crc: (bytes: Uint8Array, seed?: number) => number): Algorithm {
  return {
    once: (bytes) => bigEndian(crc(bytes)),
    start: () => {
      let value = 0;
      return {
        update: (bytes) => {
          value = crc(bytes, value);
        },
        finish: () => bigEndian(value),
      };
    },
    isSlow: false,
  };
}

function startBlake3(): IncrementalHash {
  const running = new Blake3Hasher();
  return {
    update: (bytes) => void running.update(asBuffer(bytes)),
    finish: () => plain(running.digestBuffer()),
  };
}

/** By way of text: the library's Buffer lies in memory of its own, and making it and giving it back costs half of what hashing 4 KiB does. */
function blake3Once(bytes: Uint8Array): Uint8Array {
  // A copy: what Buffer.from gives lies in memory that it shares with others.
  return new Uint8Array(Buffer.from(blake3UrlSafeBase64(asBuffer(bytes)), "base64url"));
}

function feed(hash: IncrementalHash, bytes: Uint8Array): Uint8Array {
  hash.update(bytes);
  return hash.finish();
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The same memory, for a library that asks for a Buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Without Buffer's own methods, which differ (`slice`) from those that the type promises. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
