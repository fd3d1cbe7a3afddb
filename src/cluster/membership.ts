/**
 * Whether an operator may take a node out, or let another one lead: pure functions of the rows, of the Raft configuration and of who answers. What
 * must hold whatever else happens (one node leaves at a time, never the last voter, never one that still holds bytes) is decided once more in the
 * apply; here is what only somebody who sees the nodes can know, and the words for it.
 */

import type { NodeRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ConfState } from "../raft/types.ts";
import { NODE_STATE } from "./node-rows.ts";

export interface MembershipView {
  readonly nodes: readonly NodeRow[];
  readonly confState: Pick<ConfState, "voters" | "learners" | "votersOutgoing" | "learnersNext">;
  readonly replicationFactor: number;
  /** Whether a node answers now. */
  readonly isAlive: (nodeId: number) => boolean;
  /** Whether nothing has been heard of a node for so long that it is taken for dead. Not the opposite of `isAlive`: a node that was silent for some seconds is neither. */
  readonly isSilent: (nodeId: number) => boolean;
}

/** Why something is not done with a node. A closed set. */
export type MembershipRefusal =
  | { readonly kind: "removed" }
  | { readonly kind: "state"; readonly state: "joining" | "active" | "draining" }
  /** Another change of the Raft configuration is under way; `nodeId` is the node that is leaving, if one is. */
  | { readonly kind: "membership-changing"; readonly nodeId: number | undefined }
  | { readonly kind: "last-voter" }
  /** Too few of the voters that would be left answer. */
  | { readonly kind: "quorum"; readonly voters: number; readonly answering: number; readonly needed: number }
  /** Too few storage nodes would be left for the copies that there are to be. */
  | { readonly kind: "redundancy"; readonly storageNodes: number; readonly needed: number }
  | { readonly kind: "not-drained"; readonly blobs: number; readonly bytes: number }
  /** A node that answers is drained, never removed by force. */
  | { readonly kind: "alive" }
  /** Nor is one that answered a few seconds ago, or has not been waited for yet. */
  | { readonly kind: "not-dead-yet" }
  | { readonly kind: "dead" }
  | { readonly kind: "not-a-voter" };

const STATE_NAMES = {
  [NODE_STATE.joining]: "joining",
  [NODE_STATE.active]: "active",
  [NODE_STATE.draining]: "draining",
} as const;

/** Why the bytes of an active node may not be moved away; undefined: they may. */
export function whyNotDrained(node: NodeRow, view: MembershipView): MembershipRefusal | undefined {
  if (node.state !== NODE_STATE.active) return wrongState(node);
  return redundancyWithout(node, view);
}

/** Why a node may not be removed; undefined: it may. `held` is what the metadata has it recorded for. */
export function whyNotRemoved(
  node: NodeRow,
  view: MembershipView,
  options: { readonly force: boolean; readonly held: { readonly blobs: number; readonly bytes: number } },
): MembershipRefusal | undefined {
  if (node.state === NODE_STATE.removed) return { kind: "removed" };
  const problem = changing(view) ?? quorumWithout(Number(node.nodeId), view);
  if (problem !== undefined) return problem;
  if (options.force) return whyNotGone(Number(node.nodeId), view);
  if (node.state === NODE_STATE.active) return redundancyWithout(node, view) ?? notDrained(options.held);
  return options.held.blobs > 0 ? notDrained(options.held) : undefined;
}

/** Removed by force is for ever: a pause, or a connection that comes back, must not be taken for the end of a node. */
function whyNotGone(nodeId: number, view: MembershipView): MembershipRefusal | undefined {
  if (view.isAlive(nodeId)) return { kind: "alive" };
  return view.isSilent(nodeId) ? undefined : { kind: "not-dead-yet" };
}

/** Why a node may not lead; undefined: it may. */
export function whyNotLeader(node: NodeRow, view: MembershipView): MembershipRefusal | undefined {
  const nodeId = Number(node.nodeId);
  if (node.state === NODE_STATE.removed) return { kind: "removed" };
  if (!view.confState.voters.includes(nodeId)) return { kind: "not-a-voter" };
  return view.isAlive(nodeId) ? undefined : { kind: "dead" };
}

function wrongState({ state }: NodeRow): MembershipRefusal {
  const name = state === NODE_STATE.removed || state === 0 ? undefined : STATE_NAMES[state];
  return name === undefined ? { kind: "removed" } : { kind: "state", state: name };
}

function notDrained({ blobs, bytes }: { readonly blobs: number; readonly bytes: number }): MembershipRefusal {
  return { kind: "not-drained", blobs, bytes };
}

function changing({ confState, nodes }: MembershipView): MembershipRefusal | undefined {
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  const removed = new Set(
    nodes.filter(({ state }) => state === NODE_STATE.removed).map(({ nodeId }) => nodeId),
  );
  const leaving = [...voters, ...learners].find((nodeId) => removed.has(BigInt(nodeId)));
  const isJoint = votersOutgoing.length > 0 || learnersNext.length > 0;
  return isJoint || leaving !== undefined ? { kind: "membership-changing", nodeId: leaving } : undefined;
}

function quorumWithout(
  nodeId: number,
  { confState, isAlive }: MembershipView,
): MembershipRefusal | undefined {
  if (!confState.voters.includes(nodeId)) return undefined;
  const staying = confState.voters.filter((voter) => voter !== nodeId);
  if (staying.length === 0) return { kind: "last-voter" };
  const needed = Math.floor(staying.length / 2) + 1;
  const answering = staying.filter(isAlive).length;
  return answering >= needed ? undefined : { kind: "quorum", voters: staying.length, answering, needed };
}

/** Every copy has somewhere to go when as many active storage nodes stay as there are to be copies. */
function redundancyWithout(node: NodeRow, view: MembershipView): MembershipRefusal | undefined {
  const isStorage = (row: NodeRow) => row.state === NODE_STATE.active && row.roles.includes("storage");
  if (!isStorage(node)) return undefined;
  const storageNodes = view.nodes.filter((row) => row.nodeId !== node.nodeId && isStorage(row)).length;
  const needed = view.replicationFactor;
  return storageNodes >= needed ? undefined : { kind: "redundancy", storageNodes, needed };
}

/** Who is to lead when `leaderNodeId` no longer does: of the voters that answer, an active one before others, the furthest first. */
export function heirOf(
  view: Omit<MembershipView, "replicationFactor" | "isSilent">,
  leaderNodeId: number,
  appliedIndexOf: (nodeId: number) => number,
): number | undefined {
  const states = new Map(view.nodes.map(({ nodeId, state }) => [Number(nodeId), state]));
  const isActive = (nodeId: number) => Number(states.get(nodeId) === NODE_STATE.active);
  return view.confState.voters
    .filter((nodeId) => nodeId !== leaderNodeId && view.isAlive(nodeId))
    .filter((nodeId) => states.get(nodeId) !== NODE_STATE.removed)
    .sort((a, b) => isActive(b) - isActive(a) || appliedIndexOf(b) - appliedIndexOf(a) || a - b)[0];
}
