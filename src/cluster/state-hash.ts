/**
 * Whether this node's metadata has gone another way than the others'. All nodes apply the same entries and hash what they did; at the same index
 * the hashes must be equal. Pure.
 */

import { assert, equalBytes, toHex } from "../base/index.ts";

/** One node's state at one index. */
export interface StateHashSample {
  readonly nodeId: number;
  readonly hashIndex: bigint;
  readonly stateHash: Uint8Array;
}

export type StateHashVerdict =
  /** Nobody says anything else than this node, wherever there is something to compare. */
  | { readonly kind: "agree" }
  /** These nodes have another hash than a majority that this node is part of. */
  | { readonly kind: "others-diverge"; readonly hashIndex: bigint; readonly nodeIds: readonly number[] }
  /** A majority agrees on another hash: what this node holds must not be served. */
  | { readonly kind: "self-diverges"; readonly hashIndex: bigint }
  /** The hashes differ, and no hash has a majority: somebody is wrong, and nobody can tell who. */
  | { readonly kind: "undecided"; readonly hashIndex: bigint };

/**
 * Compares the samples at each index at which this node has one, the newest first, and gives the first verdict that is not "agree".
 * `memberCount` is the number of nodes that hold the metadata: a majority is more than half of them, heard of or not.
 */
export function judgeStateHashes(
  selfNodeId: number,
  samples: readonly StateHashSample[],
  memberCount: number,
): StateHashVerdict {
  assert(memberCount >= 1, "a cluster has members");
  const indexes = samples
    .filter((sample) => sample.nodeId === selfNodeId)
    .map((sample) => sample.hashIndex)
    .sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  for (const hashIndex of indexes) {
    const atIndex = samples.filter((sample) => sample.hashIndex === hashIndex);
    const verdict = judgeIndex(selfNodeId, hashIndex, atIndex, memberCount);
    if (verdict.kind !== "agree") return verdict;
  }
  return { kind: "agree" };
}

function judgeIndex(
  selfNodeId: number,
  hashIndex: bigint,
  samples: readonly StateHashSample[],
  memberCount: number,
): StateHashVerdict {
  const nodesOfHash = new Map<string, Set<number>>();
  for (const { nodeId, stateHash } of samples) {
    const name = toHex(stateHash);
    nodesOfHash.set(name, (nodesOfHash.get(name) ?? new Set()).add(nodeId));
  }
  if (nodesOfHash.size <= 1) return { kind: "agree" };
  const majority = [...nodesOfHash.values()].find((nodeIds) => nodeIds.size * 2 > memberCount);
  if (majority === undefined) return { kind: "undecided", hashIndex };
  if (!majority.has(selfNodeId)) return { kind: "self-diverges", hashIndex };
  const nodeIds = [...new Set(samples.map((sample) => sample.nodeId))].filter(
    (nodeId) => !majority.has(nodeId),
  );
  return { kind: "others-diverge", hashIndex, nodeIds: nodeIds.sort((a, b) => a - b) };
}

/** Samples that are kept of each node: peers hear of an index a little earlier or later than this node reaches it. */
export const STATE_HASH_HISTORY = 16;

/** The newest samples of one node. */
export class StateHashHistory {
  #samples: { readonly hashIndex: bigint; readonly stateHash: Uint8Array }[] = [];

  /** Index 0 stands for "none yet". The same sample again is fine; another hash at an index (a state that was replaced) takes its place. */
  add(hashIndex: bigint, stateHash: Uint8Array): void {
    if (hashIndex === 0n || stateHash.length === 0) return;
    const known = this.#samples.find((sample) => sample.hashIndex === hashIndex);
    if (known !== undefined && equalBytes(known.stateHash, stateHash)) return;
    this.#samples = this.#samples.filter((sample) => sample.hashIndex !== hashIndex);
    this.#samples.push({ hashIndex, stateHash });
    if (this.#samples.length > STATE_HASH_HISTORY) this.#samples.shift();
  }

  samples(nodeId: number): readonly StateHashSample[] {
    return this.#samples.map((sample) => ({ nodeId, ...sample }));
  }
}
