import { assert } from "../../../base/index.ts";
import type { ByteRange, RangeReader } from "../../ports.ts";

/** A file in memory that counts what is read of it. */
export class MemoryReader implements RangeReader {
  readonly sizeBytes: number;
  readonly #bytes: Uint8Array;
  waves = 0;
  ranges = 0;
  bytesRead = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.sizeBytes = bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const [bytes] = await this.readMany([{ offset, length }]);
    return bytes!;
  }

  readMany(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    this.waves++;
    this.ranges += ranges.length;
    return Promise.resolve(
      ranges.map(({ offset, length }) => {
        assert(offset >= 0 && length >= 0 && offset + length <= this.sizeBytes, "search.range-in-file");
        this.bytesRead += length;
        return this.#bytes.subarray(offset, offset + length);
      }),
    );
  }
}

/** All chunks in one piece. */
export async function joinChunks(laidOut: {
  readonly sizeBytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}): Promise<Uint8Array> {
  const joined = new Uint8Array(laidOut.sizeBytes);
  let at = 0;
  for await (const chunk of laidOut.chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  assert(at === laidOut.sizeBytes, "search.laid-out-size");
  return joined;
}
