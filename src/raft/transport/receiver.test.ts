import { describe, expect, test } from "vitest";
import type { Message } from "../types.ts";
import type { Frame } from "./frame-codec.ts";
import { refusalOf } from "./receiver.ts";

const PEER = { clusterId: "cluster-a", nodeId: 2 };
const HERE = {
  clusterId: "cluster-a",
  groupId: 1,
  nodeId: 3,
  incarnation: "three",
  incarnationOf: (nodeId: number) => (nodeId === 2 ? "two" : undefined),
  isRefused: (nodeId: number) => nodeId === 9,
};

function messageOf(fields: Partial<Message>): Message {
  return {
    type: "MsgHeartbeat",
    to: 3,
    from: 2,
    term: 1,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses: [],
    ...fields,
  };
}

const FRAME: Frame = {
  clusterId: "cluster-a",
  groupId: 1,
  fromNodeId: 2,
  toNodeId: 3,
  fromIncarnation: "two",
  toIncarnation: "three",
  fromHost: "node-2",
  fromPort: 7401,
  messages: [messageOf({})],
  wantsSnapshot: false,
  starts: [],
};

describe("a frame", () => {
  test.each<{ what: string; frame: Partial<Frame> }>([
    { what: "as it should be", frame: {} },
    { what: "from who does not know this incarnation yet", frame: { toIncarnation: "" } },
    {
      what: "with the proposal of another node",
      frame: { messages: [messageOf({ type: "MsgProp", from: 1 })] },
    },
    {
      what: "with the read of another node",
      frame: { messages: [messageOf({ type: "MsgReadIndex", from: 1 })] },
    },
    {
      what: "with a transfer, which names its target",
      frame: { messages: [messageOf({ type: "MsgTransferLeader", from: 3 })] },
    },
  ])("$what is taken", ({ frame }) => {
    expect(refusalOf({ ...FRAME, ...frame }, PEER, HERE)).toBeUndefined();
  });

  test.each<{ what: string; frame: Partial<Frame>; code: string }>([
    { what: "of another cluster", frame: { clusterId: "cluster-b" }, code: "permission_denied" },
    { what: "of another group", frame: { groupId: 2 }, code: "not_found" },
    { what: "from another node than its certificate", frame: { fromNodeId: 1 }, code: "permission_denied" },
    { what: "to another node", frame: { toNodeId: 4 }, code: "failed_precondition" },
    { what: "to an earlier life of this node", frame: { toIncarnation: "old" }, code: "failed_precondition" },
    { what: "from another life of the sender", frame: { fromIncarnation: "old" }, code: "permission_denied" },
    {
      what: "with a vote of another node",
      frame: { messages: [messageOf({ type: "MsgVoteResp", from: 1 })] },
      code: "invalid_argument",
    },
    {
      what: "with a snapshot without its bytes",
      frame: { messages: [messageOf({ type: "MsgSnap" })] },
      code: "invalid_argument",
    },
    {
      what: "with entries for another node",
      frame: { messages: [messageOf({ type: "MsgApp", to: 4 })] },
      code: "invalid_argument",
    },
  ])("$what is refused", ({ frame, code }) => {
    expect(refusalOf({ ...FRAME, ...frame }, PEER, HERE)).toMatchObject({ code });
  });

  test("from a node that was removed is refused, although its certificate is good and nobody knows it as a peer", () => {
    const removed = { ...FRAME, fromNodeId: 9, fromIncarnation: "nine" };
    const refusal = refusalOf(removed, { clusterId: "cluster-a", nodeId: 9 }, HERE);
    expect(refusal).toEqual({
      code: "permission_denied",
      message: "the sender was removed from the cluster",
    });
  });

  test("without a certificate is refused", () => {
    expect(refusalOf(FRAME, undefined, HERE)).toMatchObject({ code: "unauthenticated" });
  });

  test("from a node of the certificate's cluster that is not ours is refused", () => {
    expect(refusalOf(FRAME, { clusterId: "cluster-b", nodeId: 2 }, HERE)).toMatchObject({
      code: "permission_denied",
    });
  });
});
