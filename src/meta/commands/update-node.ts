import { type CommandResult, RefusalCode, type UpdateNode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeRowSchema, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { nodeKey } from "../keys.ts";
import { writeNode } from "../nodes.ts";
import { done, refused } from "../result.ts";

/** The states that a node may go to from each. Removed is final: its id is never used again. */
const NEXT_STATES: Readonly<Record<NodeState, readonly NodeState[]>> = {
  [NodeState.UNSPECIFIED]: [],
  [NodeState.JOINING]: [NodeState.JOINING, NodeState.ACTIVE, NodeState.REMOVED],
  [NodeState.ACTIVE]: [NodeState.ACTIVE, NodeState.DRAINING, NodeState.REMOVED],
  [NodeState.DRAINING]: [NodeState.DRAINING, NodeState.ACTIVE, NodeState.REMOVED],
  [NodeState.REMOVED]: [],
};

/** Addresses, roles, zone, weight and state may change; name, incarnation and the time of joining stay. */
export function updateNode(state: ApplyState, command: UpdateNode): CommandResult {
  const { node } = command;
  const known = node && state.read(nodeKey(node.nodeId), NodeRowSchema);
  if (node === undefined || known === undefined || known.state === NodeState.REMOVED) {
    return refused(RefusalCode.NODE_UNKNOWN, "");
  }
  if (node.incarnation !== known.incarnation) return refused(RefusalCode.NODE_UNKNOWN, "another incarnation");
  if (node.name !== known.name) return refused(RefusalCode.INVALID, "a node's name does not change");
  if (!NEXT_STATES[known.state].includes(node.state)) return refused(RefusalCode.INVALID, "the node's state");
  writeNode(state, { ...node, joinedAtMs: known.joinedAtMs });
  return done();
}
