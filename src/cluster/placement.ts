/**
 * Where blobs go: a limited number of copysets, ordered tuples of nodes in distinct zones.
 *
 * Why copysets (Cidon et al., "Copysets", USENIX ATC 2013): with every blob on its own random nodes, any three nodes that are lost together
 * take some blob with them once there are enough blobs. With few tuples, most threes lose nothing. The price is that only the nodes which
 * share a tuple with a lost one help to repair it: its scatter width.
 *
 * The tuples come from numbered slots. For each slot the nodes are ranked by weighted rendezvous hashing, and the best ones in distinct zones
 * are its tuple. Slots are taken in order as long as no node of the tuple would be in more than
 *
 *   tuplesPerNode = max(1, floor(scatterWidth / (replicationFactor - 1)))
 *
 * of them, which bounds the scatter width of every node. A slot's tuple depends on no other slot, so that a node that comes or goes changes
 * only the tuples that it enters or leaves (and with them how many slots of the tail are taken).
 *
 * Plans are made by the Raft leader and recorded; nobody computes a tuple again in order to read.
 */

import { assert } from "../base/index.ts";
import type { PlacementNode } from "./ports.ts";
import { rendezvousScore } from "./rendezvous.ts";

/** Nodes that share a copyset with a node and so take part in its repair. */
export const DEFAULT_SCATTER_WIDTH = 10;
/** Most copysets that new blobs may go to. */
export const MAX_OPEN_COPYSETS = 512;
export const MAX_REPLICATION_FACTOR = 16;

/** Slots that are looked at for each tuple that may come out; few combinations of nodes make most slots repeat earlier ones. */
const SLOTS_PER_TUPLE = 16;
/** Apart from all slots: the keys of tuples that are made for one node that no slot has taken. */
const COVER_KEY = 0x100000000;

export interface PlacementOptions {
  readonly nodes: readonly PlacementNode[];
  readonly replicationFactor: number;
  readonly scatterWidth?: number;
}

/**
 * The node tuples for these nodes, each in order of preference. With fewer nodes than copies the tuples are shorter; with fewer zones than
 * copies the nodes of a tuple are spread over the zones as evenly as can be. Every node with a weight is in at least one tuple. The order of
 * `nodes` does not matter.
 */
export function planTuples(options: PlacementOptions): readonly (readonly number[])[] {
  const { replicationFactor, scatterWidth = DEFAULT_SCATTER_WIDTH } = options;
  assert(
    Number.isInteger(replicationFactor) &&
      replicationFactor >= 1 &&
      replicationFactor <= MAX_REPLICATION_FACTOR,
    "the replication factor is from 1 to MAX_REPLICATION_FACTOR",
  );
  const nodes = options.nodes.filter((node) => node.weight > 0).sort((a, b) => a.nodeId - b.nodeId);
  assert(new Set(nodes.map((node) => node.nodeId)).size === nodes.length, "a node is placed once");
  const width = Math.min(replicationFactor, nodes.length);
  if (width === 0) return [];
  const tuplesPerNode = Math.max(1, Math.floor(scatterWidth / Math.max(1, replicationFactor - 1)));
  const taken = new TakenTuples(tuplesPerNode);
  const mostTuples = Math.min(MAX_OPEN_COPYSETS, Math.ceil((nodes.length * tuplesPerNode) / width));
  for (let slot = 0; slot < mostTuples * SLOTS_PER_TUPLE && taken.tuples.length < mostTuples; slot++) {
    taken.offer(pickTuple(nodes, slot, width));
  }
  for (const node of nodes) {
    if (taken.count(node.nodeId) === 0) taken.add(pickTuple(nodes, COVER_KEY + node.nodeId, width, node));
  }
  return taken.tuples;
}

/** Collects tuples of distinct sets of nodes, none of a node that has had enough. */
class TakenTuples {
  readonly tuples: (readonly number[])[] = [];
  readonly #tuplesPerNode: number;
  readonly #counts = new Map<number, number>();
  readonly #sets = new Set<string>();

  constructor(tuplesPerNode: number) {
    this.#tuplesPerNode = tuplesPerNode;
  }

  count(nodeId: number): number {
    return this.#counts.get(nodeId) ?? 0;
  }

  offer(tuple: readonly number[]): void {
    if (this.#sets.has(setName(tuple))) return;
    if (tuple.some((nodeId) => this.count(nodeId) >= this.#tuplesPerNode)) return;
    this.add(tuple);
  }

  add(tuple: readonly number[]): void {
    this.#sets.add(setName(tuple));
    for (const nodeId of tuple) this.#counts.set(nodeId, this.count(nodeId) + 1);
    this.tuples.push(tuple);
  }
}

/** The same for the same nodes in any order. */
export function setName(tuple: readonly number[]): string {
  return [...tuple].sort((a, b) => a - b).join(",");
}

/** The `width` best nodes for a key, always from a zone that has given least so far. `first`, when given, comes first. */
function pickTuple(
  nodes: readonly PlacementNode[],
  key: number,
  width: number,
  first?: PlacementNode,
): readonly number[] {
  const scores = nodes.map((node) => rendezvousScore(key, node.nodeId, node.weight));
  const picked: PlacementNode[] = first === undefined ? [] : [first];
  while (picked.length < width) {
    const next = bestOfLeastUsedZones(nodes, scores, picked);
    assert(next !== undefined, "a tuple is no wider than there are nodes");
    picked.push(next);
  }
  return picked.map((node) => node.nodeId);
}

/** The greatest score in the zones with the fewest picked nodes; of equal ones the smallest id, which comes first. */
function bestOfLeastUsedZones(
  nodes: readonly PlacementNode[],
  scores: readonly number[],
  picked: readonly PlacementNode[],
): PlacementNode | undefined {
  let best: PlacementNode | undefined;
  let bestUsed = Number.POSITIVE_INFINITY;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const [position, node] of nodes.entries()) {
    if (picked.includes(node)) continue;
    let used = 0;
    for (const other of picked) if (other.zone === node.zone) used++;
    const score = scores[position]!;
    if (used > bestUsed || (used === bestUsed && score <= bestScore)) continue;
    best = node;
    bestUsed = used;
    bestScore = score;
  }
  return best;
}
