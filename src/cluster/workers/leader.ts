/**
 * Workers that act for the whole cluster. They run on every node and do something only where the Raft leader is; two leaders for a moment do
 * no harm, because every command is decided again in the apply.
 */

import { create } from "@bufbuild/protobuf";
import { ClusterTime } from "../../base/index.ts";
import {
  AcknowledgeDiscardSchema,
  AcknowledgeMaintenanceSchema,
  AcknowledgeUnlinkSchema,
  BeginBlobDeleteSchema,
  CloseSessionsSchema,
  ConfirmNodeLeftSchema,
  ForgetCompletedUploadsSchema,
  PutCopysetsSchema,
  ReportLostSchema,
  SetNodeStateSchema,
  TrimOplogSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { CopysetRowSchema, type NodeRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../../meta/ports.ts";
import type { Clock } from "../../platform/ports.ts";
import type { RaftStatus } from "../../raft/ports.ts";
import { planCopysets } from "../copysets.ts";
import { placementNodesOf } from "../layout.ts";
import { NODE_STATE } from "../node-rows.ts";
import type { ClusterMetadata, ClusterView, ClusterWorker, HealthView, RaftControl } from "../ports.ts";
import { DEFAULT_MAX_VOTERS, planConfiguration } from "./configuration-plan.ts";
import { isDone, submitTimeoutMs } from "./submit.ts";

export interface LeaderWorkerOptions {
  readonly metadata: ClusterMetadata;
  readonly raft: RaftControl;
  readonly health: HealthView;
  readonly clock: Clock;
  readonly maxVoters?: number;
  readonly scatterWidth?: number;
  /** Rows of the oplog that are kept. */
  readonly oplogRows?: number;
}

export const DEFAULT_OPLOG_ROWS = 1_000_000;
/** How long a repeated CompleteMultipartUpload gets the same answer. */
export const COMPLETED_UPLOADS_KEPT_MS = 24 * 3600 * 1000;
/** A little more than the state machine demands, for this clock is not the leader's of the time. */
export const SESSIONS_KEPT_MS = 25 * 3600 * 1000;
/** Rows that one unit of housekeeping handles. */
export const HOUSEKEEPING_BATCH = 1_000;
/** A joining member that holds the metadata is active once it is at most this many entries behind. */
export const ACTIVE_WITHIN_ENTRIES = 10_000;

/** All of them. */
export function leaderWorkers(options: LeaderWorkerOptions): readonly ClusterWorker[] {
  return [
    raftConfigurationWorker(options),
    nodeDepartureWorker(options),
    nodeActivationWorker(options),
    copysetWorker(options),
    blobDeletionWorker(options),
    removedNodesWorker(options),
    leftMaintenanceWorker(options),
    oplogTrimWorker(options),
    forgetUploadsWorker(options),
    closeSessionsWorker(options),
  ];
}

type Unit = (signal: AbortSignal) => Promise<"more" | "idle">;

function onLeader(raft: RaftControl, name: string, idleMs: number, unit: Unit): ClusterWorker {
  return {
    name,
    idleMs,
    runUnit: async (signal) => (raft.status().role === "leader" ? unit(signal) : "idle"),
  };
}

/** Learners for new members, votes for those that have caught up, no place for removed ones. */
export function raftConfigurationWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  return onLeader(raft, "raft-configuration", 1_000, async () => {
    const plan = planConfiguration({
      nodes: await metadata.view.nodes(),
      status: raft.status(),
      maxVoters: options.maxVoters ?? DEFAULT_MAX_VOTERS,
    });
    if (plan.kind === "transfer") raft.transferLeadership(plan.to);
    else if (plan.kind === "change") raft.proposeConfigurationChange(plan.changes);
    return "idle";
  });
}

/** A removed node that the Raft group is without may end once that is said in the log: until then its vote may be needed. */
export function nodeDepartureWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  return onLeader(raft, "node-departure", 1_000, async (signal) => {
    const { term, confState } = raft.status();
    const nodes = await metadata.view.nodes();
    const gone = nodes.find((node) => isGone(node, confState));
    if (gone === undefined) return "idle";
    const value = create(ConfirmNodeLeftSchema, { nodeId: gone.nodeId, term: BigInt(term) });
    const result = await metadata.submit(
      { case: "confirmNodeLeft", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    return isDone(result) ? "more" : "idle";
  });
}

function isGone({ nodeId, state, hasLeft }: NodeRow, confState: RaftStatus["confState"]): boolean {
  if (state !== NODE_STATE.removed || hasLeft) return false;
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  return ![voters, learners, votersOutgoing, learnersNext].some((ids) => ids.includes(Number(nodeId)));
}

/** A registered node that answers, and holds the metadata if it is to, becomes active. */
export function nodeActivationWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft, health } = options;
  return onLeader(raft, "node-activation", 1_000, async (signal) => {
    const nodes = await metadata.view.nodes();
    const ready = nodes.find((node) => isReady(node, health, metadata.view.appliedIndex()));
    if (ready === undefined) return "idle";
    const value = create(SetNodeStateSchema, {
      nodeId: ready.nodeId,
      incarnation: ready.incarnation,
      expectedState: ready.state,
      state: NODE_STATE.active,
    });
    const result = await metadata.submit(
      { case: "setNodeState", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    return isDone(result) ? "more" : "idle";
  });
}

function isReady(node: NodeRow, health: HealthView, appliedIndex: number): boolean {
  if (node.state !== NODE_STATE.joining) return false;
  const peer = health.peer(Number(node.nodeId));
  if (peer.state !== "alive") return false;
  if (!node.roles.includes("meta")) return true;
  const reached = Number(peer.health?.appliedIndex ?? 0n);
  return reached > 0 && reached + ACTIVE_WITHIN_ENTRIES >= appliedIndex;
}

/** Brings the open copysets in line with the active storage nodes. */
export function copysetWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft, scatterWidth } = options;
  return onLeader(raft, "copysets", 2_000, async (signal) => {
    const { view } = metadata;
    const cluster = view.cluster();
    if (cluster === undefined) return "idle";
    const placement = {
      nodes: placementNodesOf(await view.nodes()),
      replicationFactor: cluster.replicationFactor,
      ...(scatterWidth === undefined ? {} : { scatterWidth }),
    };
    // The closed ones, which grow in number for ever, are looked at only when one of them may be opened again.
    if (planCopysets(view.openCopysets(), placement) === undefined) return "idle";
    const planned = planCopysets(await view.copysets(), placement);
    if (planned === undefined) return "idle";
    const value = create(PutCopysetsSchema, {
      expectedLayoutEpoch: cluster.layoutEpoch,
      copysets: planned.map((copyset) =>
        create(CopysetRowSchema, { copysetId: copyset.copysetId, nodeIds: [...copyset.nodeIds], open: true }),
      ),
    });
    await metadata.submit({ case: "putCopysets", value }, { timeoutMs: submitTimeoutMs, signal });
    return "idle";
  });
}

/** What a command that is proposed now is stamped with, or a little less. Rows have that time, and what is old by it is old enough. */
function leaderTime({ clock, metadata }: LeaderWorkerOptions): ClusterTime {
  return new ClusterTime(clock, () => metadata.view.appliedTimeMs());
}

/** Orders the bytes of blobs to be unlinked that have had no reference for longer than the grace. */
export function blobDeletionWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  const time = leaderTime(options);
  return onLeader(raft, "blob-deletion", 5_000, async (signal) => {
    const cluster = metadata.view.cluster();
    if (cluster === undefined) return "idle";
    const beforeMs = time.nowMs() - cluster.deleteGraceSeconds * 1000;
    // A clock or a row that makes no sense must never delete.
    if (!Number.isFinite(beforeMs)) return "idle";
    const blobIds = await metadata.view.pendingDeletes(beforeMs, HOUSEKEEPING_BATCH);
    if (blobIds.length === 0) return "idle";
    const value = create(BeginBlobDeleteSchema, { blobIds: [...blobIds] });
    const result = await metadata.submit(
      { case: "beginBlobDelete", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    return isDone(result) && blobIds.length === HOUSEKEEPING_BATCH ? "more" : "idle";
  });
}

/** What removed nodes were told to unlink or to discard is gone with them, and so are the copies that they held. */
export function removedNodesWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  // Removed is final, and a removed node gets neither copies nor orders: one that has nothing left is never looked at again.
  const settled = new Set<bigint>();
  return onLeader(raft, "removed-nodes", 30_000, async (signal) => {
    for (const node of await metadata.view.nodes()) {
      if (node.state !== NODE_STATE.removed || settled.has(node.nodeId)) continue;
      const body = await leftBehindBy(metadata.view, node.nodeId);
      if (body === undefined) {
        settled.add(node.nodeId);
        continue;
      }
      const result = await metadata.submit(body, { timeoutMs: submitTimeoutMs, signal });
      return result.result.case === "refusal" ? "idle" : "more";
    }
    return "idle";
  });
}

/** The next command that takes rows of a removed node away; undefined when there are none, and never will be again. */
async function leftBehindBy(view: ClusterView, nodeId: bigint): Promise<CommandBody | undefined> {
  // First, for what is held may become an order while this reads, and not the other way round.
  const held = await view.heldBlobs(Number(nodeId), { limit: HOUSEKEEPING_BATCH });
  const ordered = await view.unlinkOrders(Number(nodeId), HOUSEKEEPING_BATCH);
  if (ordered.length > 0) {
    const value = create(AcknowledgeUnlinkSchema, { nodeId, blobIds: [...ordered] });
    return { case: "acknowledgeUnlink", value };
  }
  const discarded = await view.discardOrders(Number(nodeId), HOUSEKEEPING_BATCH);
  if (discarded.length > 0) {
    const value = create(AcknowledgeDiscardSchema, { nodeId, blobIds: [...discarded] });
    return { case: "acknowledgeDiscard", value };
  }
  if (held.length === 0) return undefined;
  const value = create(ReportLostSchema, { nodeId, blobs: held.map((blobId) => ({ blobId })) });
  return { case: "reportLost", value };
}

/**
 * A change of the maintenance mode does not wait for a node that is gone for good: it is acknowledged in its name. Not before it has left the Raft group, for until then
 * its writes may still be committed.
 */
export function leftMaintenanceWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  return onLeader(raft, "left-maintenance", 1_000, async (signal) => {
    const row = metadata.view.maintenance();
    if (row === undefined || row.waitingNodeIds.length === 0) return "idle";
    const nodes = await metadata.view.nodes();
    const gone = nodes.find(({ nodeId, hasLeft }) => hasLeft && row.waitingNodeIds.includes(nodeId));
    if (gone === undefined) return "idle";
    const value = create(AcknowledgeMaintenanceSchema, { nodeId: gone.nodeId, epoch: row.epoch });
    const result = await metadata.submit(
      { case: "acknowledgeMaintenance", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    return isDone(result) ? "more" : "idle";
  });
}

/** Keeps the oplog at its length. */
export function oplogTrimWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  const keptRows = BigInt(options.oplogRows ?? DEFAULT_OPLOG_ROWS);
  // The rows themselves do not tell where they end; every applied batch does.
  let newest = 0n;
  metadata.onChange((change) => {
    if (change.oplogSequence > newest) newest = change.oplogSequence;
  });
  return onLeader(raft, "oplog-trim", 10_000, async (signal) => {
    const oldest = (await metadata.view.oplog(0n, 1))[0]?.sequence;
    const belowSequence = newest - keptRows + 1n;
    if (oldest === undefined || oldest >= belowSequence) return "idle";
    const value = create(TrimOplogSchema, { belowSequence });
    const result = await metadata.submit(
      { case: "trimOplog", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    return isDone(result) ? "more" : "idle";
  });
}

/** Completed uploads whose answer nobody will ask for again. */
export function forgetUploadsWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  const time = leaderTime(options);
  return onLeader(raft, "completed-uploads", 60_000, async (signal) => {
    const beforeMs = time.nowMs() - COMPLETED_UPLOADS_KEPT_MS;
    const rows = await metadata.view.completedUploads(beforeMs, HOUSEKEEPING_BATCH);
    if (rows.length === 0) return "idle";
    const value = create(ForgetCompletedUploadsSchema, { uploadIds: rows.map((row) => row.uploadId) });
    const body = { case: "forgetCompletedUploads" as const, value };
    const result = await metadata.submit(body, { timeoutMs: submitTimeoutMs, signal });
    return isDone(result) && rows.length === HOUSEKEEPING_BATCH ? "more" : "idle";
  });
}

/** Sessions of nodes that are gone or began anew. */
export function closeSessionsWorker(options: LeaderWorkerOptions): ClusterWorker {
  const { metadata, raft } = options;
  const time = leaderTime(options);
  return onLeader(raft, "idle-sessions", 60_000, async (signal) => {
    const beforeMs = time.nowMs() - SESSIONS_KEPT_MS;
    const sessionIds = await metadata.view.idleSessions(beforeMs, HOUSEKEEPING_BATCH);
    if (sessionIds.length === 0) return "idle";
    const value = create(CloseSessionsSchema, { sessionIds: [...sessionIds] });
    const result = await metadata.submit(
      { case: "closeSessions", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    return isDone(result) && sessionIds.length === HOUSEKEEPING_BATCH ? "more" : "idle";
  });
}
