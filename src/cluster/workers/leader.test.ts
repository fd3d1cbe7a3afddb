import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { NodeHealthSchema } from "../../gen/skerry/cluster/v1/cluster_pb.js";
import { CommandResultSchema, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  CompletedUploadRowSchema,
  MaintenanceRowSchema,
  MaintenanceState,
  type NodeRow,
  NodeRowSchema,
  OplogRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ConfigurationChange } from "../../raft/ports.ts";
import { NODE_STATE } from "../node-rows.ts";
import type { HealthView, PeerHealth, RaftControl } from "../ports.ts";
import { DONE, FakeMetadata } from "../testing/fake-metadata.ts";
import {
  ACTIVE_WITHIN_ENTRIES,
  blobDeletionWorker,
  closeSessionsWorker,
  copysetWorker,
  forgetUploadsWorker,
  HOUSEKEEPING_BATCH,
  type LeaderWorkerOptions,
  leaderWorkers,
  leftMaintenanceWorker,
  nodeActivationWorker,
  nodeDepartureWorker,
  oplogTrimWorker,
  raftConfigurationWorker,
  removedNodesWorker,
} from "./leader.ts";

type NodeRowInit = Exclude<MessageInitShape<typeof NodeRowSchema>, NodeRow>;

const signal = new AbortController().signal;
const DAY_MS = 24 * 3600 * 1000;
const nowMs = 10 * DAY_MS;

class FakeRaft implements RaftControl {
  role: "leader" | "follower" = "leader";
  voters = [1];
  readonly proposed: (readonly ConfigurationChange[])[] = [];
  readonly transfers: number[] = [];

  status(): ReturnType<RaftControl["status"]> {
    const confState = {
      voters: this.voters,
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    return { nodeId: 1, role: this.role, term: 7, commit: 10, confState, progress: [] };
  }

  proposeConfigurationChange(changes: readonly ConfigurationChange[]): boolean {
    this.proposed.push(changes);
    return true;
  }

  transferLeadership(to: number): void {
    this.transfers.push(to);
  }
}

let metadata: FakeMetadata;
let raft: FakeRaft;
let peers: Map<number, PeerHealth>;
let options: LeaderWorkerOptions;
let monotonicMs = 0;

beforeEach(() => {
  monotonicMs = 0;
  metadata = new FakeMetadata();
  metadata.cluster = create(ClusterRowSchema, {
    replicationFactor: 3,
    layoutEpoch: 7n,
    deleteGraceSeconds: 60,
  });
  metadata.nodes = [row(1), row(2), row(3)];
  raft = new FakeRaft();
  peers = new Map();
  const health: HealthView = {
    peer: (nodeId) =>
      peers.get(nodeId) ?? {
        nodeId,
        state: "unknown",
        lastSeenMs: undefined,
        heardMs: undefined,
        health: undefined,
      },
    all: () => [...peers.values()],
    onChange: () => () => {},
  };
  options = { metadata, raft, health, clock: { wallMs: () => nowMs, monotonicMs: () => monotonicMs } };
});

function row(nodeId: number, change: NodeRowInit = {}): NodeRow {
  return create(NodeRowSchema, {
    nodeId: BigInt(nodeId),
    name: `node-${nodeId}`,
    zone: `z${nodeId}`,
    roles: ["meta", "storage"],
    state: NODE_STATE.active,
    weight: 1,
    ...change,
  });
}

function alive(nodeId: number, appliedIndex: number): PeerHealth {
  const health = create(NodeHealthSchema, { nodeId: BigInt(nodeId), appliedIndex: BigInt(appliedIndex) });
  return { nodeId, state: "alive", lastSeenMs: 0, heardMs: 0, health };
}

function blobIds(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Uint8Array.of(i >> 8, i & 255));
}

const refused = create(CommandResultSchema, {
  result: { case: "refusal", value: { code: RefusalCode.LAYOUT_STALE } },
});

test("followers do nothing, whatever there is to do", async () => {
  raft.role = "follower";
  metadata.nodes = [row(1), row(2, { state: NODE_STATE.joining }), row(3, { state: NODE_STATE.removed })];
  peers.set(2, alive(2, 1_000));
  metadata.pendingDeletes = [{ blobId: Uint8Array.of(1), sinceMs: 0 }];
  metadata.unlinkOrders.set(3, blobIds(1));
  metadata.completedUploads = [create(CompletedUploadRowSchema, { uploadId: Uint8Array.of(1) })];
  metadata.idleSessions = [{ sessionId: 1n, usedMs: 0 }];
  const workers = leaderWorkers(options);
  for (const worker of workers) expect(await worker.runUnit(signal)).toBe("idle");
  expect(metadata.submitted).toEqual([]);
  expect(raft.proposed).toEqual([]);
  raft.role = "leader";
  for (const worker of workers) await worker.runUnit(signal);
  expect(metadata.submitted.length).toBeGreaterThanOrEqual(5);
  expect(new Set(workers.map((worker) => worker.name)).size).toBe(workers.length);
});

describe("raft configuration", () => {
  test("proposes what the plan says", async () => {
    await raftConfigurationWorker(options).runUnit(signal);
    expect(raft.proposed).toEqual([[{ type: "add-learner", nodeId: 2 }]]);
  });

  test("a removed node may end when the group is without it", async () => {
    const worker = nodeDepartureWorker(options);
    metadata.nodes = [row(1), row(2, { state: NODE_STATE.removed })];
    raft.voters = [1, 2];
    expect(await worker.runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toEqual([]);
    raft.voters = [1];
    expect(await worker.runUnit(signal)).toBe("more");
    expect(metadata.submitted).toMatchObject([{ case: "confirmNodeLeft", value: { nodeId: 2n, term: 7n } }]);
    metadata.nodes = [row(1), row(2, { state: NODE_STATE.removed, hasLeft: true })];
    expect(await worker.runUnit(signal)).toBe("idle");
  });

  test("proposes nothing when all is well", async () => {
    metadata.nodes = [row(1)];
    await raftConfigurationWorker(options).runUnit(signal);
    expect(raft.proposed).toEqual([]);
  });
});

describe("a joining node", () => {
  const joining = { state: NODE_STATE.joining };

  test("becomes active when it answers and holds the metadata", async () => {
    metadata.nodes = [row(1), row(2, { ...joining, peerAddress: "b:1" })];
    peers.set(2, alive(2, 990));
    expect(await nodeActivationWorker(options).runUnit(signal)).toBe("more");
    expect(metadata.submitted).toMatchObject([
      {
        case: "setNodeState",
        value: { nodeId: 2n, expectedState: NODE_STATE.joining, state: NODE_STATE.active, force: false },
      },
    ]);
  });

  test.each<[string, NodeRowInit, PeerHealth | undefined]>([
    ["it was not heard of", joining, undefined],
    ["it is only suspected", joining, { ...alive(2, 990), state: "suspect" }],
    ["it holds no metadata yet", joining, alive(2, 0)],
    ["it is far behind", joining, alive(2, 1)],
    ["it is active already", {}, alive(2, 990)],
    ["it was removed", { state: NODE_STATE.removed }, alive(2, 990)],
  ])("is left alone when %s", async (_, change, peer) => {
    metadata.appliedIndex = 1_000 + ACTIVE_WITHIN_ENTRIES - 1 + 3;
    metadata.nodes = [row(1), row(2, change)];
    if (peer !== undefined) peers.set(2, peer.health?.appliedIndex === 990n ? alive2(peer) : peer);
    expect(await nodeActivationWorker(options).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toEqual([]);
  });

  /** As near as it must be, so that nothing but the named reason keeps it back. */
  function alive2(peer: PeerHealth): PeerHealth {
    return { ...alive(2, metadata.appliedIndex), state: peer.state };
  }

  test("needs no metadata when it is not to hold any", async () => {
    metadata.nodes = [row(1), row(2, { ...joining, roles: ["storage"] })];
    peers.set(2, alive(2, 0));
    expect(await nodeActivationWorker(options).runUnit(signal)).toBe("more");
  });
});

describe("copysets", () => {
  test("are planned for the active nodes against the present epoch, once", async () => {
    const worker = copysetWorker(options);
    await worker.runUnit(signal);
    expect(metadata.submitted).toMatchObject([
      { case: "putCopysets", value: { expectedLayoutEpoch: 7n, copysets: [{ copysetId: 0n, open: true }] } },
    ]);
    const body = metadata.submitted[0];
    if (body?.case !== "putCopysets") throw new Error("no copysets");
    metadata.copysets = body.value.copysets.map((copyset, i) => ({ ...copyset, copysetId: BigInt(i + 1) }));
    await worker.runUnit(signal);
    expect(metadata.submitted).toHaveLength(1);
  });

  test("that are closed are not read as long as nothing is to be changed", async () => {
    const worker = copysetWorker(options);
    await worker.runUnit(signal);
    const body = metadata.submitted[0];
    if (body?.case !== "putCopysets") throw new Error("no copysets");
    const closed = { ...body.value.copysets[0]!, open: false };
    metadata.copysets = [...body.value.copysets, closed, closed].map((copyset, i) => ({
      ...copyset,
      copysetId: BigInt(i + 1),
    }));
    const reads = metadata.wholeReads;
    await worker.runUnit(signal);
    expect(metadata.submitted).toHaveLength(1);
    expect(metadata.wholeReads).toBe(reads);
  });

  test("wait for the cluster to be there, and for nodes", async () => {
    metadata.nodes = [];
    expect(await copysetWorker(options).runUnit(signal)).toBe("idle");
    metadata.cluster = undefined;
    expect(await copysetWorker(options).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toEqual([]);
  });

  test("that somebody else changed meanwhile are looked at again later", async () => {
    metadata.decide = () => refused;
    expect(await copysetWorker(options).runUnit(signal)).toBe("idle");
  });
});

describe("blobs without a reference", () => {
  test("are ordered to go when their grace is over, not before", async () => {
    metadata.pendingDeletes = [
      { blobId: Uint8Array.of(1), sinceMs: nowMs - 60_001 },
      { blobId: Uint8Array.of(2), sinceMs: nowMs - 60_000 },
    ];
    expect(await blobDeletionWorker(options).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toMatchObject([
      { case: "beginBlobDelete", value: { blobIds: [Uint8Array.of(1)] } },
    ]);
  });

  test("are ordered to go when their grace is over by the time of the cluster, which a clock that was ahead has moved on", async () => {
    metadata.appliedTimeMs = nowMs + 30 * DAY_MS;
    metadata.pendingDeletes = [
      { blobId: Uint8Array.of(1), sinceMs: metadata.appliedTimeMs - 60_001 },
      { blobId: Uint8Array.of(2), sinceMs: metadata.appliedTimeMs - 60_000 },
    ];
    await blobDeletionWorker(options).runUnit(signal);
    expect(metadata.submitted).toMatchObject([
      { case: "beginBlobDelete", value: { blobIds: [Uint8Array.of(1)] } },
    ]);
  });

  test("are ordered to go when their grace is over by a time of the cluster that goes on, though nothing is applied", async () => {
    metadata.appliedTimeMs = nowMs + 30 * DAY_MS;
    metadata.pendingDeletes = [{ blobId: Uint8Array.of(1), sinceMs: metadata.appliedTimeMs }];
    const worker = blobDeletionWorker(options);
    for (const passedMs of [0, 120_000]) {
      monotonicMs = passedMs;
      await worker.runUnit(signal);
    }
    expect(metadata.submitted).toEqual([]);
    // Half as fast as the monotonic clock: the state machine's time is not behind this one.
    monotonicMs = 120_002;
    await worker.runUnit(signal);
    expect(metadata.submitted).toMatchObject([{ case: "beginBlobDelete" }]);
  });

  test("go in batches", async () => {
    metadata.pendingDeletes = blobIds(HOUSEKEEPING_BATCH + 1).map((blobId) => ({ blobId, sinceMs: 0 }));
    expect(await blobDeletionWorker(options).runUnit(signal)).toBe("more");
  });

  test("stay when the clock makes no sense", async () => {
    metadata.pendingDeletes = [{ blobId: Uint8Array.of(1), sinceMs: 0 }];
    const worker = blobDeletionWorker({ ...options, clock: { ...options.clock, wallMs: () => Number.NaN } });
    expect(await worker.runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toEqual([]);
  });

  test("on removed nodes are acknowledged in their name, on others never", async () => {
    metadata.nodes = [row(1), row(2, { state: NODE_STATE.removed }), row(3, { state: NODE_STATE.draining })];
    for (const nodeId of [1, 2, 3]) metadata.unlinkOrders.set(nodeId, blobIds(2));
    expect(await removedNodesWorker(options).runUnit(signal)).toBe("more");
    expect(metadata.submitted).toMatchObject([{ case: "acknowledgeUnlink", value: { nodeId: 2n } }]);
    metadata.unlinkOrders.delete(2);
    expect(await removedNodesWorker(options).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toHaveLength(1);
  });

  test("are looked for on removed nodes until there is nothing left", async () => {
    metadata.nodes = [row(1), row(2, { state: NODE_STATE.removed }), row(3, { state: NODE_STATE.removed })];
    metadata.heldBlobs.set(2, blobIds(1));
    const worker = removedNodesWorker(options);
    expect(await worker.runUnit(signal)).toBe("more");
    metadata.heldBlobs.delete(2);
    expect(await worker.runUnit(signal)).toBe("idle");
    const reads = metadata.heldReads;
    expect(await worker.runUnit(signal)).toBe("idle");
    expect(metadata.heldReads).toBe(reads);
  });
});

describe("a change of the maintenance mode", () => {
  beforeEach(() => {
    metadata.maintenance = create(MaintenanceRowSchema, {
      state: MaintenanceState.EXITING,
      epoch: 4n,
      waitingNodeIds: [2n, 3n],
    });
  });

  test("does not wait for a node that was removed and has left the Raft group", async () => {
    metadata.nodes = [row(1), row(2), row(3, { state: NODE_STATE.removed, hasLeft: true })];
    const worker = leftMaintenanceWorker(options);
    expect(await worker.runUnit(signal)).toBe("more");
    expect(metadata.submitted).toMatchObject([
      { case: "acknowledgeMaintenance", value: { nodeId: 3n, epoch: 4n } },
    ]);
    metadata.maintenance!.waitingNodeIds = [2n];
    expect(await worker.runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toHaveLength(1);
  });

  test("waits for nodes that may still write: those that are silent, and those that are about to leave", async () => {
    metadata.nodes = [row(2), row(3, { state: NODE_STATE.removed })];
    expect(await leftMaintenanceWorker(options).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toEqual([]);
  });
});

describe("the oplog", () => {
  const rows = (first: bigint) => [create(OplogRowSchema, { sequence: first })];

  test("is cut to its length", async () => {
    const worker = oplogTrimWorker({ ...options, oplogRows: 100 });
    metadata.oplog = rows(1n);
    metadata.announce({ oplogSequence: 250n });
    metadata.announce({ oplogSequence: 240n });
    expect(await worker.runUnit(signal)).toBe("more");
    expect(metadata.submitted).toMatchObject([{ case: "trimOplog", value: { belowSequence: 151n } }]);
  });

  test.each([
    [1n, 100n],
    [151n, 250n],
    [1n, 0n],
  ])("is left alone from %d to %d", async (oldest, newest) => {
    const worker = oplogTrimWorker({ ...options, oplogRows: 100 });
    metadata.oplog = rows(oldest);
    metadata.announce({ oplogSequence: newest });
    expect(await worker.runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toEqual([]);
  });
});

describe("housekeeping", () => {
  test("forgets uploads that were completed long ago", async () => {
    metadata.completedUploads = [
      create(CompletedUploadRowSchema, {
        uploadId: Uint8Array.of(1),
        completedAtMs: BigInt(nowMs - DAY_MS - 1),
      }),
      create(CompletedUploadRowSchema, { uploadId: Uint8Array.of(2), completedAtMs: BigInt(nowMs - DAY_MS) }),
    ];
    expect(await forgetUploadsWorker(options).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toMatchObject([
      { case: "forgetCompletedUploads", value: { uploadIds: [Uint8Array.of(1)] } },
    ]);
  });

  test("closes sessions that nobody uses", async () => {
    const hour = 3600 * 1000;
    metadata.idleSessions = [
      { sessionId: 5n, usedMs: nowMs - 26 * hour },
      { sessionId: 6n, usedMs: nowMs - 24 * hour },
    ];
    expect(await closeSessionsWorker(options).runUnit(signal)).toBe("idle");
    expect(metadata.submitted).toMatchObject([{ case: "closeSessions", value: { sessionIds: [5n] } }]);
  });

  test("goes by the time of the cluster where that is ahead of this clock", async () => {
    const aheadMs = nowMs + 30 * DAY_MS;
    metadata.appliedTimeMs = aheadMs;
    const [uploadId, completedAtMs] = [Uint8Array.of(1), BigInt(aheadMs - DAY_MS - 1)];
    metadata.completedUploads = [create(CompletedUploadRowSchema, { uploadId, completedAtMs })];
    metadata.idleSessions = [{ sessionId: 5n, usedMs: aheadMs - 2 * DAY_MS }];
    await forgetUploadsWorker(options).runUnit(signal);
    await closeSessionsWorker(options).runUnit(signal);
    expect(metadata.submitted.map((body) => body.case)).toEqual(["forgetCompletedUploads", "closeSessions"]);
  });

  test("does not run in circles when it is refused", async () => {
    metadata.decide = (body) => (body.case === "closeSessions" ? refused : DONE);
    metadata.idleSessions = Array.from({ length: HOUSEKEEPING_BATCH }, (_, i) => ({
      sessionId: BigInt(i),
      usedMs: 0,
    }));
    expect(await closeSessionsWorker(options).runUnit(signal)).toBe("idle");
  });
});
