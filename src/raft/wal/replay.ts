import type { ConfState, Entry, HardState } from "../types.ts";
import type { GroupSummary, LogPosition, RecordBody, SnapshotMark } from "./record.ts";
import type { ScannedBatch } from "./scan.ts";

/** What the log says about one group. */
export interface ReplayedGroup {
  readonly hardState: HardState;
  /** The log begins after this. */
  readonly mark: SnapshotMark;
  readonly confState: ConfState | undefined;
  readonly confStateIndex: number;
  /** Set and before the end of the log: lifted. */
  readonly fence: LogPosition | undefined;
  /** Consecutive, from `mark.index + 1`. */
  readonly entries: readonly Entry[];
}

export type Replayed =
  | { readonly kind: "replayed"; readonly groups: ReadonlyMap<number, ReplayedGroup> }
  /** The records are good and make no sense together. */
  | {
      readonly kind: "contradiction";
      readonly segment: number;
      readonly batch: number;
      readonly what: string;
    };

/** Folds whole batches, in order, into the state of every group. Pure. */
export function replay(batches: readonly ScannedBatch[]): Replayed {
  const groups = new Map<number, GroupFold>();
  for (const batch of batches) {
    const contradiction = (what: string): Replayed => {
      return { kind: "contradiction", segment: batch.segment, batch: batch.batch, what };
    };
    for (const record of batch.records) {
      const group = groups.get(record.groupId) ?? new GroupFold();
      groups.set(record.groupId, group);
      if (!group.take(record.body)) return contradiction(`${record.body.kind} record does not fit the log`);
    }
    for (const summary of batch.end?.groups ?? []) {
      if (groups.get(summary.groupId)?.agrees(summary) !== true) {
        return contradiction(`group ${summary.groupId} is not where its batch says`);
      }
    }
  }
  const result = new Map<number, ReplayedGroup>();
  for (const [groupId, fold] of groups) {
    const group = fold.result();
    if (group === undefined) {
      const last = batches.at(-1);
      const what = `log of group ${groupId} does not reach its beginning`;
      return { kind: "contradiction", segment: last?.segment ?? 0, batch: last?.batch ?? 0, what };
    }
    result.set(groupId, group);
  }
  return { kind: "replayed", groups: result };
}

class GroupFold {
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #mark: SnapshotMark = { term: 0, index: 0, reset: false, bootstrap: false };
  #confState: ConfState | undefined;
  #confStateIndex = 0;
  #fence: LogPosition | undefined;
  #entries: Entry[] = [];
  /** Index of #entries[0], or where the next entry goes while there is none. */
  #first = 1;
  /** No entry has come yet: earlier segments were removed, so the first may come after a gap that a later mark covers. */
  #floating = true;

  /** False: contradicts what came before. */
  take(body: RecordBody): boolean {
    switch (body.kind) {
      case "hard-state":
        if (body.hardState.term < this.#hardState.term) return false;
        this.#hardState = body.hardState;
        return true;
      case "entry":
        return this.#append(body.entry);
      case "truncate-to":
        this.#truncateTo(body.index);
        return true;
      case "snapshot-mark":
        return this.#begin(body.mark);
      case "conf-state":
        this.#confState = body.confState;
        this.#confStateIndex = body.index;
        return true;
      case "fence":
        this.#fence = body.fence;
        return true;
      case "batch-end":
        return false;
    }
  }

  agrees(summary: GroupSummary): boolean {
    if (this.#hardState.term !== summary.term || this.#hardState.vote !== summary.vote) return false;
    // The entries that the summary speaks of may have stood in a segment that is gone.
    if (this.#floating) return true;
    const last = this.#entries.at(-1) ?? this.#mark;
    return last.index === summary.last.index && last.term === summary.last.term;
  }

  result(): ReplayedGroup | undefined {
    if (this.#entries.length > 0 && this.#first > this.#mark.index + 1) return undefined;
    const last = this.#entries.at(-1)?.index ?? this.#mark.index;
    if (last < this.#mark.index) return undefined;
    return {
      hardState: { ...this.#hardState, commit: Math.min(this.#hardState.commit, last) },
      mark: { ...this.#mark, reset: false },
      confState: this.#confState,
      confStateIndex: this.#confStateIndex,
      fence: this.#fence,
      entries: this.#entries.filter((entry) => entry.index > this.#mark.index),
    };
  }

  #append(entry: Entry): boolean {
    const next = this.#first + this.#entries.length;
    if (this.#floating && entry.index > next) this.#first = entry.index;
    else if (entry.index !== next) return false;
    const before = this.#entries.at(-1);
    if (before !== undefined && entry.term < before.term) return false;
    this.#floating = false;
    this.#entries.push(entry);
    return true;
  }

  #truncateTo(index: number): void {
    const kept = Math.max(0, index + 1 - this.#first);
    if (kept < this.#entries.length) this.#entries.length = kept;
    if (this.#entries.length === 0) this.#first = Math.min(this.#first, index + 1);
  }

  #begin(mark: SnapshotMark): boolean {
    if (!mark.reset && mark.index < this.#mark.index) return false;
    this.#mark = mark;
    if (mark.reset) {
      this.#entries = [];
      this.#first = mark.index + 1;
      this.#floating = false;
    } else if (this.#entries.length === 0) {
      this.#first = Math.max(this.#first, mark.index + 1);
    }
    return true;
  }
}
