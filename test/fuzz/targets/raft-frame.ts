import { fromBinary } from "@bufbuild/protobuf";
import { ExchangeRequestSchema } from "../../../src/gen/skerry/raft/v1/raft_pb.js";
import { confChangeCodec } from "../../../src/raft/transport/conf-change-codec.ts";
import {
  decodeAcceptance,
  decodeFrame,
  encodeAcceptance,
  encodeAddress,
  encodeFrame,
} from "../../../src/raft/transport/frame-codec.ts";
import { WireError } from "../../../src/raft/transport/wire.ts";
import type { Message } from "../../../src/raft/types.ts";
import { type FuzzTarget, refusable, same } from "../target.ts";

const MESSAGE: Message = {
  type: "MsgApp",
  to: 2,
  from: 1,
  term: 5,
  logTerm: 4,
  index: 9,
  entries: [{ index: 10, term: 5, type: "EntryNormal", data: Uint8Array.of(1, 2), timeMs: 12_345 }],
  commit: 8,
  vote: 0,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: Uint8Array.of(7),
  responses: [],
};
const ADDRESS = {
  clusterId: "c",
  groupId: 1,
  fromNodeId: 1,
  toNodeId: 2,
  fromIncarnation: "life-1",
  toIncarnation: "life-2",
  fromHost: "node-1",
  fromPort: 7401,
};
const CONF_STATE = {
  voters: [1, 2, 3],
  learners: [4],
  votersOutgoing: [1],
  learnersNext: [],
  autoLeave: true,
};

/** Frames between Raft peers: read twice the same, and nothing that the generated code refuses, but numbers above 2^53. */
export const raftFrame: FuzzTarget = {
  name: "raft-frame",
  maxBytes: 2048,
  seeds: () => [
    encodeFrame(encodeAddress(ADDRESS), [MESSAGE, { ...MESSAGE, type: "MsgHeartbeat", entries: [] }], true),
    encodeFrame(
      encodeAddress(ADDRESS),
      [
        {
          ...MESSAGE,
          type: "MsgSnap",
          snapshot: { metadata: { index: 9, term: 4, confState: CONF_STATE }, data: new Uint8Array(3) },
        },
      ],
      false,
    ),
    encodeAcceptance("life-2"),
  ],
  property: (input) => {
    const acceptance = refusable([WireError], () => decodeAcceptance(input));
    const change = confChangeCodec.decode(input);
    if (change !== undefined) {
      same(confChangeCodec.decode(confChangeCodec.encode(change)), change, "a configuration change");
    }
    const frame = refusable([WireError], () => decodeFrame(input));
    if (frame.kind === "refused") return `${frame.label}, ${acceptance.kind}`;
    const { messages, wantsSnapshot } = frame.value;
    const again = decodeFrame(encodeFrame(encodeAddress(frame.value), messages, wantsSnapshot));
    same(again, frame.value, "a frame that was written again");
    const generated = refusable([Error], () => fromBinary(ExchangeRequestSchema, input));
    return `${messages
      .map(({ type }) => type)
      .slice(0, 3)
      .join(" ")}, ${generated.kind}, ${acceptance.kind}`;
  },
};
