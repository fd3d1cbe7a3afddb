import type { Entry } from "../types.ts";

/** What an entry costs beside its data, in memory and on the wire, roughly: so that empty entries count too. */
export const ENTRY_OVERHEAD_BYTES = 24;

/** The size of an entry wherever a limit is in bytes. */
export function entrySizeBytes(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + entry.data.length;
}

/** The size of all the entries together. */
export function entriesSizeBytes(entries: readonly Entry[]): number {
  let sizeBytes = 0;
  for (const entry of entries) sizeBytes += entrySizeBytes(entry);
  return sizeBytes;
}

/** Where the longest run of `entries` from `start` ends that is within `maxBytes`; at least one entry long, before `end`. */
export function limitEnd(entries: readonly Entry[], start: number, end: number, maxBytes: number): number {
  if (start >= end || maxBytes === Number.POSITIVE_INFINITY) return end;
  let sizeBytes = entrySizeBytes(entries[start]!);
  for (let at = start + 1; at < end; at++) {
    sizeBytes += entrySizeBytes(entries[at]!);
    if (sizeBytes > maxBytes) return at;
  }
  return end;
}

/** Whether an entry changes the configuration. */
export function isConfChange(entry: Entry): boolean {
  return entry.type === "EntryConfChange" || entry.type === "EntryConfChangeV2";
}
