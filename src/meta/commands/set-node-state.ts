import {
  type CommandResult,
  type Refusal,
  RefusalCode,
  type SetNodeState,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  HoldingsRowSchema,
  type NodeRow,
  NodeRowSchema,
  NodeState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { holdingsKey, nodeKey } from "../keys.ts";
import { writeNode } from "../nodes.ts";
import { done, refusal, refused, refusedWith } from "../result.ts";

/** The states that a node may go to from each. Removed is final: its id is never used again. */
const NEXT_STATES: Readonly<Record<NodeState, readonly NodeState[]>> = {
  [NodeState.UNSPECIFIED]: [],
  [NodeState.JOINING]: [NodeState.ACTIVE, NodeState.REMOVED],
  [NodeState.ACTIVE]: [NodeState.DRAINING],
  [NodeState.DRAINING]: [NodeState.ACTIVE, NodeState.REMOVED],
  [NodeState.REMOVED]: [],
};

/** Of a node whose disk is gone, which nothing can be moved away from. */
const NEXT_STATES_WITH_FORCE: Readonly<Record<NodeState, readonly NodeState[]>> = {
  ...NEXT_STATES,
  [NodeState.ACTIVE]: [NodeState.DRAINING, NodeState.REMOVED],
};

/**
 * Moves a node from the state that the caller saw to another one. A node leaves for good one at a time, never the last voter, and
 * without force never one that still holds bytes.
 */
export function setNodeState(state: ApplyState, command: SetNodeState): CommandResult {
  const known = state.read(nodeKey(command.nodeId), NodeRowSchema);
  if (known === undefined || known.incarnation !== command.incarnation) {
    return refused(RefusalCode.NODE_UNKNOWN, "");
  }
  if (known.state !== command.expectedState) {
    return refused(RefusalCode.NODE_STATE_CHANGED, NodeState[known.state]);
  }
  const next = command.force ? NEXT_STATES_WITH_FORCE : NEXT_STATES;
  if (!next[known.state].includes(command.state)) return refused(RefusalCode.INVALID, "the node's state");
  const problem =
    command.state === NodeState.REMOVED ? whyNotRemoved(state, known, command.force) : undefined;
  if (problem !== undefined) return refusedWith(problem);
  writeNode(state, { ...known, state: command.state });
  return done();
}

/** The Raft configuration is the one in force at this entry, so every replica decides the same. */
function whyNotRemoved(state: ApplyState, node: NodeRow, force: boolean): Refusal | undefined {
  const { voters, learners, votersOutgoing, learnersNext } = state.configuration;
  if (votersOutgoing.length > 0 || learnersNext.length > 0) {
    return refusal(RefusalCode.MEMBERSHIP_CHANGING, "the Raft configuration is changing");
  }
  const leaving = [...voters, ...learners].find(
    (nodeId) => state.read(nodeKey(BigInt(nodeId)), NodeRowSchema)?.state === NodeState.REMOVED,
  );
  if (leaving !== undefined) {
    return refusal(RefusalCode.MEMBERSHIP_CHANGING, `node ${leaving} is still leaving the Raft group`);
  }
  const isLastVoter = voters.length === 1 && voters[0] === Number(node.nodeId);
  if (isLastVoter) return refusal(RefusalCode.LAST_VOTER, "");
  const held = force ? undefined : state.read(holdingsKey(node.nodeId), HoldingsRowSchema);
  if (held === undefined || held.blobs === 0n) return undefined;
  return refusal(RefusalCode.NODE_HOLDS_BYTES, `${held.blobs} blobs`);
}
