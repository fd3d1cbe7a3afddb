/**
 * A member's log and state machine together, after a power loss at every sync point with every choice of what reached the disk: first start, checkpoints,
 * the log cut behind them, a snapshot installed. See `platform/testing/crash-images.ts`.
 */

import { expect, test } from "vitest";
import type { Simulation } from "../../platform/sim/index.ts";
import {
  CRASH_TEST_TIMEOUT_MS,
  type CrashScript,
  type CrashSubject,
  type CrashWorld,
  crashBudget,
  type Recovered,
  tryCrashes,
} from "../../platform/testing/crash-images.ts";
import { SimCluster, type SimMember } from "../testing/sim-cluster.ts";

/** The log is cut all the time. */
const SETTINGS = { checkpointEntries: 6, trailingEntries: 2, walSegmentBytes: 1024, walMaxBatchBytes: 512 };
const VALUES = Array.from({ length: 36 }, (_, i) => `value ${i}`);

async function until(simulation: Simulation, isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise<void>((resolve) => void simulation.schedule(5, resolve));
}

/** Proposes in order and waits until all has been applied there. */
async function write(simulation: Simulation, through: SimMember, values: readonly string[]): Promise<void> {
  for (const value of values) through.raft.propose(new TextEncoder().encode(value));
  const last = values.at(-1);
  const isThere = () => through.state.applied.some(({ data }) => new TextDecoder().decode(data) === last);
  await until(simulation, isThere);
}

/** The rows of a member that stands alone, with how many of them must be there. */
type Rows = readonly string[];

interface Written {
  readonly acknowledged: number;
  readonly proposed: number;
}

/** One voter: what it has applied it has promised. */
function alone(): CrashSubject<Written, Rows> {
  const begin = async ({ simulation, machine }: CrashWorld): Promise<SimMember> => {
    const member = new SimCluster(simulation).add(1, machine);
    await member.begin({ bootstrap: { voters: [1] }, settings: SETTINGS });
    await until(simulation, () => member.raft.status().role === "leader");
    const { term, commit } = member.raft.status();
    const isCaughtUp = () => member.state.metadata.term === term && member.state.metadata.index >= commit;
    await until(simulation, isCaughtUp);
    return member;
  };
  const run = (world: CrashWorld): CrashScript<Written> => {
    let written: Written = { acknowledged: 0, proposed: 0 };
    const script = async (): Promise<void> => {
      const member = await begin(world);
      for (let from = 0; from < VALUES.length; from += 3) {
        written = { ...written, proposed: from + 3 };
        await write(world.simulation, member, VALUES.slice(from, from + 3));
        written = { ...written, acknowledged: from + 3 };
      }
      await member.raft.close();
    };
    return { finished: script(), progress: () => written };
  };
  const recover = async (world: CrashWorld): Promise<Recovered<Rows>> => {
    const member = await begin(world);
    const goOn = async (): Promise<Rows> => {
      await write(world.simulation, member, ["a", "b", "c", "d", "e", "f", "g", "h"]);
      return member.state.rows();
    };
    return { state: await member.state.rows(), goOn };
  };
  return {
    name: "a member that stands alone",
    run,
    recover,
    check: (rows, { acknowledged, proposed }) => {
      expect(rows).toEqual(VALUES.slice(0, rows.length));
      expect(rows.length).toBeGreaterThanOrEqual(acknowledged);
      expect(rows.length).toBeLessThanOrEqual(proposed);
    },
    checkStays: (before, after) => expect(after).toEqual(before),
  };
}

/** What a follower has told the leader, and what it is found with. */
interface Position {
  readonly term: number;
  readonly lastIndex: number;
  readonly rows: Rows;
}

/** A follower that falls behind, gets a snapshot, follows and gets another one. It starts again without the others. */
function following(): CrashSubject<Position, Position> {
  const run = ({ simulation, machine }: CrashWorld): CrashScript<Position> => {
    const cluster = new SimCluster(simulation);
    const [one, two, three] = [cluster.add(1), cluster.add(2), cluster.add(3, machine)];
    const script = async (): Promise<void> => {
      for (const member of [one, two, three]) {
        await member.begin({ bootstrap: { voters: [1, 2, 3] }, settings: SETTINGS });
      }
      await until(simulation, () => cluster.leader() !== undefined);
      if (cluster.leader() !== one) cluster.leader()?.raft.transferLeadership(1);
      await until(simulation, () => cluster.leader() === one && one.raft.status().role === "leader");
      await write(simulation, one, VALUES.slice(0, 4));
      for (const from of [4, 20]) {
        cluster.network.isolate(3, [1, 2]);
        // For so long that what was on its way breaks off.
        await new Promise<void>((resolve) => void simulation.schedule(20_000, resolve));
        await write(simulation, one, VALUES.slice(from, from + 12));
        cluster.network.heal();
        await write(simulation, one, VALUES.slice(from + 12, from + 16));
        await until(simulation, () => three.state.metadata.index === one.state.metadata.index);
      }
      const kinds = three.events.map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === "snapshot-installed").length).toBeGreaterThan(1);
      expect(kinds).toContain("log-compacted");
    };
    return { finished: script(), progress: () => promisedTo(one) };
  };
  return {
    name: "a follower that is sent snapshots",
    run,
    recover: recoverFollower,
    check: (found, promised) => {
      expect(found.term).toBeGreaterThanOrEqual(promised.term);
      expect(found.lastIndex).toBeGreaterThanOrEqual(promised.lastIndex);
    },
    checkStays: (before, after) => {
      expect(after.term).toBeGreaterThanOrEqual(before.term);
      expect(after.lastIndex).toBeGreaterThanOrEqual(before.lastIndex);
    },
  };
}

/** What this leader knows that node 3 has made durable. */
function promisedTo({ group, state, stateMachine }: SimMember): Position {
  const status = stateMachine === undefined ? undefined : group?.status();
  const lastIndex = status?.progress.find(({ nodeId }) => nodeId === 3)?.match ?? 0;
  if (status === undefined || lastIndex === 0) return { term: 0, lastIndex: 0, rows: [] };
  const hasHeardOfTerm = state.applied.some(({ term, index }) => term === status.term && index <= lastIndex);
  return { term: hasHeardOfTerm ? status.term : 0, lastIndex, rows: [] };
}

async function recoverFollower({ simulation, machine }: CrashWorld): Promise<Recovered<Position>> {
  const cluster = new SimCluster(simulation);
  for (const other of [1, 2]) cluster.add(other);
  const member = cluster.add(3, machine);
  await member.begin({ bootstrap: { voters: [1, 2, 3] }, settings: SETTINGS });
  const { term, lastIndex, fenced } = member.raft.status();
  expect(fenced, "a whole log is not fenced").toBe(false);
  const rows = await member.state.rows();
  expect(rows).toEqual(VALUES.slice(0, rows.length));
  const state = { term, lastIndex, rows };
  return { state, goOn: () => Promise.resolve(state) };
}

test(
  "a member that stands alone keeps what it has applied, whatever a power loss leaves",
  async () => {
    const counts = await tryCrashes(alone(), crashBudget("alone", 16));
    expect(counts.images).toBeGreaterThan(60);
  },
  CRASH_TEST_TIMEOUT_MS,
);

test(
  "a follower keeps what it has told the leader, whatever a power loss leaves",
  async () => {
    const counts = await tryCrashes(following(), crashBudget("follower", 16));
    expect(counts.images).toBeGreaterThan(60);
  },
  CRASH_TEST_TIMEOUT_MS,
);
