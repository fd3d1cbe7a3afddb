/** The recorded copysets: bringing them in line with a plan, and choosing among them. */

import { assert } from "../base/index.ts";
import { type PlacementOptions, planTuples, setName } from "./placement.ts";
import type { PlacementNode } from "./ports.ts";
import { hashBytes, rendezvousScore } from "./rendezvous.ts";

/** The fields of `CopysetRow` that this file reads. */
export interface Copyset {
  readonly copysetId: bigint;
  readonly nodeIds: readonly bigint[];
  readonly open: boolean;
}

/** What shall be open: a recorded copyset that goes on (or comes back), or a new one, with id 0. */
export interface PlannedCopyset {
  readonly copysetId: bigint;
  readonly nodeIds: readonly bigint[];
}

/**
 * The copysets that shall be open for these nodes, or undefined when the open ones are those already. A recorded copyset of the same nodes
 * keeps its id and its order, also when it was closed meanwhile. Without any node to place on nothing changes.
 */
export function planCopysets<Row extends Copyset>(
  recorded: readonly Row[],
  options: PlacementOptions,
): readonly PlannedCopyset[] | undefined {
  const tuples = planTuples(options);
  if (tuples.length === 0) return undefined;
  const bySet = new Map<string, Row>();
  for (const row of recorded) {
    const name = setName(row.nodeIds.map(Number));
    const found = bySet.get(name);
    // Of several rows of the same nodes an open one goes on.
    if (found === undefined || (row.open && !found.open)) bySet.set(name, row);
  }
  let changed = false;
  const planned = tuples.map((tuple): PlannedCopyset => {
    const row = bySet.get(setName(tuple));
    changed ||= row === undefined || !row.open;
    return row === undefined
      ? { copysetId: 0n, nodeIds: tuple.map(BigInt) }
      : { copysetId: row.copysetId, nodeIds: row.nodeIds };
  });
  const openRows = recorded.filter((row) => row.open).length;
  return changed || openRows !== planned.length ? planned : undefined;
}

/** Rounds of fitting: after this many, what is left of the error is what the copysets themselves do not allow. */
const FITTING_ROUNDS = 64;
/** No copyset gets less than this part of an even share: nodes that nothing could balance still take their part. */
const LEAST_SHARE = 1e-3;

/**
 * How often each open copyset should be chosen, by id, so that every node gets blobs in proportion to its weight as far as the copysets allow
 * it. Iterative proportional fitting (Deming and Stephan 1940).
 */
export function copysetShares(
  copysets: readonly Copyset[],
  nodes: readonly PlacementNode[],
): ReadonlyMap<bigint, number> {
  const open = copysets.filter((copyset) => copyset.open);
  const members = open.map((copyset) => copyset.nodeIds.map(Number));
  const wanted = wantedLoads(members, nodes);
  const shares = open.map(() => 1 / open.length);
  for (let round = 0; round < FITTING_ROUNDS; round++) {
    const loads = loadsOf(members, shares);
    for (const [position, nodeIds] of members.entries()) {
      for (const nodeId of nodeIds) {
        const correction = (wanted.get(nodeId) ?? 0) / (loads.get(nodeId) ?? 1);
        shares[position]! *= correction ** (1 / nodeIds.length);
      }
    }
    const total = shares.reduce((sum, share) => sum + share, 0);
    for (const [position, share] of shares.entries()) {
      shares[position] = Math.max(share / total, LEAST_SHARE / open.length);
    }
  }
  return new Map(open.map((copyset, position) => [copyset.copysetId, shares[position]!]));
}

/** The sum over all nodes is the mean number of nodes in a copyset; a node that takes no new bytes (any more) counts next to nothing. */
function wantedLoads(
  members: readonly (readonly number[])[],
  nodes: readonly PlacementNode[],
): ReadonlyMap<number, number> {
  const weights = new Map(nodes.map((node) => [node.nodeId, node.weight]));
  const present = [...new Set(members.flat())];
  const least = Math.min(
    ...present.map((nodeId) => weights.get(nodeId) ?? 1).filter((weight) => weight > 0),
    1,
  );
  const weightOf = (nodeId: number) => Math.max(weights.get(nodeId) ?? least, least);
  const total = present.reduce((sum, nodeId) => sum + weightOf(nodeId), 0);
  const width = members.flat().length / Math.max(1, members.length);
  return new Map(present.map((nodeId) => [nodeId, (width * weightOf(nodeId)) / total]));
}

function loadsOf(members: readonly (readonly number[])[], shares: readonly number[]): Map<number, number> {
  const loads = new Map<number, number>();
  for (const [position, nodeIds] of members.entries()) {
    for (const nodeId of nodeIds) loads.set(nodeId, (loads.get(nodeId) ?? 0) + shares[position]!);
  }
  return loads;
}

/** Whether bytes should be written to a node now: it is well, nobody knows, or better not. */
export type Writability = "yes" | "maybe" | "no";

/**
 * The open copyset for a new blob: of those with the fewest nodes that cannot be written (then the fewest that perhaps can), the one that the
 * blob's id draws. Undefined without an open copyset. Without `shares` all are as likely.
 */
export function chooseCopyset<Row extends Copyset>(
  copysets: readonly Row[],
  blobId: Uint8Array,
  writability: (nodeId: number) => Writability,
  shares?: ReadonlyMap<bigint, number>,
): Row | undefined {
  const key = hashBytes(blobId);
  let best: Row | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const copyset of copysets) {
    if (!copyset.open) continue;
    const cost = costOf(copyset, writability);
    if (cost > bestCost) continue;
    const score = rendezvousScore(key, Number(copyset.copysetId), shares?.get(copyset.copysetId) ?? 1);
    if (cost === bestCost && score <= bestScore) continue;
    best = copyset;
    bestCost = cost;
    bestScore = score;
  }
  return best;
}

/** One node that cannot be written weighs more than any number of doubtful ones. */
const COST_OF_NO = 1000;

function costOf(copyset: Copyset, writability: (nodeId: number) => Writability): number {
  let cost = 0;
  for (const nodeId of copyset.nodeIds) {
    const answer = writability(Number(nodeId));
    if (answer === "no") cost += COST_OF_NO;
    else if (answer === "maybe") cost += 1;
  }
  return cost;
}

export interface SpareOptions {
  readonly copyset: Copyset;
  readonly nodes: readonly PlacementNode[];
  readonly writability: (nodeId: number) => Writability;
  /** Members that have failed in this write although they may look well. */
  readonly failed?: readonly number[];
}

/**
 * Who may take the place of a failed member, best first: nodes that are well before doubtful ones, nodes in zones where no working member is
 * before others, then by rendezvous, so that the load of a lost node spreads. Nodes that cannot be written, failed ones and members are left
 * out.
 */
export function spares(options: SpareOptions): readonly number[] {
  const members = options.copyset.nodeIds.map(Number);
  const failed = new Set(options.failed ?? []);
  const works = (nodeId: number) => !failed.has(nodeId) && options.writability(nodeId) !== "no";
  const usedZones = new Set(
    options.nodes
      .filter((node) => members.includes(node.nodeId) && works(node.nodeId))
      .map((node) => node.zone),
  );
  const key = Number(options.copyset.copysetId);
  return options.nodes
    .filter((node) => node.weight > 0 && !members.includes(node.nodeId) && works(node.nodeId))
    .map((node) => ({
      nodeId: node.nodeId,
      doubt: options.writability(node.nodeId) === "maybe" ? 1 : 0,
      crowd: usedZones.has(node.zone) ? 1 : 0,
      score: rendezvousScore(key, node.nodeId, node.weight),
    }))
    .sort((a, b) => a.doubt - b.doubt || a.crowd - b.crowd || b.score - a.score || a.nodeId - b.nodeId)
    .map(({ nodeId }) => nodeId);
}

/** Copies that must be durable before a write counts: a majority of those that the copyset gives. The state machine has the same rule. */
export function writeQuorum(replicationFactor: number, copysetWidth: number): number {
  assert(replicationFactor >= 1 && copysetWidth >= 1, "a write goes somewhere");
  return Math.floor(Math.min(replicationFactor, copysetWidth) / 2) + 1;
}
