/** What the tests of the log share: a log on a simulated disk, and a dumb model of what it must remember. */

import type { Disk } from "../../../platform/index.ts";
import { PlainHasher } from "../../../platform/node/index.ts";
import { SimMachine, Simulation } from "../../../platform/sim/index.ts";
import type { Entry, HardState } from "../../types.ts";
import type { WalJob } from "../job.ts";
import type { ReplayedGroup } from "../replay.ts";
import type { WalOptions } from "../wal.ts";

export const GROUP = 7;
export const DIRECTORY = "/data/raft";
export const IDENTITY = { clusterId: "cluster-a", nodeId: 3, incarnation: "incarnation-1" };

const hasher = new PlainHasher();
export const crc32c = (bytes: Uint8Array, seed?: number): number => hasher.crc32c(bytes, seed);

export function walOptions(disk: Disk, overrides: Partial<WalOptions> = {}): WalOptions {
  return {
    disk,
    crc32c,
    directory: DIRECTORY,
    identity: IDENTITY,
    segmentBytes: 4096,
    maxBatchBytes: 1024,
    onFatal: (error) => {
      throw error;
    },
    ...overrides,
  };
}

export interface SimulatedMachine {
  readonly simulation: Simulation;
  readonly machine: SimMachine;
  /** Of a process that has just been started. */
  boot(): Disk;
}

export async function simulatedMachine(seed: string): Promise<SimulatedMachine> {
  const simulation = new Simulation(seed);
  const machine = new SimMachine(simulation, "one");
  const boot = () => machine.boot().platform.disk;
  const disk = boot();
  await simulation.complete(
    (async () => {
      await disk.makeDirectory("/data");
      await disk.syncDirectory("/");
    })(),
  );
  return { simulation, machine, boot };
}

export function entry(index: number, term: number, text = `entry ${index} of ${term}`): Entry {
  return { index, term, type: "EntryNormal", data: new TextEncoder().encode(text), timeMs: 1000 + index };
}

export function entries(from: number, to: number, term: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));
}

/** What a log remembers, done the obvious way. */
export interface ModelState {
  readonly hardState: HardState;
  readonly markIndex: number;
  readonly entries: readonly Entry[];
}

export const EMPTY_MODEL: ModelState = {
  hardState: { term: 0, vote: 0, commit: 0 },
  markIndex: 0,
  entries: [],
};

export function applyToModel(state: ModelState, job: WalJob): ModelState {
  const { hardState = state.hardState, mark } = job;
  let { markIndex, entries: log } = state;
  if (mark !== undefined) {
    markIndex = mark.index;
    log = mark.reset ? [] : log.filter(({ index }) => index > markIndex);
  }
  const first = job.entries?.[0]?.index;
  if (first !== undefined) log = [...log.filter(({ index }) => index < first), ...(job.entries ?? [])];
  return { hardState, markIndex, entries: log };
}

export function modelOf(group: ReplayedGroup | undefined): ModelState {
  if (group === undefined) return EMPTY_MODEL;
  return { hardState: group.hardState, markIndex: group.mark.index, entries: group.entries };
}
