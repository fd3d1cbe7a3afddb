import { assert } from "../../base/index.ts";
import { entriesSizeBytes, LogUnavailable, limitEnd } from "../core/index.ts";
import type { LogStorage } from "../ports.ts";
import type { ConfState, Entry, HardState, Snapshot, SnapshotMetadata } from "../types.ts";
import type { LogPosition } from "../wal/index.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * The durable log in memory, as the core reads it: what the WAL holds, no more and no less. The newest snapshot is always the applied
 * state itself: the state machine can send that at any time.
 */
export class LogCache implements LogStorage {
  readonly #initial: { readonly hardState: HardState; readonly confState: ConfState };
  #base: LogPosition;
  #entries: Entry[];
  #sizeBytes: number;
  #applied: SnapshotMetadata;

  constructor(start: {
    readonly hardState: HardState;
    /** The log begins after this. */
    readonly base: LogPosition;
    readonly entries: readonly Entry[];
    readonly applied: SnapshotMetadata;
  }) {
    this.#initial = { hardState: start.hardState, confState: start.applied.confState };
    this.#base = { term: start.base.term, index: start.base.index };
    this.#entries = [...start.entries];
    this.#sizeBytes = entriesSizeBytes(this.#entries);
    this.#applied = start.applied;
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return this.#initial;
  }

  firstIndex(): number {
    return this.#base.index + 1;
  }

  lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  last(): LogPosition {
    return this.#entries.at(-1) ?? this.#base;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get applied(): SnapshotMetadata {
    return this.#applied;
  }

  term(index: number): number {
    if (index === this.#base.index) return this.#base.term;
    if (index < this.#base.index) throw new LogUnavailable("compacted");
    const entry = this.#entries[index - this.#base.index - 1];
    if (entry === undefined) throw new LogUnavailable("unavailable");
    return entry.term;
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo <= this.#base.index) throw new LogUnavailable("compacted");
    if (hi > this.lastIndex() + 1) throw new LogUnavailable("unavailable");
    const start = lo - this.#base.index - 1;
    return this.#entries.slice(start, limitEnd(this.#entries, start, start + hi - lo, maxBytes));
  }

  snapshot(): Snapshot {
    if (this.#applied.index === 0) throw new LogUnavailable("snapshot-temporarily-unavailable");
    return { metadata: this.#applied, data: NO_BYTES };
  }

  /** Entries that are durable now; they replace what conflicts with them. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.#base.index && first.index <= this.lastIndex() + 1, "entries continue the log");
    const kept = first.index - this.#base.index - 1;
    if (kept < this.#entries.length) {
      this.#sizeBytes -= entriesSizeBytes(this.#entries.slice(kept));
      this.#entries.length = kept;
    }
    for (const entry of entries) this.#entries.push(entry);
    this.#sizeBytes += entriesSizeBytes(entries);
  }

  /** The state machine has applied up to here, under this configuration. */
  appliedTo(index: number, confState: ConfState): void {
    assert(index >= this.#applied.index, "applied never goes back");
    this.#applied = { index, term: this.term(index), confState };
  }

  /** The log begins anew behind a snapshot that was installed. */
  restart(metadata: SnapshotMetadata): void {
    this.#base = { term: metadata.term, index: metadata.index };
    this.#entries = [];
    this.#sizeBytes = 0;
    this.#applied = metadata;
  }

  /**
   * How far the log may be cut when everything up to `durableIndex` is in the state machine for good: so many entries, and so many bytes,
   * stay behind it.
   */
  compactionPoint(
    durableIndex: number,
    trailing: { readonly entries: number; readonly bytes: number },
  ): LogPosition {
    let index = Math.min(durableIndex, this.lastIndex());
    let bytes = 0;
    for (let kept = 0; kept < trailing.entries && index > this.#base.index; kept++, index--) {
      const entry = this.#entries[index - this.#base.index - 1] as Entry;
      bytes += entriesSizeBytes([entry]);
      if (bytes > trailing.bytes) break;
    }
    return { index, term: this.term(index) };
  }

  /** Forgets the entries up to and with this one. */
  compact(to: LogPosition): void {
    if (to.index <= this.#base.index) return;
    assert(to.index <= this.#applied.index, "only applied entries are cut off");
    const removed = this.#entries.slice(0, to.index - this.#base.index);
    this.#entries = this.#entries.slice(removed.length);
    this.#sizeBytes -= entriesSizeBytes(removed);
    this.#base = { term: to.term, index: to.index };
  }
}
