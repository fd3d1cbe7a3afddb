import { describe, expect, it } from "vitest";
import type { Entry, Snapshot } from "../types.ts";
import { ENTRY_OVERHEAD_BYTES } from "./entry.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { RaftLog } from "./raft-log.ts";
import { Unstable } from "./unstable.ts";

const NO_LIMIT = Number.POSITIVE_INFINITY;
const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

function entry(index: number, term = 1, sizeBytes = 0): Entry {
  return { term, index, type: "EntryNormal", data: new Uint8Array(sizeBytes), timeMs: 0 };
}

function entries(from: number, ...terms: number[]): Entry[] {
  return terms.map((term, at) => entry(from + at, term));
}

function snapshotAt(index: number, term = 1): Snapshot {
  return { metadata: { index, term, confState }, data: new Uint8Array(0) };
}

function termsOf(list: readonly Entry[] | undefined): number[] | undefined {
  return list?.map(({ term }) => term);
}

describe("storage in memory", () => {
  function filled(): MemoryStorage {
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotAt(3, 3));
    storage.append(entries(4, 4, 5, 6));
    return storage;
  }

  it.each([
    ["behind the end", entries(7, 7), [4, 5, 6, 7]],
    ["over the end", entries(6, 9, 9), [4, 5, 9, 9]],
    ["over all", entries(4, 9), [9]],
    ["from before the first", entries(2, 1, 3, 7, 8), [7, 8]],
    ["before the first", entries(2, 1, 1), [4, 5, 6]],
    ["nothing", [], [4, 5, 6]],
  ])("takes entries where their indexes say: %s", (_name, appended, after) => {
    const storage = filled();
    const before = storage.entries(4, 7, NO_LIMIT);
    storage.append(appended);
    expect(termsOf(storage.entries(4, storage.lastIndex() + 1, NO_LIMIT))).toEqual(after);
    // What was handed out has not changed.
    expect(termsOf(before)).toEqual([4, 5, 6]);
  });

  it("takes no entries behind a gap", () => {
    expect(() => filled().append([entry(9)])).toThrow("no entry is missing");
  });

  it("says why something cannot be had", () => {
    const storage = filled();
    expect(() => storage.entries(3, 5, NO_LIMIT)).toThrow("compacted");
    expect(() => storage.entries(5, 8, NO_LIMIT)).toThrow("unavailable");
    expect(() => storage.term(2)).toThrow("compacted");
    expect(() => storage.term(7)).toThrow("unavailable");
    expect(() => storage.compact(3)).toThrow("compacted");
    expect(() => storage.compact(7)).toThrow("unavailable");
    expect(() => storage.createSnapshot(3, confState, new Uint8Array(0))).toThrow("compacted");
    // The term before the first entry is kept, to match the first.
    expect(storage.term(3)).toBe(3);
  });

  it("limits by size, but gives at least one", () => {
    const storage = new MemoryStorage();
    storage.append([entry(1, 1, 100), entry(2, 1, 100), entry(3, 1, 100)]);
    const size = 100 + ENTRY_OVERHEAD_BYTES;
    expect(
      [0, size, 2 * size - 1, 2 * size, NO_LIMIT].map((max) => storage.entries(1, 4, max).length),
    ).toEqual([1, 1, 1, 2, 3]);
  });

  it("cuts up to an index, and keeps the rest", () => {
    const storage = filled();
    storage.createSnapshot(5, confState, new Uint8Array([1]));
    storage.compact(5);
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(5)]).toEqual([6, 6, 5]);
    expect(storage.snapshot()).toMatchObject({ metadata: { index: 5, term: 5 }, data: new Uint8Array([1]) });
    storage.compact(6);
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([7, 6]);
  });

  it("takes a newer snapshot, and no older one", () => {
    const storage = filled();
    expect(storage.applySnapshot(snapshotAt(3))).toBe(false);
    expect(storage.lastIndex()).toBe(6);
    expect(storage.applySnapshot(snapshotAt(9, 7))).toBe(true);
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(9)]).toEqual([10, 9, 7]);
  });

  it("begins with the configuration that was set last, by itself or with a snapshot", () => {
    const storage = new MemoryStorage();
    expect(storage.initialState().confState.voters).toEqual([]);
    storage.setConfState({ ...confState, voters: [4] });
    storage.setHardState({ term: 2, vote: 1, commit: 0 });
    expect(storage.initialState()).toEqual({
      hardState: { term: 2, vote: 1, commit: 0 },
      confState: { ...confState, voters: [4] },
    });
    storage.applySnapshot(snapshotAt(3));
    expect(storage.initialState().confState).toEqual(confState);
  });
});

describe("what is not in storage yet", () => {
  function unstable(): Unstable {
    const log = new Unstable(5);
    log.truncateAndAppend(entries(5, 1, 1, 1));
    return log;
  }

  it("hands each entry out once", () => {
    const log = unstable();
    expect(log.nextEntries()).toHaveLength(3);
    log.acceptInProgress();
    expect([log.nextEntries(), log.hasNextEntries, log.hasEntries]).toEqual([[], false, true]);
    log.truncateAndAppend(entries(8, 2));
    expect(log.nextEntries().map(({ index }) => index)).toEqual([8]);
  });

  it("what was handed out does not change when the log does", () => {
    const log = unstable();
    const out = log.nextEntries();
    log.acceptInProgress();
    log.truncateAndAppend(entries(6, 2));
    expect(termsOf(out)).toEqual([1, 1, 1]);
    // What replaces it is handed out again.
    expect(log.nextEntries()).toEqual(entries(6, 2));
  });

  it.each([
    ["as written", 6, 1, [1]],
    ["another term there now", 6, 2, [1, 1, 1]],
    ["before", 4, 1, [1, 1, 1]],
    ["beyond", 8, 1, [1, 1, 1]],
  ])("is forgotten when it is in storage: %s", (_name, index, term, left) => {
    const log = unstable();
    log.acceptInProgress();
    log.stableTo(index, term);
    const { entries: kept } = log.view(log.offset);
    expect(termsOf(kept)).toEqual(left);
    expect(log.hasNextEntries).toBe(false);
    expect(log.lastIndex()).toBe(7);
  });

  it("a log replaced from before its first unstable entry begins there", () => {
    const log = unstable();
    log.acceptInProgress();
    log.truncateAndAppend(entries(4, 2, 2));
    expect([log.offset, log.lastIndex(), log.nextEntries().length]).toEqual([4, 5, 2]);
  });

  it("has no gap", () => {
    expect(() => unstable().truncateAndAppend([entry(9)])).toThrow("no gap");
  });

  it("a snapshot replaces everything, is handed out once, and forgotten when it is stored", () => {
    const log = unstable();
    log.restore(snapshotAt(20, 4));
    expect([log.lastIndex(), log.term(20), log.term(6), log.nextSnapshot?.metadata.index]).toEqual([
      20,
      4,
      undefined,
      20,
    ]);
    log.acceptInProgress();
    expect(log.nextSnapshot).toBeUndefined();
    log.stableTo(20, 4);
    log.stableSnapshotTo(19);
    expect(log.snapshot).toBeDefined();
    log.stableSnapshotTo(20);
    expect([log.snapshot, log.lastIndex()]).toEqual([undefined, undefined]);
  });
});

describe("the log", () => {
  function logOf(stable: number[], unstable: number[]): RaftLog {
    const storage = new MemoryStorage();
    storage.append(entries(1, ...stable));
    const log = new RaftLog(storage, NO_LIMIT);
    if (unstable.length > 0) log.append(entries(stable.length + 1, ...unstable));
    return log;
  }

  it("reads across storage and what is not there yet, within a size", () => {
    const log = logOf([1, 1, 2], [2, 3]);
    const size = ENTRY_OVERHEAD_BYTES;
    expect(termsOf(log.slice(1, 6, NO_LIMIT))).toEqual([1, 1, 2, 2, 3]);
    expect(termsOf(log.slice(2, 5, NO_LIMIT))).toEqual([1, 2, 2]);
    for (let count = 1; count <= 5; count++) {
      expect(log.slice(1, 6, count * size)).toHaveLength(count);
      expect(log.slice(1, 6, count * size + size - 1)).toHaveLength(count);
    }
    expect(log.slice(4, 6, 0)).toHaveLength(1);
    expect(log.entriesFrom(6, NO_LIMIT)).toEqual([]);
    expect(() => log.slice(1, 9, NO_LIMIT)).toThrow("within the log");
  });

  it("finds where two logs may agree, a term at a time", () => {
    const log = logOf([1, 1, 3, 3], [4, 4]);
    const found = (index: number, term: number) => {
      const id = log.findConflictByTerm(index, term);
      return [id.index, id.term];
    };
    expect(found(6, 4)).toEqual([6, 4]);
    expect(found(6, 3)).toEqual([4, 3]);
    expect(found(6, 2)).toEqual([2, 1]);
    expect(found(6, 0)).toEqual([0, 0]);
    expect(found(9, 1)).toEqual([9, 0]);
  });

  it("commits only what is in it, and never goes back", () => {
    const log = logOf([1, 1], [2]);
    expect(log.maybeCommit({ term: 1, index: 3 })).toBe(false);
    expect(log.maybeCommit({ term: 2, index: 3 })).toBe(true);
    log.commitTo(1);
    expect(log.committed).toBe(3);
    expect(() => log.commitTo(4)).toThrow("within the log");
  });

  it("hands out nothing to apply that is not in storage, unless allowed", () => {
    const log = logOf([1, 1], [1]);
    log.commitTo(3);
    expect(log.nextCommitted(false).map(({ index }) => index)).toEqual([1, 2]);
    expect(log.nextCommitted(true).map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  it("applied indexes come in order, and are committed", () => {
    const log = logOf([1, 1], []);
    log.commitTo(2);
    log.appliedTo(1, 0);
    expect(() => log.appliedTo(0, 0)).toThrow("applied 0");
    expect(() => log.appliedTo(3, 0)).toThrow("applied 3");
  });

  it("nothing committed is replaced", () => {
    const log = logOf([1, 1], []);
    log.commitTo(2);
    expect(() => log.maybeAppend({ term: 1, index: 1 }, [entry(2, 9)])).toThrow(
      "conflicts with a committed entry",
    );
    expect(() => log.restore(snapshotAt(2))).toThrow("never goes back");
  });
});
