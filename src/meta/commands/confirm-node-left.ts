import {
  type CommandResult,
  type ConfirmNodeLeft,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeRowSchema, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { nodeKey } from "../keys.ts";
import { writeNode } from "../nodes.ts";
import { done, refused } from "../result.ts";

/**
 * A commit index is not made durable by itself. Of two voters the one that stays could forget in a power loss that the change which made it the only one is committed, and
 * ask for the vote of the other one for ever. Who has this entry in its log, from a leader that had applied the change, also has the commit index of the change: so only
 * then may the removed node end. From another leader, who may not have known it yet, the entry says nothing.
 */
export function confirmNodeLeft(state: ApplyState, { nodeId, term }: ConfirmNodeLeft): CommandResult {
  const node = state.read(nodeKey(nodeId), NodeRowSchema);
  if (node === undefined) return refused(RefusalCode.NODE_UNKNOWN, "");
  if (node.state !== NodeState.REMOVED) {
    return refused(RefusalCode.NODE_STATE_CHANGED, NodeState[node.state]);
  }
  const { voters, learners, votersOutgoing, learnersNext } = state.configuration;
  const isMember = [voters, learners, votersOutgoing, learnersNext].some((ids) =>
    ids.includes(Number(nodeId)),
  );
  if (isMember) return refused(RefusalCode.MEMBERSHIP_CHANGING, "the node is still in the Raft group");
  if (state.term !== Number(term)) return refused(RefusalCode.MEMBERSHIP_CHANGING, "another leader");
  if (!node.hasLeft) writeNode(state, { ...node, hasLeft: true });
  return done();
}
