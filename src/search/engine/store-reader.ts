import type { ByteRange, RangeReader } from "../ports.ts";

/** Bytes that are read for nothing rather than asked for apart. */
const GAP_BYTES = 64 * 1024;
/** What is read at once where several ranges are near each other. */
const SPAN_BYTES = 4 * 1024 * 1024;

interface Span {
  readonly offset: number;
  end: number;
  /** Of the ranges that were asked for. */
  readonly members: number[];
}

/**
 * A file as its store has it, around all caches. Ranges near each other are one read, and one read is under way at a time: whoever goes through a whole file has no haste, and
 * hundreds of reads at once would be more than the connection to a node takes.
 */
export function storeReader(
  sizeBytes: number,
  readRange: (range: ByteRange) => Promise<Uint8Array>,
): RangeReader {
  const readMany = async (ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> => {
    const parts = ranges.map(() => new Uint8Array(0));
    for (const { offset, end, members } of spansOf(ranges)) {
      const bytes = await readRange({ offset, length: end - offset });
      for (const i of members) {
        const from = ranges[i]!.offset - offset;
        parts[i] = new Uint8Array(bytes.subarray(from, from + ranges[i]!.length));
      }
    }
    return parts;
  };
  return { sizeBytes, readMany, read: (offset, length) => readRange({ offset, length }) };
}

function spansOf(ranges: readonly ByteRange[]): readonly Span[] {
  const order = [...ranges.keys()].filter((i) => ranges[i]!.length > 0);
  order.sort((left, right) => ranges[left]!.offset - ranges[right]!.offset);
  const spans: Span[] = [];
  for (const i of order) {
    const { offset, length } = ranges[i]!;
    const last = spans.at(-1);
    if (last !== undefined && offset <= last.end + GAP_BYTES && offset + length <= last.offset + SPAN_BYTES) {
      last.end = Math.max(last.end, offset + length);
      last.members.push(i);
    } else spans.push({ offset, end: offset + length, members: [i] });
  }
  return spans;
}
