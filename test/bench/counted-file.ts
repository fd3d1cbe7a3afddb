import { openSync, readSync, writeSync } from "node:fs";
import type { ByteRange, RangeReader } from "../../src/search/ports.ts";

/** A file that is written once from its beginning and then read by ranges, which are counted. */
export class CountedFile implements RangeReader {
  readonly #file: number;
  sizeBytes = 0;
  ranges = 0;
  bytesRead = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w+");
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; )
      at += writeSync(this.#file, bytes, at, bytes.length - at, this.sizeBytes + at);
    this.sizeBytes += bytes.length;
  }

  /** Not counted. */
  bytesAt(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (readSync(this.#file, bytes, 0, length, offset) !== length) throw new Error("a range beyond the file");
    return bytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const [bytes] = await this.readMany([{ offset, length }]);
    return bytes ?? new Uint8Array(0);
  }

  readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    this.ranges += ranges.length;
    for (const { length } of ranges) this.bytesRead += length;
    return Promise.resolve(ranges.map(({ offset, length }) => this.bytesAt(offset, length)));
  }
}
