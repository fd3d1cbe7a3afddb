import { expect, it } from "vitest";
import type { Entry } from "../types.ts";
import { Compaction, type CompactionOptions } from "./compaction.ts";

const SETTINGS = {
  checkpointEntries: 10,
  checkpointBytes: 1_000_000,
  trailingEntries: 2,
  trailingBytes: 1_000_000,
};

/** A log in memory whose checkpoints are over when the test says so. */
class Rig {
  #first = 1;
  #applied = 0;
  readonly checkpoints: (() => void)[] = [];
  readonly #compaction: Compaction;

  constructor() {
    const rig = this;
    const log: CompactionOptions["log"] = {
      get applied() {
        return {
          index: rig.#applied,
          term: 1,
          confState: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
        };
      },
      firstIndex: () => this.#first,
      entries: () => [],
      compactionPoint: (durable, trailing) => ({ index: durable - trailing.entries, term: 1 }),
      compact: (to) => {
        this.#first = to.index + 1;
      },
    };
    this.#compaction = new Compaction({
      settings: SETTINGS,
      groupId: 1,
      wal: { append: ({ onDurable }) => onDurable?.(), removeObsolete: () => Promise.resolve(0) },
      log,
      apply: {
        checkpoint: (done) => {
          const durable = this.#applied;
          this.checkpoints.push(() => done(durable));
        },
      },
      onEvent: () => undefined,
    });
  }

  get firstIndex(): number {
    return this.#first;
  }

  apply(count: number): void {
    const entries = Array.from({ length: count }, (): Entry => {
      this.#applied++;
      return { type: "EntryNormal", term: 1, index: this.#applied, timeMs: 0, data: new Uint8Array(1) };
    });
    this.#compaction.applied(entries);
  }
}

it("what is applied while the log is being cut is cut too, though nothing comes after it", () => {
  const rig = new Rig();
  rig.apply(9);
  expect(rig.checkpoints).toHaveLength(0);
  rig.apply(1);
  expect(rig.checkpoints).toHaveLength(1);
  rig.apply(40);
  expect(rig.checkpoints).toHaveLength(1);
  rig.checkpoints[0]?.();
  expect([rig.firstIndex, rig.checkpoints.length]).toEqual([9, 2]);
  rig.checkpoints[1]?.();
  expect([rig.firstIndex, rig.checkpoints.length]).toEqual([49, 2]);
});
