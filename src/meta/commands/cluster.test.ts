import { create, fromBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import {
  ConfirmNodeLeftSchema,
  PutJoinTokenSchema,
  PutKeySchema,
  RegisterNodeSchema,
  RemoveJoinTokenSchema,
  RemoveKeySchema,
  RotateKeySchema,
  SetNodeStateSchema,
  TrimOplogSchema,
  UpdateNodeSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  CopysetRowSchema,
  KeyKind,
  KeyRole,
  KeyRowSchema,
  NodeRowSchema,
  NodeState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { accessKeyKey, CLUSTER_KEY, copysetKey, nodeKey } from "../keys.ts";
import type { CommandBody } from "../ports.ts";
import {
  addNode,
  chunkedBlob,
  commitObject,
  createBucket,
  id,
  initCluster,
  putCopysets,
  readyReplica,
  setNodeState,
} from "../testing/commands.ts";
import { expectCase, outcome, Replica } from "../testing/harness.ts";

let replica: Replica;

beforeEach(() => {
  replica = new Replica();
});

async function expectSound(): Promise<void> {
  expect(await replica.violations()).toEqual([]);
}

const hash = (number: number) => new Uint8Array(32).fill(number);
const putToken = (tokenId: string, number: number, expiresAtMs = 10n ** 15n): CommandBody => ({
  case: "putJoinToken",
  value: create(PutJoinTokenSchema, { token: { tokenId, tokenHash: hash(number), expiresAtMs } }),
});
const register = (name: string, incarnation: string, number: number): CommandBody => ({
  case: "registerNode",
  value: create(RegisterNodeSchema, { node: { name, incarnation }, tokenHash: hash(number) }),
});
const update = (node: {
  nodeId: number;
  name?: string;
  incarnation?: string;
  state?: NodeState;
  peerAddress?: string;
  joinedAtMs?: bigint;
}): CommandBody => ({
  case: "updateNode",
  value: create(UpdateNodeSchema, {
    node: {
      nodeId: BigInt(node.nodeId),
      name: node.name ?? `node-${node.nodeId}`,
      incarnation: node.incarnation ?? `incarnation-${node.nodeId}`,
      state: node.state ?? NodeState.UNSPECIFIED,
      peerAddress: node.peerAddress ?? "",
      joinedAtMs: node.joinedAtMs ?? 0n,
    },
  }),
});

describe("InitCluster", () => {
  test("happens once", async () => {
    expect(expectCase(replica.run(initCluster()), "nodeRegistered").nodeId).toBe(1n);
    expect(outcome(replica.run(initCluster()))).toBe("ALREADY_INITIALISED");
    const cluster = fromBinary(ClusterRowSchema, replica.store.get(CLUSTER_KEY)!);
    expect(cluster).toMatchObject({
      layoutEpoch: 0n,
      nextNodeId: 2n,
      nextCopysetId: 1n,
      createdAtMs: 1_000_000n,
    });
    await expectSound();
  });

  test.each([
    ["no id", { clusterId: "" }],
    ["no copies", { replicationFactor: 0 }],
    ["too many copies", { replicationFactor: 17 }],
  ])("refuses %s", (_, cluster) => expect(outcome(replica.run(initCluster(cluster)))).toBe("INVALID"));

  test("comes first", () => {
    expect(outcome(replica.run(createBucket("b")))).toBe("INVALID");
    expect(outcome(replica.run(putToken("t", 1)))).toBe("INVALID");
    expect(outcome(replica.run(putCopysets(0)))).toBe("INVALID");
  });
});

describe("RegisterNode", () => {
  beforeEach(() => {
    replica.run(initCluster());
    replica.run(putToken("t1", 1));
  });

  test("uses the token up", async () => {
    expect(expectCase(replica.run(register("n", "i", 1)), "nodeRegistered").nodeId).toBe(2n);
    expect(fromBinary(NodeRowSchema, replica.store.get(nodeKey(2n))!)).toMatchObject({
      state: NodeState.JOINING,
    });
    expect(outcome(replica.run(register("m", "i", 1)))).toBe("TOKEN_INVALID");
    await expectSound();
  });

  test("gives a known name with the same incarnation the id that it has", async () => {
    replica.run(register("n", "i", 1));
    replica.run(putToken("t2", 2));
    expect(expectCase(replica.run(register("n", "i", 2)), "nodeRegistered").nodeId).toBe(2n);
    await expectSound();
  });

  test("refuses a known name with another incarnation, and leaves the token", () => {
    replica.run(register("n", "i", 1));
    replica.run(putToken("t2", 2));
    expect(outcome(replica.run(register("n", "other", 2)))).toBe("NODE_EXISTS");
    expect(outcome(replica.run(register("m", "i", 2)))).toBe("nodeRegistered");
  });

  test("gives a removed node's name a new id", async () => {
    replica.run(register("n", "i", 1));
    const removed = {
      nodeId: 2n,
      incarnation: "i",
      expectedState: NodeState.JOINING,
      state: NodeState.REMOVED,
    };
    replica.run({ case: "setNodeState", value: create(SetNodeStateSchema, removed) });
    replica.run(putToken("t2", 2));
    expect(expectCase(replica.run(register("n", "other", 2)), "nodeRegistered").nodeId).toBe(3n);
    await expectSound();
  });

  test("refuses an expired token by leader time", () => {
    replica.run(putToken("t2", 2, 2_000_000n));
    replica.timeMs = 2_000_000;
    expect(outcome(replica.run(register("n", "i", 2)))).toBe("TOKEN_INVALID");
    expect(outcome(replica.run(putToken("t3", 3, 2_000_000n)))).toBe("INVALID");
  });

  test("tokens are put once and removed once", async () => {
    expect(outcome(replica.run(putToken("t1", 9)))).toBe("KEY_EXISTS");
    expect(outcome(replica.run(putToken("t9", 1)))).toBe("KEY_EXISTS");
    const remove: CommandBody = {
      case: "removeJoinToken",
      value: create(RemoveJoinTokenSchema, { tokenId: "t1" }),
    };
    expect(outcome(replica.run(remove))).toBe("done");
    expect(outcome(replica.run(remove))).toBe("TOKEN_INVALID");
    await expectSound();
  });
});

describe("UpdateNode", () => {
  beforeEach(() => {
    readyReplica(replica);
  });

  test.each([
    ["an unknown node", update({ nodeId: 9 }), "NODE_UNKNOWN"],
    ["another incarnation", update({ nodeId: 2, incarnation: "x" }), "NODE_UNKNOWN"],
    ["another name", update({ nodeId: 2, name: "x" }), "INVALID"],
    ["a state, even the present one", update({ nodeId: 2, state: NodeState.ACTIVE }), "INVALID"],
  ])("refuses %s", (_, command, code) => expect(outcome(replica.run(command))).toBe(code));

  test("changes addresses and keeps the time of joining", () => {
    replica.timeMs += 5;
    expect(outcome(replica.run(update({ nodeId: 2, peerAddress: "h:1" })))).toBe("done");
    const row = fromBinary(NodeRowSchema, replica.store.get(nodeKey(2n))!);
    expect(row).toMatchObject({ peerAddress: "h:1", joinedAtMs: 1_000_000n });
  });

  test("undoes nothing that others decided meanwhile", () => {
    setNodeState(replica, 2, NodeState.DRAINING);
    expect(outcome(replica.run(update({ nodeId: 2, peerAddress: "h:2", joinedAtMs: 7n })))).toBe("done");
    const row = fromBinary(NodeRowSchema, replica.store.get(nodeKey(2n))!);
    expect(row).toMatchObject({ state: NodeState.DRAINING, peerAddress: "h:2", joinedAtMs: 1_000_000n });
  });
});

describe("SetNodeState", () => {
  const { JOINING, ACTIVE, DRAINING, REMOVED } = NodeState;
  const CONFIGURATION = {
    voters: [1, 2, 3],
    learners: [4],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };

  beforeEach(() => {
    readyReplica(replica);
  });

  interface Change {
    readonly nodeId?: number;
    readonly from: NodeState;
    readonly to: NodeState;
    readonly force?: boolean;
    readonly incarnation?: string;
  }
  const set = ({ nodeId = 4, from, to, force = false, incarnation }: Change) =>
    outcome(
      replica.run({
        case: "setNodeState",
        value: create(SetNodeStateSchema, {
          nodeId: BigInt(nodeId),
          incarnation: incarnation ?? `incarnation-${nodeId}`,
          expectedState: from,
          state: to,
          force,
        }),
      }),
    );
  const stateOf = (nodeId: bigint) => fromBinary(NodeRowSchema, replica.store.get(nodeKey(nodeId))!).state;

  test.each<[string, Change, string]>([
    ["an unknown node", { nodeId: 9, from: ACTIVE, to: DRAINING }, "NODE_UNKNOWN"],
    ["another incarnation", { incarnation: "x", from: ACTIVE, to: DRAINING }, "NODE_UNKNOWN"],
    ["a state that it does not have", { from: DRAINING, to: REMOVED }, "NODE_STATE_CHANGED"],
    ["a step back to joining", { from: ACTIVE, to: JOINING }, "INVALID"],
    ["the state that it has", { from: ACTIVE, to: ACTIVE }, "INVALID"],
    ["the removal of a node that was not drained", { from: ACTIVE, to: REMOVED }, "INVALID"],
    ["no state", { from: ACTIVE, to: NodeState.UNSPECIFIED }, "INVALID"],
  ])("refuses %s", async (_, change, code) => {
    expect(set(change)).toBe(code);
    await expectSound();
  });

  test("drains, calls it off, drains and removes; removed is final", async () => {
    expect(set({ from: ACTIVE, to: DRAINING })).toBe("done");
    expect(set({ from: DRAINING, to: ACTIVE })).toBe("done");
    expect(set({ from: ACTIVE, to: DRAINING })).toBe("done");
    expect(set({ from: DRAINING, to: REMOVED })).toBe("done");
    for (const to of [JOINING, ACTIVE, DRAINING, REMOVED]) {
      expect(set({ from: REMOVED, to, force: true })).toBe("INVALID");
    }
    expect(outcome(replica.run(update({ nodeId: 4 })))).toBe("NODE_UNKNOWN");
    await expectSound();
  });

  test("removes an active node only by force", async () => {
    expect(set({ from: ACTIVE, to: REMOVED, force: true })).toBe("done");
    expect(stateOf(4n)).toBe(REMOVED);
    await expectSound();
  });

  test("of two decisions from one state, the second is refused", () => {
    expect(set({ from: ACTIVE, to: DRAINING })).toBe("done");
    expect(set({ from: ACTIVE, to: REMOVED, force: true })).toBe("NODE_STATE_CHANGED");
    expect(stateOf(4n)).toBe(DRAINING);
  });

  test("nodes leave one after the other: the next when the Raft group is without the last", async () => {
    replica.state.configuration = CONFIGURATION;
    expect(set({ nodeId: 3, from: ACTIVE, to: REMOVED, force: true })).toBe("done");
    expect(set({ nodeId: 4, from: ACTIVE, to: REMOVED, force: true })).toBe("MEMBERSHIP_CHANGING");
    await expectSound();
    replica.state.configuration = { ...CONFIGURATION, voters: [1, 2], votersOutgoing: [1, 2, 3] };
    expect(set({ nodeId: 4, from: ACTIVE, to: REMOVED, force: true })).toBe("MEMBERSHIP_CHANGING");
    replica.state.configuration = { ...CONFIGURATION, voters: [1, 2] };
    expect(set({ nodeId: 4, from: ACTIVE, to: REMOVED, force: true })).toBe("done");
    await expectSound();
  });

  test("a node that is recorded for bytes is removed only by force", async () => {
    expectCase(replica.run(commitObject("a", id(1), [chunkedBlob(id(101), 5)])), "objectCommitted");
    expect(set({ nodeId: 3, from: ACTIVE, to: DRAINING })).toBe("done");
    expect(set({ nodeId: 3, from: DRAINING, to: REMOVED })).toBe("NODE_HOLDS_BYTES");
    expect(stateOf(3n)).toBe(DRAINING);
    expect(set({ nodeId: 3, from: DRAINING, to: REMOVED, force: true })).toBe("done");
    await expectSound();
  });

  test("never removes the last voter", async () => {
    replica.state.configuration = { ...CONFIGURATION, voters: [1], learners: [2, 3, 4] };
    expect(set({ nodeId: 1, from: ACTIVE, to: REMOVED, force: true })).toBe("LAST_VOTER");
    expect(set({ nodeId: 2, from: ACTIVE, to: REMOVED, force: true })).toBe("done");
    await expectSound();
  });
});

describe("ConfirmNodeLeft", () => {
  const OUTSIDE = { voters: [1, 2], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const TERM = 1;

  beforeEach(() => {
    readyReplica(replica);
    setNodeState(replica, 3, NodeState.DRAINING);
    setNodeState(replica, 3, NodeState.REMOVED);
    replica.state.configuration = OUTSIDE;
  });

  const confirm = (nodeId: number, term = TERM) =>
    outcome(
      replica.run({
        case: "confirmNodeLeft",
        value: create(ConfirmNodeLeftSchema, { nodeId: BigInt(nodeId), term: BigInt(term) }),
      }),
    );
  const hasLeft = () => fromBinary(NodeRowSchema, replica.store.get(nodeKey(3n))!).hasLeft;

  test("counts in the term of the leader that saw it, once or twice", async () => {
    expect(hasLeft()).toBe(false);
    expect(confirm(3)).toBe("done");
    expect(confirm(3)).toBe("done");
    expect(hasLeft()).toBe(true);
    await expectSound();
  });

  test.each(["voters", "learners", "votersOutgoing", "learnersNext"] as const)(
    "is refused while the node is among the %s",
    async (where) => {
      replica.state.configuration = { ...OUTSIDE, [where]: [...OUTSIDE[where], 3] };
      expect(confirm(3)).toBe("MEMBERSHIP_CHANGING");
      expect(hasLeft()).toBe(false);
      await expectSound();
    },
  );

  test("is refused in another term, of a node that stays, and of none", async () => {
    expect(confirm(3, TERM - 1)).toBe("MEMBERSHIP_CHANGING");
    expect(confirm(3, TERM + 1)).toBe("MEMBERSHIP_CHANGING");
    expect(confirm(4)).toBe("NODE_STATE_CHANGED");
    expect(confirm(99)).toBe("NODE_UNKNOWN");
    expect(hasLeft()).toBe(false);
    await expectSound();
  });
});

describe("PutCopysets", () => {
  beforeEach(() => {
    readyReplica(replica);
  });

  test("opens new ones, keeps those that are named, and closes the others", async () => {
    expect(outcome(replica.run(putCopysets(1, { id: 1, nodes: [1, 2, 3] }, { nodes: [2, 3, 4] })))).toBe(
      "done",
    );
    expect(outcome(replica.run(putCopysets(2, { id: 2, nodes: [2, 3, 4] })))).toBe("done");
    const copyset = (number: bigint) => fromBinary(CopysetRowSchema, replica.store.get(copysetKey(number))!);
    expect(copyset(1n)).toMatchObject({ open: false, layoutEpoch: 3n });
    expect(copyset(2n)).toMatchObject({ open: true, layoutEpoch: 2n });
    await expectSound();
    // A closed one can be opened again.
    expect(outcome(replica.run(putCopysets(3, { id: 1, nodes: [1, 2, 3] })))).toBe("done");
    expect(copyset(1n)).toMatchObject({ open: true, layoutEpoch: 4n });
    await expectSound();
  });

  test.each([
    ["another epoch", putCopysets(0, { nodes: [1] }), "LAYOUT_STALE"],
    ["an unknown node", putCopysets(1, { nodes: [1, 9] }), "NODE_UNKNOWN"],
    ["a node twice", putCopysets(1, { nodes: [1, 1] }), "INVALID"],
    ["no node", putCopysets(1, { nodes: [] }), "INVALID"],
    ["a kept one that never was", putCopysets(1, { id: 9, nodes: [1] }), "INVALID"],
    ["a kept one with other nodes", putCopysets(1, { id: 1, nodes: [1, 2, 4] }), "INVALID"],
    ["a kept one twice", putCopysets(1, { id: 1, nodes: [1, 2, 3] }, { id: 1, nodes: [1, 2, 3] }), "INVALID"],
  ])("refuses %s", async (_, command, code) => {
    expect(outcome(replica.run(command))).toBe(code);
    await expectSound();
  });

  test("refuses a node that is not active", () => {
    setNodeState(replica, 4, NodeState.DRAINING);
    expect(outcome(replica.run(putCopysets(1, { nodes: [4] })))).toBe("NODE_UNKNOWN");
  });
});

describe("keys", () => {
  const put = (keyId: string, replace: boolean, role = KeyRole.READER): CommandBody => ({
    case: "putKey",
    value: create(PutKeySchema, { key: { keyId, kind: KeyKind.S3, role }, replace }),
  });

  test("are put, replaced and removed", async () => {
    replica.run(initCluster());
    expect(outcome(replica.run(put("k", false)))).toBe("done");
    expect(outcome(replica.run(put("k", false)))).toBe("KEY_EXISTS");
    replica.timeMs += 5;
    expect(outcome(replica.run(put("k", true, KeyRole.ADMIN)))).toBe("done");
    const row = fromBinary(KeyRowSchema, replica.store.get(accessKeyKey("k"))!);
    expect(row).toMatchObject({ role: KeyRole.ADMIN, createdAtMs: 1_000_000n });
    expect(outcome(replica.run(put("", false)))).toBe("INVALID");
    expect(outcome(replica.run(put("x", false, KeyRole.UNSPECIFIED)))).toBe("INVALID");
    await expectSound();
    const remove: CommandBody = { case: "removeKey", value: create(RemoveKeySchema, { keyId: "k" }) };
    expect(outcome(replica.run(remove))).toBe("done");
    expect(outcome(replica.run(remove))).toBe("KEY_UNKNOWN");
    await expectSound();
  });

  test("get another secret, and the one before works for the grace period", async () => {
    replica.run(initCluster());
    const hash = (byte: number) => new Uint8Array(32).fill(byte);
    const key = { keyId: "k", kind: KeyKind.API, role: KeyRole.READER, secretHash: hash(1) };
    const rotate = (byte: number, graceSeconds: bigint, keyId = "k", length = 32): CommandBody => ({
      case: "rotateKey",
      value: create(RotateKeySchema, { keyId, secretHash: hash(byte).subarray(0, length), graceSeconds }),
    });
    const row = () => fromBinary(KeyRowSchema, replica.store.get(accessKeyKey("k"))!);
    expect(outcome(replica.run(rotate(2, 60n)))).toBe("KEY_UNKNOWN");
    replica.run({ case: "putKey", value: create(PutKeySchema, { key }) });
    expect(outcome(replica.run(rotate(2, 60n)))).toBe("done");
    const untilMs = BigInt(replica.timeMs) + 60_000n;
    expect(row()).toMatchObject({
      secretHash: hash(2),
      previousSecretHash: hash(1),
      previousUntilMs: untilMs,
    });
    // Again: the first secret ends, and without grace the second one too.
    replica.run(rotate(3, 60n));
    expect(row()).toMatchObject({ secretHash: hash(3), previousSecretHash: hash(2) });
    replica.run(rotate(4, 0n));
    expect(row()).toMatchObject({
      secretHash: hash(4),
      previousSecretHash: new Uint8Array(0),
      previousUntilMs: 0n,
    });
    expect(outcome(replica.run(rotate(5, 30n * 86_400n + 1n)))).toBe("INVALID");
    expect(outcome(replica.run(rotate(5, 0n, "k", 31)))).toBe("INVALID");
    replica.run(put("s3", false));
    expect(outcome(replica.run(rotate(5, 0n, "s3")))).toBe("INVALID");
    await expectSound();
  });

  test("that were removed do not come back by being changed", async () => {
    replica.run(initCluster());
    const change: CommandBody = {
      case: "putKey",
      value: create(PutKeySchema, {
        key: { keyId: "k", kind: KeyKind.S3, role: KeyRole.USER, inactive: true },
        replace: true,
        onlyExisting: true,
      }),
    };
    expect(outcome(replica.run(change))).toBe("KEY_UNKNOWN");
    replica.run(put("k", false, KeyRole.USER));
    expect(outcome(replica.run(change))).toBe("done");
    expect(fromBinary(KeyRowSchema, replica.store.get(accessKeyKey("k"))!).inactive).toBe(true);
    await expectSound();
  });
});

describe("TrimOplog", () => {
  const trim = (below: bigint): CommandBody => ({
    case: "trimOplog",
    value: create(TrimOplogSchema, { belowSequence: below }),
  });

  test("removes what is below, never more than there is", async () => {
    replica.run(initCluster());
    addNode(replica, 2);
    for (const name of ["a", "b", "c"]) replica.run(createBucket(name));
    expect(outcome(replica.run(trim(3n)))).toBe("done");
    expect(replica.state.firstOplogSequence).toBe(3n);
    replica.run(trim(1n));
    expect(replica.state.firstOplogSequence).toBe(3n);
    replica.run(trim(100n));
    expect(replica.state.firstOplogSequence).toBe(4n);
    replica.run(createBucket("d"));
    await expectSound();
  });
});
