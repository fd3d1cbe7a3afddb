/** Workers that every node runs for itself. */

import { create } from "@bufbuild/protobuf";
import { AcknowledgeUnlinkSchema, UpdateNodeSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NodeRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { faultOf, NODE_STATE, type NodeDescription } from "../node-rows.ts";
import type { ClusterMetadata, ClusterWorker, NodeIdentity, SegmentUnlinker } from "../ports.ts";
import { judgeStateHashes, type StateHashSample, type StateHashVerdict } from "../state-hash.ts";
import { isDone, submitTimeoutMs } from "./submit.ts";

/** Blobs of one unit. */
export const UNLINK_BATCH = 500;

export interface UnlinkWorkerOptions {
  readonly identity: Pick<NodeIdentity, "nodeId">;
  readonly metadata: ClusterMetadata;
  readonly segments: SegmentUnlinker;
}

/**
 * Removes the bytes of blobs that a committed entry has told this node to unlink, and says so once that is durable. Nothing else ever unlinks.
 */
export function unlinkWorker({ identity, metadata, segments }: UnlinkWorkerOptions): ClusterWorker {
  return {
    name: "unlink",
    idleMs: 5_000,
    runUnit: async (signal) => {
      const blobIds = await metadata.view.unlinkOrders(identity.nodeId, UNLINK_BATCH);
      if (blobIds.length === 0) return "idle";
      await segments.unlink(blobIds);
      const value = create(AcknowledgeUnlinkSchema, {
        nodeId: BigInt(identity.nodeId),
        blobIds: [...blobIds],
      });
      const result = await metadata.submit(
        { case: "acknowledgeUnlink", value },
        { timeoutMs: submitTimeoutMs, signal },
      );
      return isDone(result) && blobIds.length === UNLINK_BATCH ? "more" : "idle";
    },
  };
}

export interface AnnounceWorkerOptions {
  readonly identity: Pick<NodeIdentity, "nodeId" | "name" | "incarnation">;
  readonly metadata: ClusterMetadata;
  /** As configured. */
  readonly node: Omit<NodeDescription, "name" | "incarnation">;
}

/** Keeps this node's row as it is configured: addresses, zone, roles and weight may change between two starts. */
export function announceWorker({ identity, metadata, node }: AnnounceWorkerOptions): ClusterWorker {
  const described: NodeDescription = { ...node, name: identity.name, incarnation: identity.incarnation };
  const fault = faultOf(described);
  if (fault !== undefined) throw new RangeError(`this node's description: ${fault}`);
  const ownRow = async (): Promise<NodeRow | undefined> =>
    (await metadata.view.nodes()).find((row) => Number(row.nodeId) === identity.nodeId);
  return {
    name: "announce",
    idleMs: 10_000,
    runUnit: async (signal) => {
      const row = await ownRow();
      if (row === undefined || !isOutdated(row, described)) return "idle";
      // Without a state: that is decided by others, and the state machine keeps it.
      const node = { ...described, nodeId: row.nodeId, roles: [...described.roles] };
      const value = create(UpdateNodeSchema, { node });
      await metadata.submit({ case: "updateNode", value }, { timeoutMs: submitTimeoutMs, signal });
      return "idle";
    },
  };
}

function isOutdated(row: NodeRow, node: NodeDescription): boolean {
  if (row.state === NODE_STATE.removed || row.incarnation !== node.incarnation) return false;
  return (
    row.zone !== node.zone ||
    row.peerAddress !== node.peerAddress ||
    row.s3Address !== node.s3Address ||
    row.apiAddress !== node.apiAddress ||
    row.weight !== node.weight ||
    [...row.roles].sort().join() !== [...node.roles].sort().join()
  );
}

export interface StateHashWatchOptions {
  readonly identity: Pick<NodeIdentity, "nodeId">;
  readonly health: { stateHashSamples(): readonly StateHashSample[] };
  /** How many nodes hold the metadata: the voters and learners of the Raft group. */
  readonly memberCount: () => number;
  /** Called whenever the verdict is another one than before. On "self-diverges" the node must stop serving. */
  readonly onVerdict: (verdict: StateHashVerdict) => void;
}

/** Compares this node's state with its peers'. */
export function stateHashWatch(options: StateHashWatchOptions): ClusterWorker {
  let last: StateHashVerdict["kind"] = "agree";
  return {
    name: "state-hash-watch",
    idleMs: 5_000,
    runUnit: async () => {
      const verdict = judgeStateHashes(
        options.identity.nodeId,
        options.health.stateHashSamples(),
        Math.max(1, options.memberCount()),
      );
      if (verdict.kind !== last) options.onVerdict(verdict);
      last = verdict.kind;
      return "idle";
    },
  };
}
