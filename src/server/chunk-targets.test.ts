import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import type { HealthView } from "../cluster/index.ts";
import { NodeHealthSchema } from "../gen/skerry/cluster/v1/cluster_pb.js";
import {
  ClusterRowSchema,
  CopysetRowSchema,
  NodeRowSchema,
  NodeState,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { MetadataView } from "../meta/index.ts";
import { PlainHasher } from "../platform/node/index.ts";
import { NodeTargets } from "./chunk-targets.ts";

test("as long as the disks of all nodes that could take bytes are full, writes are told so", async () => {
  let disk: "well" | "full" | "failing" = "well";
  const health: HealthView = {
    peer: (nodeId) => ({
      nodeId,
      state: "alive",
      lastSeenMs: undefined,
      heardMs: undefined,
      health: create(NodeHealthSchema, { storageWritable: disk === "well", storageFull: disk === "full" }),
    }),
    all: () => [],
    onChange: () => () => undefined,
  };
  const targets = new NodeTargets({
    nodeId: 1,
    clusterId: "c",
    segments: undefined,
    network: {
      connect: () => expect.unreachable("there is one node"),
      listen: () => expect.unreachable(),
      close: () => expect.unreachable(),
    },
    hasher: new PlainHasher(),
    health,
  });
  const view: Pick<MetadataView, "cluster" | "nodes" | "openCopysets"> = {
    cluster: () => create(ClusterRowSchema, { layoutEpoch: 1n, replicationFactor: 3 }),
    nodes: async () => [create(NodeRowSchema, { nodeId: 1n, state: NodeState.ACTIVE, roles: ["storage"] })],
    openCopysets: () => [create(CopysetRowSchema, { copysetId: 1n, nodeIds: [1n], open: true })],
  };
  await targets.refresh(view);
  const place = () => targets.place(new Uint8Array(16));
  expect(place().nodeIds).toEqual([1]);
  disk = "full";
  for (let write = 0; write < 2; write++) {
    expect(place).toThrow(expect.objectContaining({ code: "storage-full" }));
  }
  disk = "failing";
  expect(place).toThrow(expect.objectContaining({ code: "unavailable" }));
});
