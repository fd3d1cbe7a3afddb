import type { ConfState, Entry, EntryType, HardState } from "../types.ts";
import {
  BATCH_END_PREFIX_BYTES,
  type Crc32c,
  ENTRY_PREFIX_BYTES,
  GROUP_SUMMARY_BYTES,
  MARK_FLAG_BOOTSTRAP,
  MARK_FLAG_RESET,
  MAX_CONF_STATE_IDS,
  MAX_GROUPS,
  RECORD_ALIGNMENT_BYTES,
  RECORD_BATCH_END,
  RECORD_CONF_STATE,
  RECORD_ENTRY,
  RECORD_FENCE,
  RECORD_HARD_STATE,
  RECORD_HEADER_BYTES,
  RECORD_SNAPSHOT_MARK,
  RECORD_TRUNCATE_TO,
  RUN_BYTES,
  readUint64,
} from "./format.ts";

/** A place in a log. Places are compared by term, then index. */
export interface LogPosition {
  readonly term: number;
  readonly index: number;
}

/** Where the log of a group begins. */
export interface SnapshotMark extends LogPosition {
  /** Every entry before this record is dropped. */
  readonly reset: boolean;
  /** Made by the first start of the group: the entry at this index is virtual, it carries the first configuration. */
  readonly bootstrap: boolean;
}

/** Entries with consecutive indexes and one term. */
export interface EntryRun {
  readonly groupId: number;
  readonly count: number;
  readonly term: number;
  readonly firstIndex: number;
}

/** Where a group stands after a batch: its last entry, and what it promised. */
export interface GroupSummary {
  readonly groupId: number;
  readonly last: LogPosition;
  readonly term: number;
  readonly vote: number;
}

export interface BatchEnd {
  readonly recordCount: number;
  readonly previousCrc: number;
  readonly recordsCrc: number;
  readonly runs: readonly EntryRun[];
  readonly groups: readonly GroupSummary[];
}

export type RecordBody =
  | { readonly kind: "hard-state"; readonly hardState: HardState }
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "truncate-to"; readonly index: number }
  | { readonly kind: "snapshot-mark"; readonly mark: SnapshotMark }
  | { readonly kind: "conf-state"; readonly index: number; readonly confState: ConfState }
  | { readonly kind: "fence"; readonly fence: LogPosition }
  | { readonly kind: "batch-end"; readonly end: BatchEnd };

export interface WalRecord {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly crc: number;
  readonly groupId: number;
  readonly batch: number;
  readonly body: RecordBody;
}

/**
 * The record at `offset`, whose checksum is right and whose content makes sense, or undefined. Never throws, whatever the bytes. The data
 * of an entry is copied.
 */
export function decodeRecord(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  seed: number,
  crc32c: Crc32c,
): WalRecord | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const lengthBytes = view.getUint32(offset + 4, true);
  if (lengthBytes < RECORD_HEADER_BYTES || lengthBytes > bytes.length - offset) return undefined;
  const type = view.getUint8(offset + 8);
  // Cheap tests first: recovery tries every eighth byte behind a bad record.
  if (type < RECORD_HARD_STATE || type > RECORD_BATCH_END) return undefined;
  if (view.getUint8(offset + 9) !== 0 || view.getUint16(offset + 10, true) !== 0) return undefined;
  const crc = view.getUint32(offset, true);
  if (crc !== crc32c(bytes.subarray(offset + 4, offset + lengthBytes), (seed ^ offset) >>> 0)) {
    return undefined;
  }
  const term = readUint64(view, offset + 16);
  const index = readUint64(view, offset + 24);
  const batch = readUint64(view, offset + 32);
  if (term === undefined || index === undefined || batch === undefined || batch === 0) return undefined;
  const payload: Payload = {
    bytes,
    view,
    start: offset + RECORD_HEADER_BYTES,
    end: offset + lengthBytes,
    term,
    index,
  };
  const body = decodeBody(type, payload);
  if (body === undefined) return undefined;
  return { offset, lengthBytes, crc, groupId: view.getUint32(offset + 12, true), batch, body };
}

interface Payload {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  readonly term: number;
  readonly index: number;
}

function decodeBody(type: number, payload: Payload): RecordBody | undefined {
  const { term, index, view, start, end } = payload;
  const sizeBytes = end - start;
  switch (type) {
    case RECORD_HARD_STATE: {
      const vote = sizeBytes === 8 ? readUint64(view, start) : undefined;
      return vote === undefined
        ? undefined
        : { kind: "hard-state", hardState: { term, vote, commit: index } };
    }
    case RECORD_ENTRY:
      return decodeEntry(payload);
    case RECORD_TRUNCATE_TO:
      return sizeBytes === 0 ? { kind: "truncate-to", index } : undefined;
    case RECORD_SNAPSHOT_MARK: {
      if (sizeBytes !== 8) return undefined;
      const flags = view.getUint32(start, true);
      if (flags > (MARK_FLAG_RESET | MARK_FLAG_BOOTSTRAP)) return undefined;
      const reset = (flags & MARK_FLAG_RESET) !== 0;
      const bootstrap = (flags & MARK_FLAG_BOOTSTRAP) !== 0;
      return { kind: "snapshot-mark", mark: { term, index, reset, bootstrap } };
    }
    case RECORD_CONF_STATE: {
      const confState = decodeConfState(payload);
      return confState === undefined ? undefined : { kind: "conf-state", index, confState };
    }
    case RECORD_FENCE:
      return sizeBytes === 0 ? { kind: "fence", fence: { term, index } } : undefined;
    case RECORD_BATCH_END: {
      const batchEnd = decodeBatchEnd(payload);
      return batchEnd === undefined ? undefined : { kind: "batch-end", end: batchEnd };
    }
    default:
      return undefined;
  }
}

/** By the number in the file; never renumbered. */
export const ENTRY_TYPES: readonly EntryType[] = ["EntryNormal", "EntryConfChange", "EntryConfChangeV2"];

function decodeEntry({ bytes, view, start, end, term, index }: Payload): RecordBody | undefined {
  if (end - start < ENTRY_PREFIX_BYTES) return undefined;
  const timeMs = readUint64(view, start);
  const type = ENTRY_TYPES[view.getUint8(start + 8) - 1];
  if (timeMs === undefined || type === undefined) return undefined;
  const data = bytes.slice(start + ENTRY_PREFIX_BYTES, end);
  return { kind: "entry", entry: { term, index, type, data, timeMs } };
}

export const CONF_STATE_PREFIX_BYTES = 24;

function decodeConfState({ view, start, end }: Payload): ConfState | undefined {
  if (end - start < CONF_STATE_PREFIX_BYTES) return undefined;
  const autoLeave = view.getUint32(start, true);
  const counts = [4, 8, 12, 16].map((at) => view.getUint32(start + at, true));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (autoLeave > 1 || total > MAX_CONF_STATE_IDS) return undefined;
  if (end - start !== CONF_STATE_PREFIX_BYTES + total * 8) return undefined;
  const ids: number[] = [];
  for (let i = 0; i < total; i++) {
    const id = readUint64(view, start + CONF_STATE_PREFIX_BYTES + i * 8);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  const [voters = 0, learners = 0, votersOutgoing = 0] = counts;
  return {
    voters: ids.slice(0, voters),
    learners: ids.slice(voters, voters + learners),
    votersOutgoing: ids.slice(voters + learners, voters + learners + votersOutgoing),
    learnersNext: ids.slice(voters + learners + votersOutgoing),
    autoLeave: autoLeave === 1,
  };
}

function decodeBatchEnd({ view, start, end, index }: Payload): BatchEnd | undefined {
  if (end - start < BATCH_END_PREFIX_BYTES) return undefined;
  const runCount = view.getUint32(start + 8, true);
  const groupCount = view.getUint32(start + 12, true);
  if (groupCount > MAX_GROUPS) return undefined;
  if (end - start !== BATCH_END_PREFIX_BYTES + runCount * RUN_BYTES + groupCount * GROUP_SUMMARY_BYTES) {
    return undefined;
  }
  // The records of the batch stand before this one.
  if (index * RECORD_HEADER_BYTES > start) return undefined;
  const runs: EntryRun[] = [];
  let listed = 0;
  let at = start + BATCH_END_PREFIX_BYTES;
  for (let i = 0; i < runCount; i++, at += RUN_BYTES) {
    const [term, firstIndex] = [readUint64(view, at + 8), readUint64(view, at + 16)];
    if (term === undefined || firstIndex === undefined) return undefined;
    const count = view.getUint32(at + 4, true);
    listed += count;
    if (listed > index) return undefined;
    runs.push({ groupId: view.getUint32(at, true), count, term, firstIndex });
  }
  const groups: GroupSummary[] = [];
  for (let i = 0; i < groupCount; i++, at += GROUP_SUMMARY_BYTES) {
    const summary = decodeSummary(view, at);
    if (summary === undefined) return undefined;
    groups.push(summary);
  }
  return {
    recordCount: index,
    previousCrc: view.getUint32(start, true),
    recordsCrc: view.getUint32(start + 4, true),
    runs,
    groups,
  };
}

function decodeSummary(view: DataView, at: number): GroupSummary | undefined {
  const [lastTerm, lastIndex] = [readUint64(view, at + 8), readUint64(view, at + 16)];
  const [term, vote] = [readUint64(view, at + 24), readUint64(view, at + 32)];
  if (lastTerm === undefined || lastIndex === undefined || term === undefined || vote === undefined) {
    return undefined;
  }
  return { groupId: view.getUint32(at, true), last: { term: lastTerm, index: lastIndex }, term, vote };
}

/** Negative, zero or positive as `a` is before, at or after `b`: what votes are decided by (thesis 3.6.1). */
export function comparePositions(a: LogPosition, b: LogPosition): number {
  return a.term === b.term ? a.index - b.index : a.term - b.term;
}

/** Where the record after this one would begin. */
export function nextOffset(record: WalRecord): number {
  return record.offset + Math.ceil(record.lengthBytes / RECORD_ALIGNMENT_BYTES) * RECORD_ALIGNMENT_BYTES;
}
