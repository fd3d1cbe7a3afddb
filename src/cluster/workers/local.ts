/** Workers that every node runs for itself. */

import { create } from "@bufbuild/protobuf";
import {
  AcknowledgeDiscardSchema,
  AcknowledgeUnlinkSchema,
  UpdateNodeSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NodeRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { faultOf, NODE_STATE, type NodeDescription } from "../node-rows.ts";
import type { ClusterMetadata, ClusterWorker, NodeIdentity, SegmentUnlinker } from "../ports.ts";
import type { BlobLocks } from "../repair/blob-locks.ts";
import { judgeStateHashes, type StateHashSample, type StateHashVerdict } from "../state-hash.ts";
import { isDone, submitTimeoutMs } from "./submit.ts";

/** Blobs of one unit. */
export const UNLINK_BATCH = 500;

export interface UnlinkWorkerOptions {
  readonly identity: Pick<NodeIdentity, "nodeId">;
  readonly metadata: ClusterMetadata;
  readonly segments: SegmentUnlinker;
  readonly locks: BlobLocks;
}

/**
 * Removes the bytes of blobs that a committed entry has told this node to unlink or to discard, and says so once that is durable.
 */
export function unlinkWorker(options: UnlinkWorkerOptions): ClusterWorker {
  return {
    name: "unlink",
    idleMs: 5_000,
    runUnit: async (signal) => {
      const unlinked = await unlinkOrdered(options, signal);
      const discarded = await discardOrdered(options, signal);
      return unlinked || discarded ? "more" : "idle";
    },
  };
}

/** True: there may be more. */
async function unlinkOrdered(options: UnlinkWorkerOptions, signal: AbortSignal): Promise<boolean> {
  const { identity, metadata, segments } = options;
  const blobIds = await metadata.view.unlinkOrders(identity.nodeId, UNLINK_BATCH);
  if (blobIds.length === 0) return false;
  await segments.unlink(blobIds, { isFinal: true });
  const value = create(AcknowledgeUnlinkSchema, { nodeId: BigInt(identity.nodeId), blobIds: [...blobIds] });
  const result = await metadata.submit(
    { case: "acknowledgeUnlink", value },
    { timeoutMs: submitTimeoutMs, signal },
  );
  return isDone(result) && blobIds.length === UNLINK_BATCH;
}

/** The same for copies that are not needed. A blob that is being copied to this node at the moment has to wait. */
async function discardOrdered(options: UnlinkWorkerOptions, signal: AbortSignal): Promise<boolean> {
  const { identity, metadata, segments, locks } = options;
  const ordered = await metadata.view.discardOrders(identity.nodeId, UNLINK_BATCH);
  const unlocks: (() => void)[] = [];
  try {
    const blobIds = ordered.filter((blobId) => {
      const unlock = locks.take(blobId);
      if (unlock !== undefined) unlocks.push(unlock);
      // Since it was listed another pass may have carried it out, and repair copied the blob to this node again.
      return unlock !== undefined && metadata.view.isDiscarding(identity.nodeId, blobId);
    });
    if (blobIds.length === 0) return false;
    await segments.unlink(blobIds);
    const value = create(AcknowledgeDiscardSchema, { nodeId: BigInt(identity.nodeId), blobIds });
    const result = await metadata.submit(
      { case: "acknowledgeDiscard", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    return isDone(result) && ordered.length === UNLINK_BATCH;
  } finally {
    for (const unlock of unlocks) unlock();
  }
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
