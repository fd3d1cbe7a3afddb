import { describe, expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import type { SimDiskFaults } from "../../platform/sim/index.ts";
import { WalError } from "../errors.ts";
import type { WalJob } from "./job.ts";
import { type OpenedWal, openWal, resetWal } from "./open.ts";
import { randomJobs } from "./testing/random-jobs.ts";
import {
  applyToModel,
  DIRECTORY,
  EMPTY_MODEL,
  entries,
  entry,
  GROUP,
  modelOf,
  type SimulatedMachine,
  simulatedMachine,
  walOptions,
} from "./testing/wal-harness.ts";
import type { Wal, WalOptions } from "./wal.ts";

async function open(machine: SimulatedMachine, overrides: Partial<WalOptions> = {}): Promise<OpenedWal> {
  return machine.simulation.complete(openWal(walOptions(machine.boot(), overrides)));
}

async function openReady(machine: SimulatedMachine, overrides: Partial<WalOptions> = {}) {
  const opened = await open(machine, overrides);
  if (opened.kind !== "ready") throw new Error(`damaged: ${JSON.stringify(opened.damage)}`);
  return opened;
}

async function write(machine: SimulatedMachine, wal: Wal, jobs: readonly WalJob[]): Promise<void> {
  for (const job of jobs) {
    const durable = new Promise<void>((resolve) => wal.append({ ...job, onDurable: resolve }));
    await machine.simulation.complete(durable);
  }
}

const HARD_STATE = { term: 2, vote: 3, commit: 0 };

describe("a log that is closed and opened again", () => {
  test("remembers hard state and entries", async () => {
    const machine = await simulatedMachine("remember");
    const { wal, groups } = await openReady(machine);
    expect(groups.size).toBe(0);
    await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 5, 2) }]);
    await machine.simulation.complete(wal.close());
    const again = await openReady(machine);
    expect(again.cuts).toEqual([]);
    expect(modelOf(again.groups.get(GROUP))).toEqual({
      hardState: HARD_STATE,
      markIndex: 0,
      entries: entries(1, 5, 2),
    });
  });

  test("keeps the last of overlapping entries", async () => {
    const machine = await simulatedMachine("overlap");
    const { wal } = await openReady(machine);
    await write(machine, wal, [
      { groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 9, 2) },
      { groupId: GROUP, hardState: { term: 3, vote: 0, commit: 3 }, entries: entries(4, 5, 3) },
    ]);
    await machine.simulation.complete(wal.close());
    const { groups } = await openReady(machine);
    expect(groups.get(GROUP)?.entries).toEqual([...entries(1, 3, 2), ...entries(4, 5, 3)]);
  });

  test("keeps two groups apart", async () => {
    const machine = await simulatedMachine("groups");
    const { wal } = await openReady(machine);
    await write(machine, wal, [
      { groupId: 1, hardState: HARD_STATE, entries: entries(1, 2, 2) },
      { groupId: 2, hardState: { term: 9, vote: 1, commit: 0 }, entries: entries(1, 4, 9) },
    ]);
    await machine.simulation.complete(wal.close());
    const { groups } = await openReady(machine);
    expect(groups.get(1)?.entries).toEqual(entries(1, 2, 2));
    expect(groups.get(2)?.hardState).toEqual({ term: 9, vote: 1, commit: 0 });
    expect(groups.get(2)?.entries).toEqual(entries(1, 4, 9));
  });

  test("goes over segments, removes those behind the mark, and forgets nothing else", async () => {
    const machine = await simulatedMachine("segments");
    const { wal } = await openReady(machine);
    const confState = {
      voters: [1, 2, 3],
      learners: [4],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    await write(machine, wal, [
      { groupId: GROUP, hardState: HARD_STATE, confState: { index: 0, confState } },
    ]);
    for (let i = 1; i <= 60; i++) await write(machine, wal, [{ groupId: GROUP, entries: [entry(i, 2)] }]);
    expect(wal.segmentCount).toBeGreaterThan(3);
    const mark = { term: 2, index: 50, reset: false, bootstrap: false };
    await write(machine, wal, [{ groupId: GROUP, mark }]);
    const before = wal.segmentCount;
    const removed = await machine.simulation.complete(wal.removeObsolete());
    expect(removed).toBeGreaterThan(1);
    expect(wal.segmentCount).toBe(before - removed);
    await machine.simulation.complete(wal.close());
    const group = (await openReady(machine)).groups.get(GROUP);
    expect(group?.mark).toEqual(mark);
    expect(group?.confState).toEqual(confState);
    expect(group?.hardState).toEqual(HARD_STATE);
    expect(group?.entries).toEqual(entries(51, 60, 2));
  });

  test("gives a batch that is larger than a segment a segment of its size", async () => {
    const machine = await simulatedMachine("large");
    const { wal } = await openReady(machine);
    const large = { ...entry(2, 2), data: new Uint8Array(20_000).fill(9) };
    await write(machine, wal, [
      { groupId: GROUP, hardState: HARD_STATE, entries: [entry(1, 2), large] },
      { groupId: GROUP, entries: [entry(3, 2)] },
    ]);
    await machine.simulation.complete(wal.close());
    expect((await openReady(machine)).groups.get(GROUP)?.entries).toEqual([entry(1, 2), large, entry(3, 2)]);
  });

  test("writes what nobody waits for with the next job", async () => {
    const machine = await simulatedMachine("lazy");
    const { wal } = await openReady(machine);
    await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 2, 2) }]);
    let durable = false;
    const commit = { ...HARD_STATE, commit: 2 };
    wal.append({ groupId: GROUP, hardState: commit, urgent: false, onDurable: () => (durable = true) });
    await machine.simulation.runFor(1000);
    expect(durable).toBe(false);
    await write(machine, wal, [{ groupId: GROUP, entries: [entry(3, 2)] }]);
    expect(durable).toBe(true);
    await machine.simulation.complete(wal.close());
    expect((await openReady(machine)).groups.get(GROUP)?.hardState).toEqual(commit);
  });

  test("reset replaces everything and keeps the fence", async () => {
    const machine = await simulatedMachine("reset");
    const { wal } = await openReady(machine);
    await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 40, 2) }]);
    await machine.simulation.complete(wal.close());
    const fence = { term: 2, index: 40 };
    const mark = { term: 2, index: 30, reset: true, bootstrap: false };
    const hardState = { term: 4, vote: 0, commit: 30 };
    const renewed = await machine.simulation.complete(
      resetWal(walOptions(machine.boot()), [{ groupId: GROUP, hardState, fence, mark }]),
    );
    await write(machine, renewed, [{ groupId: GROUP, entries: [entry(31, 4)] }]);
    await machine.simulation.complete(renewed.close());
    const group = (await openReady(machine)).groups.get(GROUP);
    expect(group).toMatchObject({ hardState, fence, mark: { term: 2, index: 30 }, entries: [entry(31, 4)] });
  });
});

describe("a log that is not ours", () => {
  test.each([
    { foreign: { clusterId: "cluster-b" } },
    { foreign: { nodeId: 4 } },
    { foreign: { incarnation: "incarnation-2" } },
  ])("is refused: $foreign", async ({ foreign }) => {
    const machine = await simulatedMachine("foreign");
    const { wal } = await openReady(machine);
    await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE }]);
    await machine.simulation.complete(wal.close());
    const { identity } = walOptions(machine.boot());
    const opening = open(machine, { identity: { ...identity, ...foreign } });
    await expect(opening).rejects.toMatchObject({ name: "WalError", code: "foreign" });
  });
});

describe("the first error of a write or sync", () => {
  const operations = ["write", "sync"] as const;
  test.each(operations)(
    "in %s is fatal: told once, nothing acknowledged, nothing written after it",
    async (failing) => {
      const machine = await simulatedMachine(`fatal-${failing}`);
      const fatal: unknown[] = [];
      const { wal } = await openReady(machine, { onFatal: (error) => fatal.push(error) });
      await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 2, 2) }]);
      await machine.simulation.runFor(100);
      let acknowledged = 0;
      let written = 0;
      const faults: SimDiskFaults = machine.machine.volume.faults;
      let failures = 0;
      faults.intercept = (operation) => {
        if (operation === "write") written++;
        if (operation !== failing || failures > 0) return undefined;
        failures++;
        return "io";
      };
      for (let i = 3; i < 10; i++) {
        wal.append({ groupId: GROUP, entries: [entry(i, 2)], onDurable: () => acknowledged++ });
        await machine.simulation.runFor(10);
      }
      expect(failures).toBe(1);
      expect(fatal).toHaveLength(1);
      expect(acknowledged).toBe(0);
      expect(written).toBe(1);
      expect(wal.stopped).toBeInstanceOf(WalError);
      await expect(machine.simulation.complete(wal.seal(GROUP))).rejects.toMatchObject({ code: "stopped" });
    },
  );

  test("a full disk is fatal too", async () => {
    const machine = await simulatedMachine("full");
    const fatal: { code?: string }[] = [];
    const { wal } = await openReady(machine, { onFatal: (error) => fatal.push(error as { code?: string }) });
    await machine.simulation.runFor(100);
    machine.machine.volume.faults.capacityBytes = machine.machine.volume.usedBytes();
    for (let i = 1; i < 200 && fatal.length === 0; i++) {
      wal.append({ groupId: GROUP, entries: [entry(i, 2)] });
      await machine.simulation.runFor(10);
    }
    expect(fatal).toMatchObject([{ code: "no-space" }]);
  });
});

describe("a spare segment that a full disk has no room for", () => {
  /** An open log whose next segment the disk refuses as long as `isFull` says so. */
  async function withoutSpare(seed: string, fatal: unknown[], isFull: () => boolean) {
    const machine = await simulatedMachine(seed);
    machine.machine.volume.faults.intercept = (operation, path) =>
      operation === "write" && path.endsWith("2.tmp") && isFull() ? "no-space" : undefined;
    const { wal } = await openReady(machine, { onFatal: (error) => fatal.push(error) });
    await machine.simulation.runFor(100);
    const files = () => machine.machine.volume.files().map(({ path }) => path.slice(DIRECTORY.length + 1));
    return { machine, wal, files };
  }

  test("is made when it is needed, and leaves nothing behind until then", async () => {
    const fatal: unknown[] = [];
    let isFull = true;
    const { machine, wal, files } = await withoutSpare("spare-later", fatal, () => isFull);
    await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 2, 2) }]);
    expect(files()).toEqual(["0000000000000001.wal"]);
    isFull = false;
    for (let i = 3; i <= 60; i++) await write(machine, wal, [{ groupId: GROUP, entries: [entry(i, 2)] }]);
    expect(wal.segmentCount).toBeGreaterThan(2);
    expect(fatal).toEqual([]);
    await machine.simulation.complete(wal.close());
    expect((await openReady(machine)).groups.get(GROUP)?.entries).toEqual(entries(1, 60, 2));
  });

  test("stops the log when it is needed and there still is no room; nothing that was acknowledged is lost", async () => {
    const fatal: unknown[] = [];
    const { machine, wal } = await withoutSpare("spare-never", fatal, () => true);
    let acknowledged = 0;
    wal.append({ groupId: GROUP, hardState: HARD_STATE });
    for (let i = 1; i < 200 && fatal.length === 0; i++) {
      wal.append({ groupId: GROUP, entries: [entry(i, 2)], onDurable: () => (acknowledged = i) });
      await machine.simulation.runFor(10);
    }
    expect(fatal).toMatchObject([{ code: "no-space" }]);
    expect(acknowledged).toBeGreaterThan(10);
    expect(wal.stopped?.message).toContain("no-space");
    machine.machine.volume.faults.intercept = undefined;
    expect((await openReady(machine)).groups.get(GROUP)?.entries).toEqual(entries(1, acknowledged, 2));
  });
});

describe("a batch whose sync failed, and which the next process still reads", () => {
  test.each(Array.from({ length: 16 }, (_, at) => at))(
    "is on the disk once that process has opened the log (%i)",
    async (at) => {
      const machine = await simulatedMachine(`failed sync ${at}`);
      const { wal } = await openReady(machine, { onFatal: () => undefined });
      await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 2, 2) }]);
      await machine.simulation.runFor(100);
      machine.machine.volume.faults.syncError = 1;
      wal.append({ groupId: GROUP, entries: entries(3, 4, 2) });
      await machine.simulation.runFor(100);
      expect(wal.stopped).toBeDefined();
      machine.machine.kill();
      machine.machine.volume.faults.syncError = 0;
      const seen = await openReady(machine);
      await write(machine, seen.wal, [{ groupId: GROUP, entries: entries(5, 6, 2) }]);
      machine.machine.crash("drop");
      const after = await openReady(machine);
      expect(modelOf(after.groups.get(GROUP)).entries).toEqual(entries(1, 6, 2));
    },
  );
});

/** "kill": only the process ends, and what it wrote without a sync is still to be read, until the power goes too. */
type Crash = "keep" | "drop" | "random" | "kill";

/** Runs the jobs on a new machine; after so many events, power is cut. Returns what had been acknowledged by then. */
async function runAndCrash(seed: string, jobs: readonly WalJob[], events: number, unsynced: Crash) {
  const machine = await simulatedMachine(seed);
  let acknowledged = 0;
  let finished = false;
  const run = async () => {
    const opened = await openWal(walOptions(machine.boot()));
    if (opened.kind !== "ready") throw new Error("a new log is not damaged");
    let durable: Promise<unknown> = Promise.resolve();
    for (const [i, job] of jobs.entries()) {
      durable = new Promise<void>((resolve) => {
        const onDurable = () => {
          acknowledged = i + 1;
          if (job.mark !== undefined) void opened.wal.removeObsolete();
          resolve();
        };
        opened.wal.append({ ...job, onDurable });
      });
      if (i % 3 === 0) await durable;
    }
    await durable;
    finished = true;
  };
  void run();
  const crashAt = machine.simulation.events + events;
  await machine.simulation.runUntil(() => finished || machine.simulation.events >= crashAt, 60_000);
  if (unsynced === "kill") machine.machine.kill();
  else machine.machine.crash(unsynced);
  return { machine, acknowledged, finished };
}

describe("after a crash at any moment", () => {
  test.each<Crash>(["keep", "drop", "random", "kill"])(
    "with unsynced writes: %s, the log is a prefix with all that was acknowledged",
    async (unsynced) => {
      for (const seed of ["a", "b", "c"]) {
        const jobs = randomJobs(createPrng(seed), 40);
        const states = [EMPTY_MODEL];
        for (const job of jobs) states.push(applyToModel(states.at(-1) ?? EMPTY_MODEL, job));
        let finished = false;
        for (let events = 1; !finished; events += 2) {
          const label = `seed ${seed}, power lost after ${events} events, unsynced: ${unsynced}`;
          const run = await runAndCrash(`${seed}-${events}`, jobs, events, unsynced);
          finished = run.finished;
          const opened = await open(run.machine);
          expect(opened.kind === "ready" ? "ready" : opened.damage, label).toBe("ready");
          if (opened.kind !== "ready") return;
          const found = modelOf(opened.groups.get(GROUP));
          const candidates = states.slice(run.acknowledged);
          expect(candidates, label).toContainEqual(found);
          // And it goes on from there, and a second crash changes nothing.
          run.machine.machine.crash("drop");
          const again = await openReady(run.machine);
          expect(modelOf(again.groups.get(GROUP)), label).toEqual(found);
        }
      }
    },
  );
});

describe("damage", () => {
  async function written(seed: string, count: number) {
    const machine = await simulatedMachine(seed);
    const { wal } = await openReady(machine);
    for (let i = 1; i <= count; i++) {
      const hardState = i === 1 ? HARD_STATE : undefined;
      await write(machine, wal, [{ groupId: GROUP, hardState, entries: [entry(i, 2)] }]);
    }
    await machine.simulation.runFor(100);
    // Like a kill: the last batch is not proven by another.
    machine.machine.kill();
    return machine;
  }

  /** Where the text of an entry lies. */
  async function offsetOf(machine: SimulatedMachine, text: string) {
    const disk = machine.boot();
    const needle = new TextEncoder().encode(text);
    for (const { path, sizeBytes } of machine.machine.volume.files()) {
      const file = await machine.simulation.complete(disk.open(path, "read"));
      const bytes = new Uint8Array(sizeBytes);
      await machine.simulation.complete(file.read(0, bytes));
      const at = Buffer.from(bytes).indexOf(needle);
      if (at >= 0) return { path, at };
    }
    throw new Error(`${text} is not there`);
  }

  test("before a later batch fences: the lost entry is named, the end of the log is known, nothing is changed", async () => {
    const machine = await written("middle", 10);
    const { path, at } = await offsetOf(machine, "entry 4 of 2");
    machine.machine.volume.flipBit(path, at);
    for (let i = 0; i < 2; i++) {
      const opened = await open(machine);
      expect(opened).toMatchObject({
        kind: "damaged",
        damage: [
          {
            what: "records of the batch cannot be read",
            entries: [{ groupId: GROUP, count: 1, term: 2, firstIndex: 4 }],
          },
        ],
        groups: [{ groupId: GROUP, last: { term: 2, index: 10 }, term: 2, vote: 3 }],
      });
    }
  });

  test("of the last batch, which nothing proves to have been acknowledged, is cut like a torn write", async () => {
    const machine = await written("tail", 10);
    const { path, at } = await offsetOf(machine, "entry 10 of 2");
    machine.machine.volume.flipBit(path, at);
    const opened = await openReady(machine);
    expect(opened.cuts).toHaveLength(1);
    expect(opened.groups.get(GROUP)?.entries).toEqual(entries(1, 9, 2));
    await write(machine, opened.wal, [{ groupId: GROUP, entries: [entry(10, 2, "another")] }]);
    machine.machine.kill();
    expect((await openReady(machine)).groups.get(GROUP)?.entries.at(-1)).toEqual(entry(10, 2, "another"));
  });

  test("of the last batch of a log that was closed in order fences", async () => {
    const machine = await simulatedMachine("closed");
    const { wal } = await openReady(machine);
    await write(machine, wal, [{ groupId: GROUP, hardState: HARD_STATE, entries: entries(1, 3, 2) }]);
    await machine.simulation.complete(wal.close());
    const { path, at } = await offsetOf(machine, "entry 3 of 2");
    machine.machine.volume.flipBit(path, at);
    expect(await open(machine)).toMatchObject({ kind: "damaged", groups: [{ last: { term: 2, index: 3 } }] });
  });

  test("by a lost segment fences", async () => {
    const machine = await written("lost", 60);
    const disk = machine.boot();
    await machine.simulation.complete(disk.remove(`${DIRECTORY}/0000000000000002.wal`));
    expect(await open(machine)).toMatchObject({
      kind: "damaged",
      groups: [{ last: { term: 2, index: 60 } }],
    });
  });

  test("by a write that went to another place fences", async () => {
    const machine = await written("misdirected", 10);
    const one = await offsetOf(machine, "entry 2 of 2");
    const two = await offsetOf(machine, "entry 5 of 2");
    const disk = machine.boot();
    const file = await machine.simulation.complete(disk.open(one.path, "read-write"));
    const record = new Uint8Array(120);
    // Header and prefix of an entry: 56 bytes before its data.
    await machine.simulation.complete(file.read(one.at - 56, record));
    await machine.simulation.complete(file.write(two.at - 56, [record]));
    expect(await open(machine)).toMatchObject({ kind: "damaged" });
  });

  test("of the header of a segment fences, and its records are still told apart", async () => {
    const machine = await written("header", 10);
    machine.machine.volume.flipBit(`${DIRECTORY}/0000000000000001.wal`, 20);
    expect(await open(machine)).toMatchObject({
      kind: "damaged",
      damage: [{ what: "segment header is damaged" }],
      groups: [{ last: { index: 10 } }],
    });
  });

  test("of a spare segment that was never used is nothing", async () => {
    const machine = await written("spare", 2);
    machine.machine.volume.flipBit(`${DIRECTORY}/0000000000000002.wal`, 20);
    const opened = await openReady(machine);
    expect(opened.groups.get(GROUP)?.entries).toEqual(entries(1, 2, 2));
  });

  test("by any one flipped bit: nothing is invented, nothing is lost in silence", async () => {
    const prng = createPrng("bits");
    for (let run = 0; run < 150; run++) {
      const machine = await written(`bits-${run}`, 12);
      const path = `${DIRECTORY}/0000000000000001.wal`;
      const position = prng.below(2400);
      machine.machine.volume.flipBit(path, position, prng.below(8));
      const label = `bit at ${position}, run ${run}`;
      const opened = await open(machine).catch((error: unknown) => error);
      if (opened instanceof WalError) continue;
      const result = opened as OpenedWal;
      if (result.kind === "damaged") continue;
      const found = result.groups.get(GROUP)?.entries ?? [];
      expect(found.length, label).toBeGreaterThanOrEqual(11);
      expect(found, label).toEqual(entries(1, found.length, 2));
    }
  });
});
