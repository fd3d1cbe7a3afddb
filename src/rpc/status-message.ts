import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ClusterDescription, NodeDescription } from "../admin/index.ts";
import {
  type GetStatusResponseSchema,
  MemberProgressSchema,
  NodeStatusSchema,
  RaftStatusSchema,
  WorkerStatusSchema,
} from "../gen/skerry/admin/v1/admin_pb.js";

/** The cluster as one node sees it, on the wire. */
export function statusMessage(status: ClusterDescription): MessageInitShape<typeof GetStatusResponseSchema> {
  return {
    clusterId: status.clusterId,
    nodeId: BigInt(status.nodeId),
    replicationFactor: status.replicationFactor,
    raft: raftMessage(status),
    nodes: status.nodes.map(nodeMessage),
    underReplicatedBlobs: BigInt(status.underReplicated.blobs),
    underReplicatedBytes: BigInt(status.underReplicated.bytes),
    workers: status.workers.map(workerMessage),
    notReadyReason: status.notReadyReason ?? "",
    maxVoters: status.maxVoters,
    maintenanceState: status.maintenance,
  };
}

function raftMessage(status: ClusterDescription) {
  return create(RaftStatusSchema, {
    leaderNodeId: BigInt(status.leaderNodeId),
    term: BigInt(status.term),
    commitIndex: BigInt(status.commitIndex),
    appliedIndex: BigInt(status.appliedIndex),
    voters: status.voters.map(BigInt),
    learners: status.learners.map(BigInt),
    votersOutgoing: status.votersOutgoing.map(BigInt),
    leaving: status.leaving.map(BigInt),
    fenced: status.fenced,
    firstIndex: BigInt(status.firstIndex),
    lastIndex: BigInt(status.lastIndex),
    progress: status.progress.map(({ nodeId, match, state, recentlyActive }) =>
      create(MemberProgressSchema, {
        nodeId: BigInt(nodeId),
        matchIndex: BigInt(match),
        state,
        recentlyActive,
      }),
    ),
  });
}

export function workerMessage({
  name,
  state,
  unitsDone,
  errors,
  lastError,
  progress,
}: ClusterDescription["workers"][number]) {
  return create(WorkerStatusSchema, {
    name,
    state,
    unitsDone: BigInt(unitsDone),
    errors: BigInt(errors),
    lastError: lastError?.message ?? "",
    progressDone: BigInt(progress?.done ?? 0),
    progressTotal: BigInt(progress?.total ?? 0),
    progressUnit: progress?.unit ?? "",
  });
}

function nodeMessage({ held, ...node }: NodeDescription) {
  return create(NodeStatusSchema, {
    ...node,
    nodeId: BigInt(node.nodeId),
    roles: [...node.roles],
    storageUsedBytes: BigInt(node.storageUsedBytes),
    storageFreeBytes: BigInt(node.storageFreeBytes),
    appliedIndex: BigInt(node.appliedIndex),
    heldBlobs: BigInt(held.blobs),
    heldBytes: BigInt(held.bytes),
    raftTerm: BigInt(node.raftTerm),
    raftLastIndex: BigInt(node.raftLastIndex),
    snapshotReceivedBytes: BigInt(node.snapshotReceivedBytes),
  });
}
