import { assert } from "../../base/index.ts";
import type { ConfState, Entry, HardState } from "../types.ts";
import {
  aligned,
  BATCH_END_PREFIX_BYTES,
  type Crc32c,
  ENTRY_PREFIX_BYTES,
  GROUP_SUMMARY_BYTES,
  MARK_FLAG_BOOTSTRAP,
  MARK_FLAG_RESET,
  MAX_CONF_STATE_IDS,
  RECORD_BATCH_END,
  RECORD_CONF_STATE,
  RECORD_ENTRY,
  RECORD_FENCE,
  RECORD_HARD_STATE,
  RECORD_HEADER_BYTES,
  RECORD_SNAPSHOT_MARK,
  RECORD_TRUNCATE_TO,
  RUN_BYTES,
  writeUint64,
} from "./format.ts";
import {
  CONF_STATE_PREFIX_BYTES,
  ENTRY_TYPES,
  type EntryRun,
  type GroupSummary,
  type LogPosition,
  type SnapshotMark,
} from "./record.ts";

const INITIAL_BYTES = 64 * 1024;
/** A buffer that one large batch has grown beyond this is not kept. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** Where a batch will stand: a record's checksum depends on it. */
export interface BatchPlace {
  /** Of the first record, in the segment. */
  readonly offset: number;
  /** Of the segment; see `segmentSeed`. */
  readonly seed: number;
  readonly batch: number;
  /** The crc of the BatchEnd before; 0 for the first batch of a log. */
  readonly previousCrc: number;
}

/** The finished batch. `bytes` is valid until the next `begin`. */
export interface EncodedBatch {
  readonly bytes: Uint8Array;
  readonly endCrc: number;
}

/** Builds the bytes of one batch after the other, in one buffer that is used again. */
export class BatchEncoder {
  readonly #crc32c: Crc32c;
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #used = 0;
  #place: BatchPlace = { offset: 0, seed: 0, batch: 0, previousCrc: 0 };
  #crcs: number[] = [];
  #runs: EntryRun[] = [];

  constructor(crc32c: Crc32c) {
    this.#crc32c = crc32c;
  }

  begin(place: BatchPlace): void {
    if (this.#bytes.length > KEPT_BYTES) this.#allocate(INITIAL_BYTES);
    this.#used = 0;
    this.#place = place;
    this.#crcs = [];
    this.#runs = [];
  }

  hardState(groupId: number, hardState: HardState): void {
    const at = this.#open(8);
    writeUint64(this.#view, at, hardState.vote);
    this.#close(RECORD_HARD_STATE, groupId, hardState.term, hardState.commit, 8);
  }

  entry(groupId: number, entry: Entry): void {
    assert(
      Number.isSafeInteger(entry.timeMs) && entry.timeMs >= 0,
      "the time of an entry is whole milliseconds",
    );
    const payloadBytes = ENTRY_PREFIX_BYTES + entry.data.length;
    const at = this.#open(payloadBytes);
    writeUint64(this.#view, at, entry.timeMs);
    writeUint64(this.#view, at + 8, ENTRY_TYPES.indexOf(entry.type) + 1);
    this.#bytes.set(entry.data, at + ENTRY_PREFIX_BYTES);
    this.#close(RECORD_ENTRY, groupId, entry.term, entry.index, payloadBytes);
    this.#addToRuns(groupId, entry);
  }

  truncateTo(groupId: number, index: number): void {
    this.#open(0);
    this.#close(RECORD_TRUNCATE_TO, groupId, 0, index, 0);
  }

  snapshotMark(groupId: number, mark: SnapshotMark): void {
    const at = this.#open(8);
    const flags = (mark.reset ? MARK_FLAG_RESET : 0) | (mark.bootstrap ? MARK_FLAG_BOOTSTRAP : 0);
    writeUint64(this.#view, at, flags);
    this.#close(RECORD_SNAPSHOT_MARK, groupId, mark.term, mark.index, 8);
  }

  confState(groupId: number, index: number, confState: ConfState): void {
    const lists = [confState.voters, confState.learners, confState.votersOutgoing, confState.learnersNext];
    const ids = lists.flat();
    assert(ids.length <= MAX_CONF_STATE_IDS, "a configuration has at most MAX_CONF_STATE_IDS members");
    const payloadBytes = CONF_STATE_PREFIX_BYTES + ids.length * 8;
    const at = this.#open(payloadBytes);
    this.#view.setUint32(at, confState.autoLeave ? 1 : 0, true);
    for (const [i, list] of lists.entries()) this.#view.setUint32(at + 4 + i * 4, list.length, true);
    this.#view.setUint32(at + 20, 0, true);
    for (const [i, id] of ids.entries()) writeUint64(this.#view, at + CONF_STATE_PREFIX_BYTES + i * 8, id);
    this.#close(RECORD_CONF_STATE, groupId, 0, index, payloadBytes);
  }

  fence(groupId: number, fence: LogPosition): void {
    this.#open(0);
    this.#close(RECORD_FENCE, groupId, fence.term, fence.index, 0);
  }

  /** Closes the batch. `groups`: where every group of the log stands after it. */
  end(groups: readonly GroupSummary[]): EncodedBatch {
    const recordCount = this.#crcs.length;
    const recordsCrc = crcOfCrcs(this.#crcs, this.#crc32c);
    const payloadBytes =
      BATCH_END_PREFIX_BYTES + this.#runs.length * RUN_BYTES + groups.length * GROUP_SUMMARY_BYTES;
    let at = this.#open(payloadBytes);
    const view = this.#view;
    view.setUint32(at, this.#place.previousCrc, true);
    view.setUint32(at + 4, recordsCrc, true);
    view.setUint32(at + 8, this.#runs.length, true);
    view.setUint32(at + 12, groups.length, true);
    at += BATCH_END_PREFIX_BYTES;
    for (const run of this.#runs) {
      view.setUint32(at, run.groupId, true);
      view.setUint32(at + 4, run.count, true);
      writeUint64(view, at + 8, run.term);
      writeUint64(view, at + 16, run.firstIndex);
      at += RUN_BYTES;
    }
    for (const group of groups) {
      view.setUint32(at, group.groupId, true);
      view.setUint32(at + 4, 0, true);
      writeUint64(view, at + 8, group.last.term);
      writeUint64(view, at + 16, group.last.index);
      writeUint64(view, at + 24, group.term);
      writeUint64(view, at + 32, group.vote);
      at += GROUP_SUMMARY_BYTES;
    }
    const endCrc = this.#close(RECORD_BATCH_END, 0, 0, recordCount, payloadBytes);
    return { bytes: this.#bytes.subarray(0, this.#used), endCrc };
  }

  #addToRuns(groupId: number, entry: Entry): void {
    const last = this.#runs.at(-1);
    const continues =
      last !== undefined &&
      last.groupId === groupId &&
      last.term === entry.term &&
      last.firstIndex + last.count === entry.index;
    if (continues) this.#runs[this.#runs.length - 1] = { ...last, count: last.count + 1 };
    else this.#runs.push({ groupId, count: 1, term: entry.term, firstIndex: entry.index });
  }

  /** Makes room for a record at the end; returns where its payload goes. */
  #open(payloadBytes: number): number {
    const needed = this.#used + aligned(RECORD_HEADER_BYTES + payloadBytes);
    if (needed > this.#bytes.length) {
      const old = this.#bytes.subarray(0, this.#used);
      this.#allocate(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.set(old);
    }
    return this.#used + RECORD_HEADER_BYTES;
  }

  #close(type: number, groupId: number, term: number, index: number, payloadBytes: number): number {
    const [at, view] = [this.#used, this.#view];
    const lengthBytes = RECORD_HEADER_BYTES + payloadBytes;
    view.setUint32(at + 4, lengthBytes, true);
    view.setUint32(at + 8, type, true);
    view.setUint32(at + 12, groupId, true);
    writeUint64(view, at + 16, term);
    writeUint64(view, at + 24, index);
    writeUint64(view, at + 32, this.#place.batch);
    const seed = (this.#place.seed ^ (this.#place.offset + at)) >>> 0;
    const crc = this.#crc32c(this.#bytes.subarray(at + 4, at + lengthBytes), seed);
    view.setUint32(at, crc, true);
    this.#used = at + aligned(lengthBytes);
    this.#bytes.fill(0, at + lengthBytes, this.#used);
    if (type !== RECORD_BATCH_END) this.#crcs.push(crc);
    return crc;
  }

  #allocate(sizeBytes: number): void {
    this.#bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }
}

/** Ties a BatchEnd to its records: none can be missing, added or out of order. */
export function crcOfCrcs(crcs: readonly number[], crc32c: Crc32c): number {
  const bytes = new Uint8Array(crcs.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, crc] of crcs.entries()) view.setUint32(i * 4, crc, true);
  return crc32c(bytes);
}
