/**
 * The log after a power loss at every sync point, with every choice of what reached the disk: a prefix of what was appended, with all that was
 * acknowledged. See `platform/testing/crash-images.ts`.
 */

import { expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import {
  CRASH_TEST_TIMEOUT_MS,
  type CrashScript,
  type CrashSubject,
  type CrashWorld,
  crashBudget,
  type Recovered,
  tryCrashes,
} from "../../platform/testing/crash-images.ts";
import type { WalJob } from "./job.ts";
import { openWal, resetWal } from "./open.ts";
import { randomJobs } from "./testing/random-jobs.ts";
import {
  applyToModel,
  EMPTY_MODEL,
  entries,
  GROUP,
  type ModelState,
  modelOf,
  walOptions,
} from "./testing/wal-harness.ts";

/** The states that may be found, as texts, oldest first. */
type Progress = readonly string[];

async function prepared({ machine }: CrashWorld) {
  const { disk } = machine.boot().platform;
  if (await disk.exists("/data")) return disk;
  await disk.makeDirectory("/data");
  await disk.syncDirectory("/");
  return disk;
}

function textOf({ hardState, markIndex, entries: log }: ModelState): string {
  const { term, vote, commit } = hardState;
  const listed = log.map(({ index, term: of, data }) => `${index}/${of}/${new TextDecoder().decode(data)}`);
  return `term ${term} vote ${vote} commit ${commit} after ${markIndex}: ${listed.join(", ")}`;
}

/** What a log of these jobs says after each of them. */
function statesOf(jobs: readonly WalJob[], from: ModelState = EMPTY_MODEL): ModelState[] {
  const states = [from];
  for (const job of jobs) states.push(applyToModel(states.at(-1)!, job));
  return states;
}

/** The i-th job that goes on from a state. */
function nextJob({ hardState, markIndex, entries: log }: ModelState, i: number): WalJob {
  const term = hardState.term + 1;
  const index = (log.at(-1)?.index ?? markIndex) + 1 + i;
  return { groupId: GROUP, hardState: { ...hardState, term, vote: 0 }, entries: entries(index, index, term) };
}

const common = {
  recover: async (world: CrashWorld): Promise<Recovered<ModelState>> => {
    const opened = await openWal(walOptions(await prepared(world)));
    if (opened.kind === "damaged") throw new Error(`taken for damage: ${JSON.stringify(opened.damage)}`);
    const state = modelOf(opened.groups.get(GROUP));
    const goOn = async (): Promise<ModelState> => {
      // Enough to fill a segment or two.
      const jobs = Array.from({ length: 12 }, (_, i) => nextJob(state, i));
      for (const job of jobs) {
        await new Promise<void>((onDurable) => opened.wal.append({ ...job, onDurable }));
      }
      return statesOf(jobs, state).at(-1)!;
    };
    return { state, goOn };
  },
  check: (state: ModelState, allowed: Progress): void => {
    expect(allowed).toContain(textOf(state));
  },
  checkStays: (before: ModelState, after: ModelState): void => {
    expect(textOf(after)).toBe(textOf(before));
  },
};

/** Appends the jobs, now and then waiting, and cuts the log behind every durable mark. */
function appending(seed: string, jobs: readonly WalJob[]): CrashSubject<Progress, ModelState> {
  const texts = statesOf(jobs).map(textOf);
  const run = (world: CrashWorld): CrashScript<Progress> => {
    let [appended, acknowledged] = [0, 0];
    const script = async (): Promise<void> => {
      const opened = await openWal(walOptions(await prepared(world)));
      if (opened.kind !== "ready") throw new Error("a new log is not damaged");
      let durable: Promise<unknown> = Promise.resolve();
      for (const [i, job] of jobs.entries()) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const onDurable = (): void => {
          acknowledged = i + 1;
          if (job.mark !== undefined) void opened.wal.removeObsolete();
          resolve();
        };
        appended = i + 1;
        opened.wal.append({ ...job, onDurable });
        durable = promise;
        if (i % 3 === 0) await durable;
      }
      await durable;
      await opened.wal.close();
    };
    return { finished: script(), progress: () => texts.slice(acknowledged, appended + 1) };
  };
  return { name: `a log (${seed})`, run, ...common };
}

/** Replaces a log that is there by another, as a fenced member does: the old one or the new one, and in the end the new one. */
function resetting(): CrashSubject<Progress, ModelState> {
  const hardState = { term: 2, vote: 3, commit: 20 };
  const old: WalJob[] = [{ groupId: GROUP, hardState, entries: entries(1, 90, 2) }];
  const mark = { term: 3, index: 95, reset: true, bootstrap: false };
  const fresh: WalJob = { groupId: GROUP, hardState: { term: 4, vote: 0, commit: 95 }, mark };
  const [before, after] = [statesOf(old).at(-1)!, statesOf([...old, fresh]).at(-1)!];
  const run = (world: CrashWorld): CrashScript<Progress> => {
    let allowed = statesOf(old).map(textOf);
    const script = async (): Promise<void> => {
      const disk = await prepared(world);
      const opened = await openWal(walOptions(disk));
      if (opened.kind !== "ready") throw new Error("a new log is not damaged");
      const durable = Promise.all(
        old.map((job) => new Promise<void>((onDurable) => opened.wal.append({ ...job, onDurable }))),
      );
      await durable;
      allowed = [textOf(before)];
      await opened.wal.close();
      allowed = [textOf(before), textOf(after)];
      const renewed = await resetWal(walOptions(disk), [fresh]);
      allowed = [textOf(after)];
      await renewed.close();
    };
    return { finished: script(), progress: () => allowed };
  };
  return { name: "a log that is replaced", run, ...common };
}

/**
 * Each of them once found a log that was whole and taken for damaged: s5 a torn first batch, s14 a segment removed before the next one repeated what it
 * held, s18 a batch that was read after kill -9 and never synced.
 */
test.each(["s5", "s14", "s18"])(
  "a log holds what it promised, whatever a power loss leaves (%s)",
  async (seed) => {
    const jobs = randomJobs(createPrng(`images-${seed}`), 60);
    const counts = await tryCrashes(appending(seed, jobs), crashBudget(seed, 40));
    expect(counts.images).toBeGreaterThan(100);
  },
  CRASH_TEST_TIMEOUT_MS,
);

test(
  "a log that is replaced is the old one or the new one",
  async () => {
    const counts = await tryCrashes(resetting(), crashBudget("reset", 40));
    expect(counts.images).toBeGreaterThan(50);
  },
  CRASH_TEST_TIMEOUT_MS,
);
