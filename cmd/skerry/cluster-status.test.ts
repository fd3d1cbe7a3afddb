import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { GetStatusResponseSchema } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { statusText } from "./cluster-status.ts";

test.each([
  ["writable", { storageWritable: true }],
  ["full", { storageFull: true }],
  ["read-only", {}],
])("a disk that is %s is shown so", (shown, storage) => {
  const nodes = [{ nodeId: 1n, name: "node-1", state: "active", ...storage }];
  const text = statusText(create(GetStatusResponseSchema, { nodes, maintenanceState: "off" }));
  expect(text.split("\n").find((line) => line.includes("node-1"))).toContain(` ${shown} `);
});
