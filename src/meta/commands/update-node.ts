import { type CommandResult, RefusalCode, type UpdateNode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeRowSchema, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { nodeKey } from "../keys.ts";
import { writeNode } from "../nodes.ts";
import { done, refused } from "../result.ts";

/**
 * What a node says about itself: addresses, roles, zone and weight. Name, incarnation and the time of joining never change, and all that others
 * decide about the node, its state first, stays as it is: a node that announces itself while it is being drained undoes nothing.
 */
export function updateNode(state: ApplyState, command: UpdateNode): CommandResult {
  const { node } = command;
  const known = node && state.read(nodeKey(node.nodeId), NodeRowSchema);
  if (node === undefined || known === undefined || known.state === NodeState.REMOVED) {
    return refused(RefusalCode.NODE_UNKNOWN, "");
  }
  if (node.incarnation !== known.incarnation) return refused(RefusalCode.NODE_UNKNOWN, "another incarnation");
  if (node.name !== known.name) return refused(RefusalCode.INVALID, "a node's name does not change");
  if (node.state !== NodeState.UNSPECIFIED) {
    return refused(RefusalCode.INVALID, "a node's state is changed by SetNodeState only");
  }
  const { zone, peerAddress, s3Address, apiAddress, roles, weight } = node;
  writeNode(state, { ...known, zone, peerAddress, s3Address, apiAddress, roles, weight });
  return done();
}
