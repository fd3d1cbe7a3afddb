import type { ByteRange, RangeReader } from "../../ports.ts";

/** Bytes that are read for nothing rather than asked for apart. */
const GAP_BYTES = 4_096;

/** A part of the file in which every vector has a record of the same size. */
export interface Records {
  readonly reader: RangeReader;
  /** Where the record of position 0 begins. */
  readonly start: number;
  readonly recordBytes: number;
}

/** Reads the records at these positions, which ascend, in one wave, and puts them one after another. */
export async function readRecords(records: Records, positions: Uint32Array): Promise<Uint8Array> {
  const { reader, start, recordBytes } = records;
  const runs = runsOf(positions, Math.floor(GAP_BYTES / recordBytes));
  const ranges: ByteRange[] = runs.map(({ first, end }) => ({
    offset: start + first * recordBytes,
    length: (end - first) * recordBytes,
  }));
  const parts = await reader.readMany(ranges);
  const only = parts[0];
  if (runs.length === 1 && only?.length === positions.length * recordBytes) return only;
  const gathered = new Uint8Array(positions.length * recordBytes);
  let run = 0;
  positions.forEach((position, i) => {
    while (position >= runs[run]!.end) run++;
    const at = (position - runs[run]!.first) * recordBytes;
    gathered.set(parts[run]!.subarray(at, at + recordBytes), i * recordBytes);
  });
  return gathered;
}

/** Neighbours, with at most `gap` positions between them, as one run. */
function runsOf(positions: Uint32Array, gap: number): { readonly first: number; end: number }[] {
  const runs: { readonly first: number; end: number }[] = [];
  for (const position of positions) {
    const last = runs[runs.length - 1];
    if (last !== undefined && position <= last.end + gap) last.end = position + 1;
    else runs.push({ first: position, end: position + 1 });
  }
  return runs;
}
