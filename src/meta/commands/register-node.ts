import { create } from "@bufbuild/protobuf";
import { assert } from "../../base/index.ts";
import {
  type CommandResult,
  CommandResultSchema,
  RefusalCode,
  type RegisterNode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  type JoinTokenRow,
  JoinTokenRowSchema,
  NodeState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isName } from "../heads.ts";
import { CLUSTER_KEY, joinTokenHashKey, joinTokenKey } from "../keys.ts";
import { findNodeByName, writeNode } from "../nodes.ts";
import { refused } from "../result.ts";
import { forgetToken } from "./remove-join-token.ts";

/**
 * Gives a node its id, for a token that is used up by it. A name that the cluster knows with another incarnation is refused: a disk that was
 * wiped never gets its old id back.
 */
export function registerNode(state: ApplyState, command: RegisterNode): CommandResult {
  const { node } = command;
  if (node === undefined || !isName(node.name) || !isName(node.incarnation)) {
    return refused(RefusalCode.INVALID, "the node's name and incarnation");
  }
  const token = findToken(state, command.tokenHash);
  if (token === undefined || token.expiresAtMs <= state.nowMs) return refused(RefusalCode.TOKEN_INVALID, "");
  const known = findNodeByName(state, node.name);
  if (known !== undefined && known.incarnation !== node.incarnation) {
    return refused(RefusalCode.NODE_EXISTS, "the name belongs to a node with another incarnation");
  }
  forgetToken(state, token);
  if (known !== undefined) return registered(known.nodeId);
  const cluster = state.cluster();
  assert(cluster !== undefined, "a cluster with a token is initialised");
  const nodeId = cluster.nextNodeId;
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, nextNodeId: nodeId + 1n });
  writeNode(state, { ...node, nodeId, state: NodeState.JOINING, hasLeft: false, joinedAtMs: state.nowMs });
  return registered(nodeId);
}

function findToken(state: ApplyState, tokenHash: Uint8Array): JoinTokenRow | undefined {
  const tokenId = state.get(joinTokenHashKey(tokenHash));
  if (tokenId === undefined) return undefined;
  const token = state.read(
    joinTokenKey(new TextDecoder("utf-8", { ignoreBOM: true }).decode(tokenId)),
    JoinTokenRowSchema,
  );
  assert(token !== undefined, "the index of token hashes points at a token");
  return token;
}

function registered(nodeId: bigint): CommandResult {
  return create(CommandResultSchema, { result: { case: "nodeRegistered", value: { nodeId } } });
}
