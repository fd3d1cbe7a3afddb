/**
 * Who should vote in the Raft group: a pure function of the members and of how far each has come.
 *
 * A new member with the role "meta" is added as a learner, gets the log or a snapshot without counting for anything, and is promoted once it has
 * caught up. The number of voters is odd from three on: a fourth voter makes the quorum larger and nothing safer. With two nodes both vote,
 * although either can then stop the cluster, because otherwise only one disk would hold what was acknowledged.
 */

import { assert } from "../../base/index.ts";
import type { NodeRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ConfigurationChange, RaftProgress, RaftStatus } from "../../raft/ports.ts";
import { NODE_STATE } from "../node-rows.ts";

export const DEFAULT_MAX_VOTERS = 5;
export const GREATEST_MAX_VOTERS = 7;
/** A learner that is at most this many entries behind has caught up. */
export const CAUGHT_UP_ENTRIES = 1_000;

export interface ConfigurationInput {
  readonly nodes: readonly NodeRow[];
  readonly status: Pick<RaftStatus, "nodeId" | "commit" | "confState" | "progress">;
  readonly maxVoters: number;
}

export type ConfigurationPlan =
  | { readonly kind: "none" }
  | { readonly kind: "change"; readonly changes: readonly ConfigurationChange[] }
  /** The leader itself is to leave: somebody else must lead first. */
  | { readonly kind: "transfer"; readonly to: number };

/** The next step for the leader, one at a time. */
export function planConfiguration(input: ConfigurationInput): ConfigurationPlan {
  const { nodes, status } = input;
  const { confState } = status;
  assert(input.maxVoters >= 1 && input.maxVoters <= GREATEST_MAX_VOTERS, "the number of voters is bounded");
  // One change at a time: the present one has to be left first.
  if (confState.votersOutgoing.length > 0 || confState.learnersNext.length > 0) return { kind: "none" };
  const rows = new Map(nodes.map((node) => [Number(node.nodeId), node]));
  const isRemoved = (nodeId: number) => rows.get(nodeId)?.state === NODE_STATE.removed;

  if (isRemoved(status.nodeId)) return transferPlan(input, isRemoved);
  const changes = [...removals(input, isRemoved), ...promotions(input, rows, isRemoved)];
  if (changes.length > 0) return { kind: "change", changes };
  const newcomer = newLearner(nodes, confState);
  return newcomer === undefined
    ? { kind: "none" }
    : { kind: "change", changes: [{ type: "add-learner", nodeId: newcomer }] };
}

function transferPlan(input: ConfigurationInput, isRemoved: (nodeId: number) => boolean): ConfigurationPlan {
  const heirs = input.status.progress
    .filter((peer) => !peer.learner && peer.nodeId !== input.status.nodeId)
    .filter((peer) => peer.recentlyActive && !isRemoved(peer.nodeId))
    .sort((a, b) => b.match - a.match || a.nodeId - b.nodeId);
  return heirs[0] === undefined ? { kind: "none" } : { kind: "transfer", to: heirs[0].nodeId };
}

/** Never the last voter: an empty configuration cannot be left again. */
function removals(
  { status }: ConfigurationInput,
  isRemoved: (nodeId: number) => boolean,
): readonly ConfigurationChange[] {
  const { voters, learners } = status.confState;
  const staying = voters.filter((nodeId) => !isRemoved(nodeId));
  if (staying.length === 0) return [];
  return [...voters, ...learners].filter(isRemoved).map((nodeId) => ({ type: "remove", nodeId }));
}

function promotions(
  input: ConfigurationInput,
  rows: ReadonlyMap<number, NodeRow>,
  isRemoved: (nodeId: number) => boolean,
): readonly ConfigurationChange[] {
  const { status, maxVoters } = input;
  const voters = status.confState.voters.filter((nodeId) => !isRemoved(nodeId));
  const ready = status.confState.learners.filter((nodeId) => {
    const row = rows.get(nodeId);
    const progress = status.progress.find((peer) => peer.nodeId === nodeId);
    return (
      row !== undefined && mayVote(row) && progress !== undefined && hasCaughtUp(progress, status.commit)
    );
  });
  const missing = wantedVoters(voters.length + ready.length, maxVoters) - voters.length;
  const chosen: number[] = [];
  while (chosen.length < missing) {
    const next = fromLeastUsedZone(ready, [...voters, ...chosen], rows);
    if (next === undefined) break;
    chosen.push(next);
  }
  return chosen.map((nodeId) => ({ type: "add-voter", nodeId }));
}

/** Of `count` nodes that could vote. */
export function wantedVoters(count: number, maxVoters: number): number {
  const most = Math.min(count, maxVoters);
  return most <= 2 || most % 2 === 1 ? most : most - 1;
}

function mayVote(row: NodeRow): boolean {
  return row.roles.includes("meta") && (row.state === NODE_STATE.active || row.state === NODE_STATE.joining);
}

function hasCaughtUp(progress: RaftProgress, commit: number): boolean {
  return (
    progress.state === "replicate" && progress.recentlyActive && progress.match + CAUGHT_UP_ENTRIES >= commit
  );
}

function fromLeastUsedZone(
  candidates: readonly number[],
  taken: readonly number[],
  rows: ReadonlyMap<number, NodeRow>,
): number | undefined {
  const zoneOf = (nodeId: number) => rows.get(nodeId)?.zone;
  const used = (nodeId: number) => taken.filter((other) => zoneOf(other) === zoneOf(nodeId)).length;
  return candidates.filter((nodeId) => !taken.includes(nodeId)).sort((a, b) => used(a) - used(b) || a - b)[0];
}

/** The first member with the role "meta" that the group does not know. */
function newLearner(nodes: readonly NodeRow[], confState: RaftStatus["confState"]): number | undefined {
  const known = new Set([...confState.voters, ...confState.learners]);
  return nodes
    .filter(mayVote)
    .map((node) => Number(node.nodeId))
    .filter((nodeId) => !known.has(nodeId))
    .sort((a, b) => a - b)[0];
}
