import type { ByteRange, RangeReader } from "../ports.ts";

/** A file that is in memory already. */
export function readerOf(bytes: Uint8Array): RangeReader {
  const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length);
  return {
    sizeBytes: bytes.length,
    read,
    readMany: (ranges: readonly ByteRange[]) =>
      Promise.all(ranges.map(({ offset, length }) => read(offset, length))),
  };
}
