import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type InitCluster,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { ClusterRowSchema, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isName } from "../heads.ts";
import { CLUSTER_KEY } from "../keys.ts";
import { MAX_REPLICATION_FACTOR } from "../limits.ts";
import { writeNode } from "../nodes.ts";
import { refused } from "../result.ts";

/** Makes the cluster with its first node, which is active at once. There are no copysets yet: the layout epoch is 0. */
export function initCluster(state: ApplyState, command: InitCluster): CommandResult {
  if (state.cluster() !== undefined) return refused(RefusalCode.ALREADY_INITIALISED, "");
  const { cluster, firstNode } = command;
  if (cluster === undefined || !isName(cluster.clusterId))
    return refused(RefusalCode.INVALID, "the cluster's id");
  if (cluster.replicationFactor < 1 || cluster.replicationFactor > MAX_REPLICATION_FACTOR) {
    return refused(RefusalCode.INVALID, "the replication factor");
  }
  if (firstNode === undefined || firstNode.nodeId === 0n || !isName(firstNode.name)) {
    return refused(RefusalCode.INVALID, "the first node");
  }
  state.write(
    CLUSTER_KEY,
    ClusterRowSchema,
    create(ClusterRowSchema, {
      clusterId: cluster.clusterId,
      createdAtMs: state.nowMs,
      replicationFactor: cluster.replicationFactor,
      deleteGraceSeconds: cluster.deleteGraceSeconds,
      caCertificatePem: cluster.caCertificatePem,
      caKeySealed: cluster.caKeySealed,
      nextNodeId: firstNode.nodeId + 1n,
      nextCopysetId: 1n,
    }),
  );
  writeNode(state, { ...firstNode, state: NodeState.ACTIVE, joinedAtMs: state.nowMs });
  return create(CommandResultSchema, {
    result: { case: "nodeRegistered", value: { nodeId: firstNode.nodeId } },
  });
}
