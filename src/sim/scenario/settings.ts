import type { Prng } from "../../base/index.ts";
import type { NamespaceSettings } from "../namespaces/scenario.ts";

/** Everything about a run that is not an event of it. Swarm testing: each seed draws its own, so that settings meet which nobody would choose together. */
export interface ScenarioSettings {
  readonly nodes: number;
  readonly replicationFactor: number;
  /** Faults and clients act for so long, in milliseconds of virtual time. */
  readonly safetyMs: number;
  readonly clients: number;
  readonly keys: number;
  readonly operationsPerClient: number;
  /** Mean time between two operations of a client, in milliseconds. */
  readonly thinkMs: number;
  readonly inlineBytes: number;
  readonly chunkBytes: number;
  readonly segmentBytes: number;
  readonly deleteGraceMs: number;
  readonly checkpointEntries: number;
  readonly trailingEntries: number;
  readonly walSegmentBytes: number;
  readonly electionTicks: number;
  readonly maxMessageBytes: number;
  readonly maxInflightMessages: number;
  readonly leastDelayMs: number;
  readonly greatestDelayMs: number;
  readonly resetProbability: number;
  readonly greatestDiskMs: number;
  /** Clocks run this much too fast or too slow, at most, as a part of one. */
  readonly clockDrift: number;
  /** The cluster forms within the run, instead of starting on the disks of one that has formed before. */
  readonly isFormedAnew: boolean;
  /** Undefined: there are none. */
  readonly namespaces?: NamespaceSettings | undefined;
}

const KIB = 1024;

/** A cluster that nothing disturbs. */
export const CALM: ScenarioSettings = {
  nodes: 3,
  replicationFactor: 3,
  safetyMs: 0,
  clients: 0,
  keys: 1,
  operationsPerClient: 0,
  thinkMs: 0,
  inlineBytes: 4 * KIB,
  chunkBytes: 64 * KIB,
  segmentBytes: 64 * KIB,
  deleteGraceMs: 1000,
  checkpointEntries: 100,
  trailingEntries: 20,
  walSegmentBytes: 32 * KIB,
  electionTicks: 10,
  maxMessageBytes: 64 * KIB,
  maxInflightMessages: 256,
  leastDelayMs: 0.1,
  greatestDelayMs: 0.5,
  resetProbability: 0,
  greatestDiskMs: 0.2,
  clockDrift: 0,
  isFormedAnew: true,
};

export function drawSettings(prng: Prng): ScenarioSettings {
  const nodes = drawNodes(prng);
  const isLong = prng.chance(0.06);
  return {
    nodes,
    replicationFactor: Math.min(nodes, prng.pick([2, 3, 3, 3])),
    safetyMs: isLong ? prng.between(30_000, 90_000) : prng.between(4000, 14_000),
    clients: prng.between(1, nodes === 1 ? 3 : 5),
    keys: prng.between(1, 6),
    operationsPerClient: isLong ? prng.between(40, 120) : prng.between(8, 30),
    thinkMs: prng.pick([5, 50, 200, 400]),
    inlineBytes: prng.pick([0, 512, 4 * KIB]),
    chunkBytes: prng.pick([512, 2 * KIB, 64 * KIB]),
    segmentBytes: prng.pick([16 * KIB, 64 * KIB, 256 * KIB]),
    deleteGraceMs: prng.pick([0, 1000, 3000]),
    checkpointEntries: prng.pick([10, 25, 100, 1000]),
    trailingEntries: prng.pick([1, 5, 20]),
    walSegmentBytes: prng.pick([16 * KIB, 32 * KIB, 128 * KIB]),
    electionTicks: prng.pick([10, 10, 10, 5]),
    maxMessageBytes: prng.pick([2 * KIB, 64 * KIB, 1024 * KIB]),
    maxInflightMessages: prng.pick([1, 4, 256]),
    leastDelayMs: prng.pick([0.1, 1]),
    greatestDelayMs: prng.pick([0.5, 5, 50]),
    resetProbability: prng.pick([0, 0, 0.0005, 0.003]),
    greatestDiskMs: prng.pick([0.2, 2, 15]),
    clockDrift: prng.pick([0, 0.0005, 0.02]),
    isFormedAnew: prng.chance(0.1),
  };
}

/** Mostly three: the least that survives anything; one for what a disk alone promises, five for partitions with two halves. */
function drawNodes(prng: Prng): number {
  const draw = prng.unit();
  if (draw < 0.1) return 1;
  return draw < 0.86 ? 3 : 5;
}
