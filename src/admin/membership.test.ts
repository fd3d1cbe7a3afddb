import { create } from "@bufbuild/protobuf";
import { beforeEach, expect, test } from "vitest";
import type { PeerHealth } from "../cluster/index.ts";
import { FakeMetadata } from "../cluster/testing/fake-metadata.ts";
import { NodeRowSchema, NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { RaftProgress } from "../raft/index.ts";
import { MembershipAdministration, type MembershipAdminOptions } from "./membership.ts";

const NOW_MS = 100_000;

let metadata: FakeMetadata;

/** What a node knows of node 4. */
interface Known extends Pick<PeerHealth, "state" | "heardMs"> {
  readonly progress?: Partial<RaftProgress>;
}

const removeByForce = ({ progress, ...health }: Known) => {
  const confState = { voters: [1, 2, 3], learners: [4], votersOutgoing: [], learnersNext: [] };
  const view = { ...metadata.view, holdings: () => ({ blobs: 0, bytes: 0 }) };
  const administration = new MembershipAdministration({
    metadata: { view, barrier: async () => {}, submit: metadata.submit.bind(metadata) },
    raft: { status: () => ({ leader: 1, confState, progress: progress === undefined ? [] : [progress] }) },
    health: { peer: (nodeId: number) => (nodeId === 4 ? health : { state: "alive", heardMs: NOW_MS }) },
    clock: { monotonicMs: () => NOW_MS },
  } as unknown as MembershipAdminOptions);
  return administration.remove(4, { force: true });
};

beforeEach(() => {
  metadata = new FakeMetadata();
  metadata.nodes = [1n, 2n, 3n, 4n].map((nodeId) =>
    create(NodeRowSchema, { nodeId, name: `node-${nodeId}`, state: NodeState.ACTIVE }),
  );
});

const LONG_AGO_MS = NOW_MS - 10_001;

test.each<[string, Known]>([
  ["is dead, and was not heard of for ten seconds", { state: "dead", heardMs: LONG_AGO_MS }],
  ["was never heard of", { state: "dead", heardMs: undefined }],
  [
    "is silent in the Raft group too",
    { state: "dead", heardMs: LONG_AGO_MS, progress: { nodeId: 4, recentlyActive: false } },
  ],
])("a node that %s is removed by force", async (_, known) => {
  await removeByForce(known);
  expect(metadata.submitted).toMatchObject([
    { case: "setNodeState", value: { nodeId: 4n, state: NodeState.REMOVED, force: true } },
  ]);
});

test.each<[string, Known, string]>([
  ["answers", { state: "alive", heardMs: NOW_MS }, "node-4 answers"],
  ["was silent for some seconds", { state: "suspect", heardMs: LONG_AGO_MS }, "may come back"],
  ["this node has just begun to look for", { state: "unknown", heardMs: undefined }, "may come back"],
  [
    "cannot be dialled, and says that it is well",
    { state: "dead", heardMs: NOW_MS - 10_000 },
    "may come back",
  ],
  [
    "follows this node in the Raft group",
    { state: "dead", heardMs: LONG_AGO_MS, progress: { nodeId: 4, recentlyActive: true } },
    "may come back",
  ],
])("a node that %s is not removed by force", async (_, known, message) => {
  await expect(removeByForce(known)).rejects.toMatchObject({
    code: "refused",
    message: expect.stringContaining(message) as string,
  });
  expect(metadata.submitted).toEqual([]);
});
