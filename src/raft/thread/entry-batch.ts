import { type PackedBytes, packBytes, unpackBytes } from "../../base/index.ts";
import type { Entry, EntryType } from "../types.ts";

const TYPES: readonly EntryType[] = ["EntryNormal", "EntryConfChange", "EntryConfChangeV2"];

/** Consecutive entries as a few arrays, whose memory is handed from thread to thread instead of being copied object by object. */
export interface EntryBatch {
  readonly firstIndex: number;
  readonly terms: Float64Array<ArrayBuffer>;
  readonly timesMs: Float64Array<ArrayBuffer>;
  readonly types: Uint8Array<ArrayBuffer>;
  readonly data: PackedBytes;
}

export function packEntries(entries: readonly Entry[]): EntryBatch {
  return {
    firstIndex: entries[0]?.index ?? 0,
    terms: Float64Array.from(entries, ({ term }) => term),
    timesMs: Float64Array.from(entries, ({ timeMs }) => timeMs),
    types: Uint8Array.from(entries, ({ type }) => TYPES.indexOf(type)),
    data: packBytes(entries.map(({ data }) => data)),
  };
}

export function unpackEntries({ firstIndex, terms, timesMs, types, data }: EntryBatch): Entry[] {
  return unpackBytes(data).map((bytes, i) => ({
    index: firstIndex + i,
    term: terms[i] as number,
    timeMs: timesMs[i] as number,
    type: TYPES[types[i] as number] as EntryType,
    data: bytes,
  }));
}

/** What is to be handed over with the batch. */
export function buffersOf(batch: EntryBatch): ArrayBuffer[] {
  const { terms, timesMs, types, data } = batch;
  return [terms.buffer, timesMs.buffer, types.buffer, data.ends.buffer, data.bytes.buffer];
}
