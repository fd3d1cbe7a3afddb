import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { NodeHealthSchema } from "../gen/skerry/cluster/v1/cluster_pb.js";
import {
  ClusterRowSchema,
  CopysetRowSchema,
  type NodeRow,
  NodeRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { createLayout, isShortOfSpace, placeBlob, placementNodesOf, writabilityOf } from "./layout.ts";
import { NODE_STATE } from "./node-rows.ts";
import type { HealthView, PeerHealth } from "./ports.ts";

type NodeRowInit = Exclude<MessageInitShape<typeof NodeRowSchema>, NodeRow>;

function nodeRow(nodeId: number, change: NodeRowInit = {}): NodeRow {
  return create(NodeRowSchema, {
    nodeId: BigInt(nodeId),
    zone: `z${nodeId}`,
    roles: ["meta", "storage"],
    state: NODE_STATE.active,
    weight: 10,
    ...change,
  });
}

/** Everybody is alive and writable but for those named. */
function healthOf(others: Record<number, PeerHealth["state"] | "full" | "failing"> = {}): HealthView {
  const peer = (nodeId: number): PeerHealth => {
    const state = others[nodeId] ?? "alive";
    return {
      nodeId,
      state: state === "full" || state === "failing" ? "alive" : state,
      lastSeenMs: undefined,
      heardMs: undefined,
      health: create(NodeHealthSchema, {
        storageWritable: state !== "full" && state !== "failing",
        storageFull: state === "full",
      }),
    };
  };
  return { peer, all: () => [], onChange: () => () => {} };
}

const cluster = create(ClusterRowSchema, { replicationFactor: 3, layoutEpoch: 4n });
const copysets = [
  create(CopysetRowSchema, { copysetId: 1n, nodeIds: [1n, 2n, 3n], open: true }),
  create(CopysetRowSchema, { copysetId: 2n, nodeIds: [1n, 2n], open: false }),
];
const layout = createLayout(
  cluster,
  [1, 2, 3, 4].map((nodeId) => nodeRow(nodeId)),
  copysets,
);
const blobId = new Uint8Array(16).fill(1);

describe("where a blob goes", () => {
  test("when all is well: the whole copyset, and spares", () => {
    expect(placeBlob(layout, blobId, healthOf())).toEqual({
      copysetId: 1,
      layoutEpoch: 4,
      nodeIds: [1, 2, 3],
      writeQuorum: 2,
      spareNodeIds: [4],
    });
  });

  test("without those that are dead or full, and with spares in their place", () => {
    const place = placeBlob(layout, blobId, healthOf({ 3: "full" }));
    expect(place).toMatchObject({ nodeIds: [1, 2, 4], writeQuorum: 2, spareNodeIds: [] });
  });

  test("a spare that is only suspected stands in as far as the quorum needs it", () => {
    const needed = placeBlob(layout, blobId, healthOf({ 2: "dead", 3: "full", 4: "suspect" }));
    expect(needed).toMatchObject({ nodeIds: [1, 4], writeQuorum: 2, spareNodeIds: [] });
    const enough = placeBlob(layout, blobId, healthOf({ 3: "full", 4: "suspect" }));
    expect(enough).toMatchObject({ nodeIds: [1, 2], writeQuorum: 2, spareNodeIds: [4] });
  });

  test("there are fewer than the quorum only when no spare is left", () => {
    const place = placeBlob(layout, blobId, healthOf({ 2: "dead", 3: "full", 4: "dead" }));
    expect(place).toMatchObject({ nodeIds: [1], writeQuorum: 2, spareNodeIds: [] });
  });

  test("and whether it is full disks that keep it from having one", () => {
    const isShort = (others: Parameters<typeof healthOf>[0]) => {
      const health = healthOf(others);
      return isShortOfSpace(layout, placeBlob(layout, blobId, health)!, health);
    };
    expect(isShort({ 1: "full", 2: "full", 3: "full", 4: "full" })).toBe(true);
    expect(isShort({ 1: "full", 2: "dead", 3: "full", 4: "dead" })).toBe(true);
    expect(isShort({ 1: "full", 2: "dead", 3: "dead", 4: "dead" })).toBe(false);
    expect(isShort({ 1: "full", 2: "failing", 3: "failing", 4: "failing" })).toBe(false);
  });

  test("with those that are only suspected, or not heard of yet", () => {
    expect(placeBlob(layout, blobId, healthOf({ 2: "suspect", 3: "unknown" }))?.nodeIds).toEqual([1, 2, 3]);
  });

  test("is nowhere without an open copyset", () => {
    expect(placeBlob(createLayout(cluster, [], []), blobId, healthOf())).toBeUndefined();
    expect(
      placeBlob(createLayout(cluster, [nodeRow(1)], [copysets[1]!]), blobId, healthOf()),
    ).toBeUndefined();
  });
});

test("copysets are made of active storage nodes", () => {
  const rows = [
    nodeRow(1),
    nodeRow(2, { state: NODE_STATE.joining }),
    nodeRow(3, { state: NODE_STATE.draining }),
    nodeRow(4, { state: NODE_STATE.removed }),
    nodeRow(5, { roles: ["meta", "gateway"] }),
    nodeRow(6, { weight: 0 }),
  ];
  expect(placementNodesOf(rows)).toEqual([
    { nodeId: 1, zone: "z1", weight: 10 },
    { nodeId: 6, zone: "z6", weight: 1 },
  ]);
});

test.each([
  ["alive", "yes"],
  ["suspect", "maybe"],
  ["unknown", "maybe"],
  ["dead", "no"],
  ["full", "no"],
  ["failing", "no"],
] as const)("a node that is %s may be written: %s", (state, writability) => {
  expect(writabilityOf(healthOf({ 1: state }), 1)).toBe(writability);
});
