import type { LogStorage } from "../ports.ts";
import type { Entry, Snapshot } from "../types.ts";
import { entriesSizeBytes, entrySizeBytes, isConfChange, limitEnd } from "./entry.ts";
import { invariant } from "./invariant.ts";
import { LogUnavailable } from "./log-unavailable.ts";
import { Unstable } from "./unstable.ts";

/** The entries of a scan for configuration changes that are read at once. */
const SCAN_PAGE_BYTES = 1 << 20;

/** Position of an entry in a log: two logs that have it agree on everything up to it (log matching). */
export interface EntryId {
  readonly term: number;
  readonly index: number;
}

/**
 * The whole log: storage, and behind it what is unstable. Invariant: applied <= applying <= committed <= lastIndex.
 */
export class RaftLog {
  readonly #storage: LogStorage;
  readonly unstable: Unstable;
  readonly #maxApplyingBytes: number;
  #committed: number;
  /** Handed out to be applied. */
  #applying: number;
  #applied: number;
  #applyingBytes = 0;
  #applyingPaused = false;

  constructor(storage: LogStorage, maxApplyingBytes: number) {
    this.#storage = storage;
    this.#maxApplyingBytes = maxApplyingBytes;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    const compactedTo = storage.firstIndex() - 1;
    this.#committed = compactedTo;
    this.#applying = compactedTo;
    this.#applied = compactedTo;
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  /** Whether entries were handed out to be applied and are not yet. */
  get isApplying(): boolean {
    return this.#applying > this.#applied;
  }

  firstIndex(): number {
    const snapshot = this.unstable.snapshot;
    return snapshot === undefined ? this.#storage.firstIndex() : snapshot.metadata.index + 1;
  }

  lastIndex(): number {
    return this.unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  lastId(): EntryId {
    const index = this.lastIndex();
    const term = this.term(index);
    invariant(term !== undefined, () => `the last entry (${index}) has a term`);
    return { term, index };
  }

  /** Undefined: cut from the log, or beyond its end. */
  term(index: number): number | undefined {
    const unstable = this.unstable.term(index);
    if (unstable !== undefined) return unstable;
    // Of the entry before the first one only the term is left, so that the first one can be matched.
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    try {
      return this.#storage.term(index);
    } catch (error) {
      if (error instanceof LogUnavailable) return undefined;
      throw error;
    }
  }

  /** Whether the log has this very entry. */
  matches(id: EntryId): boolean {
    return this.term(id.index) === id.term;
  }

  /** Whether a log that ends with `theirs` is at least as good as this one: the later term wins, then the longer log (paper 5.4.1). */
  isUpToDate(theirs: EntryId): boolean {
    const ours = this.lastId();
    return theirs.term > ours.term || (theirs.term === ours.term && theirs.index >= ours.index);
  }

  /** A leader's new entries at the end. */
  append(entries: readonly Entry[]): void {
    invariant(entries[0]!.index === this.lastIndex() + 1, "a leader only appends (paper 5.3)");
    this.unstable.truncateAndAppend(entries);
  }

  /**
   * A follower's share of AppendEntries: takes `entries` behind `previous`, removes what conflicts with them, nothing else. Returns the
   * last index that now agrees with the leader, or undefined when `previous` is not in the log.
   */
  maybeAppend(previous: EntryId, entries: readonly Entry[]): number | undefined {
    if (!this.matches(previous)) return undefined;
    const at = entries.findIndex((entry) => !this.matches(entry));
    if (at >= 0) {
      const index = entries[at]!.index;
      invariant(
        index > this.#committed,
        () => `entry ${index} conflicts with a committed entry (committed ${this.#committed})`,
      );
      this.unstable.truncateAndAppend(at === 0 ? entries : entries.slice(at));
    }
    return previous.index + entries.length;
  }

  /**
   * The greatest index not beyond `index` whose term is not greater than `term`: where two logs may agree, one probe per term at most.
   * Term 0: the log does not know what is there.
   */
  findConflictByTerm(index: number, term: number): EntryId {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (ours === undefined) return { term: 0, index: at };
      if (ours <= term) return { term: ours, index: at };
    }
    return { term: 0, index: 0 };
  }

  /** Raises the commit index; never lowers it. */
  commitTo(index: number): void {
    if (index <= this.#committed) return;
    invariant(
      index <= this.lastIndex(),
      () => `commit ${index} is within the log (last ${this.lastIndex()}): has the log lost entries?`,
    );
    this.#committed = index;
  }

  /** Commits `id` if it is new and in the log. Only entries of the leader's own term are counted (paper 5.4.2). */
  maybeCommit(id: EntryId): boolean {
    if (id.term === 0 || id.index <= this.#committed || !this.matches(id)) return false;
    this.commitTo(id.index);
    return true;
  }

  /** After a restart: what the state machine holds was committed, even if the commit index on disk is older. */
  startAt(committed: number, applied: number): void {
    const compactedTo = this.#committed;
    this.commitTo(Math.max(committed, applied));
    this.#applied = Math.max(applied, compactedTo);
    this.#applying = this.#applied;
  }

  /** The log begins anew behind `snapshot`. */
  restore(snapshot: Snapshot): void {
    invariant(snapshot.metadata.index > this.#committed, "a snapshot never goes back");
    this.#committed = snapshot.metadata.index;
    this.unstable.restore(snapshot);
  }

  /** The entries from `from` on, at least one if there is one, in `maxBytes`. Undefined: they were cut from the log. */
  entriesFrom(from: number, maxBytes: number): readonly Entry[] | undefined {
    const end = this.lastIndex() + 1;
    return from >= end ? [] : this.slice(from, end, maxBytes);
  }

  /** The entries in [from, end), at least one, in `maxBytes`. Undefined: they were cut from the log. */
  slice(from: number, end: number, maxBytes: number): readonly Entry[] | undefined {
    if (from < this.firstIndex()) return undefined;
    invariant(from <= end && end <= this.lastIndex() + 1, () => `[${from}, ${end}) is within the log`);
    if (from === end) return [];
    const { offset } = this.unstable;
    if (from >= offset) return this.#unstableSlice(from, end, maxBytes);
    const cut = Math.min(end, offset);
    const stable = this.#stored(from, cut, maxBytes);
    if (stable === undefined || end <= offset || stable.length < cut - from) return stable;
    const left = maxBytes - (maxBytes === Number.POSITIVE_INFINITY ? 0 : entriesSizeBytes(stable));
    const { entries, at } = this.unstable.view(offset);
    if (left < entrySizeBytes(entries[at]!)) return stable;
    return stable.concat(this.#unstableSlice(offset, end, left));
  }

  /** Whether an entry that changes the configuration is committed and not applied. */
  hasUnappliedConfChange(): boolean {
    let from = this.#applied + 1;
    while (from <= this.#committed) {
      const page = this.slice(from, this.#committed + 1, SCAN_PAGE_BYTES);
      invariant(page !== undefined && page.length > 0, "entries that are not applied are in the log");
      if (page.some(isConfChange)) return true;
      from += page.length;
    }
    return false;
  }

  /** The newest snapshot; undefined: there is none just now. */
  snapshot(): Snapshot | undefined {
    if (this.unstable.snapshot !== undefined) return this.unstable.snapshot;
    try {
      return this.#storage.snapshot();
    } catch (error) {
      if (error instanceof LogUnavailable && error.reason === "snapshot-temporarily-unavailable")
        return undefined;
      throw error;
    }
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    // A snapshot is applied before any entry is.
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;
    return this.#applying < this.#maxAppliable(allowUnstable);
  }

  /** Committed entries to hand out to the state machine. `allowUnstable`: those not in storage too. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const room = this.#maxApplyingBytes - this.#applyingBytes;
    const entries = this.slice(this.#applying + 1, this.#maxAppliable(allowUnstable) + 1, room);
    invariant(entries !== undefined, "entries that are not applied are in the log");
    return entries;
  }

  /** `entries`, from `nextCommitted`, are handed out. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries[entries.length - 1]!.index;
    invariant(last <= this.#committed, "only committed entries are applied");
    this.#applying = last;
    this.#applyingBytes += entriesSizeBytes(entries);
    // Fewer than there were: the next one is over the limit.
    this.#applyingPaused =
      this.#applyingBytes >= this.#maxApplyingBytes || last < this.#maxAppliable(allowUnstable);
  }

  /** The state machine holds everything up to `index`; entries of `sizeBytes` are no longer on their way to it. */
  appliedTo(index: number, sizeBytes: number): void {
    invariant(
      this.#applied <= index && index <= this.#committed,
      () => `applied ${index} is in [${this.#applied}, ${this.#committed}]`,
    );
    this.#applied = index;
    this.#applying = Math.max(this.#applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - sizeBytes);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  #maxAppliable(allowUnstable: boolean): number {
    return allowUnstable ? this.#committed : Math.min(this.#committed, this.unstable.offset - 1);
  }

  #unstableSlice(from: number, end: number, maxBytes: number): readonly Entry[] {
    const { entries, at } = this.unstable.view(from);
    return entries.slice(at, limitEnd(entries, at, at + end - from, maxBytes));
  }

  #stored(from: number, end: number, maxBytes: number): readonly Entry[] | undefined {
    try {
      return this.#storage.entries(from, end, maxBytes);
    } catch (error) {
      if (error instanceof LogUnavailable && error.reason === "compacted") return undefined;
      throw error;
    }
  }
}
