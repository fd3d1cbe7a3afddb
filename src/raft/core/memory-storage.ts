import { EMPTY_BYTES } from "../../base/index.ts";
import type { LogStorage } from "../ports.ts";
import type { ConfState, Entry, HardState, Snapshot } from "../types.ts";
import { limitEnd } from "./entry.ts";
import { invariant } from "./invariant.ts";
import { LogUnavailable } from "./log-unavailable.ts";

const EMPTY_CONF_STATE: ConfState = Object.freeze({
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

const EMPTY_SNAPSHOT: Snapshot = Object.freeze({
  metadata: Object.freeze({ index: 0, term: 0, confState: EMPTY_CONF_STATE }),
  data: EMPTY_BYTES,
});

/**
 * The log in memory. In production it is the image of what the write-ahead log holds: whoever writes there tells it here, after the
 * write. Entries handed out are never changed; arrays are copies.
 *
 *     (index, term) of the entry before the first | entries
 */
export class MemoryStorage implements LogStorage {
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #confState: ConfState | undefined;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #baseIndex = 0;
  #baseTerm = 0;
  #entries: Entry[] = [];

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#confState ?? this.#snapshot.metadata.confState };
  }

  firstIndex(): number {
    return this.#baseIndex + 1;
  }

  lastIndex(): number {
    return this.#baseIndex + this.#entries.length;
  }

  term(index: number): number {
    if (index === this.#baseIndex) return this.#baseTerm;
    if (index < this.#baseIndex) throw new LogUnavailable("compacted");
    const entry = this.#entries[index - this.firstIndex()];
    if (entry === undefined) throw new LogUnavailable("unavailable");
    return entry.term;
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    const first = this.firstIndex();
    if (lo < first) throw new LogUnavailable("compacted");
    if (hi > this.lastIndex() + 1) throw new LogUnavailable("unavailable");
    const at = lo - first;
    return this.#entries.slice(at, limitEnd(this.#entries, at, hi - first, maxBytes));
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** The configuration at the applied index, as the state machine has kept it: what a restart begins with. */
  setConfState(confState: ConfState): void {
    this.#confState = confState;
  }

  /**
   * Puts `entries` where their indexes say; what was there and beyond is gone. Entries before the first one are skipped. A gap behind
   * the last one is a bug and throws.
   */
  append(entries: readonly Entry[]): void {
    const first = this.firstIndex();
    const from = entries[0]?.index;
    if (from === undefined || from + entries.length <= first) return;
    const at = Math.max(from, first) - first;
    invariant(
      at <= this.#entries.length,
      () => `no entry is missing between ${this.lastIndex()} and ${from}`,
    );
    this.#entries.length = at;
    for (let skip = Math.max(0, first - from); skip < entries.length; skip++)
      this.#entries.push(entries[skip]!);
  }

  /** Begins anew behind `snapshot`, with its configuration. False: it is not newer than the snapshot here, and nothing happens. */
  applySnapshot(snapshot: Snapshot): boolean {
    const { index, term } = snapshot.metadata;
    if (this.#snapshot.metadata.index !== 0 && this.#snapshot.metadata.index >= index) return false;
    this.#snapshot = snapshot;
    this.#confState = undefined;
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#entries = [];
    return true;
  }

  /**
   * Keeps a snapshot of the state machine at `index` (within the log) to be sent to followers that are too far behind. The log stays as
   * it is: see `compact`. Throws LogUnavailable "compacted" when there is a newer one.
   */
  createSnapshot(index: number, confState: ConfState, data: Uint8Array): Snapshot {
    if (index <= this.#snapshot.metadata.index) throw new LogUnavailable("compacted");
    this.#snapshot = { metadata: { index, term: this.term(index), confState }, data };
    return this.#snapshot;
  }

  /** Cuts everything up to and with `index`, which must be applied. Throws LogUnavailable when it is cut already or beyond the end. */
  compact(index: number): void {
    if (index <= this.#baseIndex) throw new LogUnavailable("compacted");
    const term = this.term(index);
    this.#entries = this.#entries.slice(index - this.#baseIndex);
    this.#baseIndex = index;
    this.#baseTerm = term;
  }
}
