import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../../base/index.ts";
import {
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  MessageSchema,
  MessageType as WireType,
} from "../../gen/skerry/raft/v1/raft_pb.js";
import type { ConfChange, ConfState, Entry, Message, MessageType } from "../types.ts";
import { confChangeCodec } from "./conf-change-codec.ts";
import {
  decodeAcceptance,
  decodeFrame,
  encodeAcceptance,
  encodeAddress,
  encodeFrame,
  encodeStarts,
  framedSize,
} from "./frame-codec.ts";
import { decodeMessage, encodeMessage, isWireMessage } from "./message-codec.ts";
import { WireError } from "./wire.ts";

const WIRE_TYPES: readonly MessageType[] = [
  "MsgProp",
  "MsgApp",
  "MsgAppResp",
  "MsgVote",
  "MsgVoteResp",
  "MsgSnap",
  "MsgHeartbeat",
  "MsgHeartbeatResp",
  "MsgTransferLeader",
  "MsgTimeoutNow",
  "MsgReadIndex",
  "MsgReadIndexResp",
  "MsgPreVote",
  "MsgPreVoteResp",
];

const number = fc.oneof(
  fc.constantFrom(
    0,
    1,
    127,
    128,
    16_383,
    16_384,
    2 ** 28,
    2 ** 32,
    2 ** 35 - 1,
    2 ** 35,
    2 ** 42,
    2 ** 49,
    Number.MAX_SAFE_INTEGER,
  ),
  fc.maxSafeNat(),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const entry: fc.Arbitrary<Entry> = fc.record({
  term: number,
  index: number,
  type: fc.constantFrom("EntryNormal", "EntryConfChangeV2"),
  data: bytes,
  timeMs: number,
});
const ids = fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 4 });
const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});
const snapshotName = fc
  .string({ unit: "grapheme", maxLength: 20 })
  .map((text) => new TextEncoder().encode(text));
const message: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom(...WIRE_TYPES),
  to: number,
  from: number,
  term: number,
  logTerm: number,
  index: number,
  entries: fc.array(entry, { maxLength: 5 }),
  commit: number,
  vote: number,
  snapshot: fc.option(
    fc.record({ metadata: fc.record({ index: number, term: number, confState }), data: snapshotName }),
    { nil: undefined },
  ),
  reject: fc.boolean(),
  rejectHint: number,
  context: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined }),
  responses: fc.constant([]),
});

describe("messages", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(message, (original) => {
        expect(decodeMessage(encodeMessage(original))).toEqual(original);
      }),
    );
  });

  test("are, byte for byte, what the generated code writes", () => {
    fc.assert(
      fc.property(message, (original) => {
        const ours = encodeMessage(original);
        const wire = fromBinary(MessageSchema, ours);
        expect(wire.$unknown).toBeUndefined();
        expect([...toBinary(MessageSchema, wire)]).toEqual([...ours]);
      }),
    );
  });

  test("mean the same to the generated code", () => {
    fc.assert(
      fc.property(message, (original) => {
        const wire = fromBinary(MessageSchema, encodeMessage(original));
        expect(wire).toMatchObject({
          to: BigInt(original.to),
          from: BigInt(original.from),
          term: BigInt(original.term),
          logTerm: BigInt(original.logTerm),
          index: BigInt(original.index),
          commit: BigInt(original.commit),
          reject: original.reject,
          rejectHint: BigInt(original.rejectHint),
          vote: BigInt(original.vote),
        });
        expect(WireType[wire.type]?.replaceAll("_", "")).toBe(original.type.slice(3).toUpperCase());
        expect(wire.entries.map(({ data }) => [...data])).toEqual(
          original.entries.map(({ data }) => [...data]),
        );
        expect(wire.entries.map(({ timeMs }) => Number(timeMs))).toEqual(
          original.entries.map(({ timeMs }) => timeMs),
        );
        expect(wire.snapshot?.confState?.voters.map(Number)).toEqual(
          original.snapshot?.metadata.confState.voters.slice(),
        );
      }),
    );
  });

  test.each<MessageType>(["MsgHup", "MsgBeat", "MsgStorageAppend", "MsgUnreachable"])(
    "of type %s never leave",
    (type) => {
      expect(isWireMessage(type)).toBe(false);
      const [sample] = fc.sample(message, { numRuns: 1, seed: 1 });
      expect(() => encodeMessage({ ...(sample as Message), type })).toThrow(RangeError);
    },
  );

  test("of a type of a later version are nothing; entries of one are an error", () => {
    expect(decodeMessage(new Uint8Array([0x08, 99]))).toBeUndefined();
    // Field 7, an entry with type 9.
    expect(() => decodeMessage(new Uint8Array([0x08, 2, 0x3a, 2, 0x18, 9]))).toThrow(WireError);
  });

  test("with fields of a later version are read without them", () => {
    const extra = [
      0xa0, 0x06, 5, 0xa2, 0x06, 2, 1, 2, 0xa5, 0x06, 1, 2, 3, 4, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8,
    ];
    expect(decodeMessage(new Uint8Array([0x08, 7, ...extra, 0x10, 3]))).toMatchObject({
      type: "MsgHeartbeat",
      to: 3,
    });
  });

  test("of random bytes are read or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          decodeMessage(noise);
          decodeFrame(noise);
          decodeAcceptance(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("frames", () => {
  const address = {
    clusterId: "cluster-ä",
    groupId: 1,
    fromNodeId: 2,
    toNodeId: 300,
    fromIncarnation: "a",
    toIncarnation: "",
    fromHost: "node-ä",
    fromPort: 7401,
  };

  test("come back as they were, and are the generated code's", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), fc.boolean(), (messages, wantsSnapshot) => {
        const prefix = encodeAddress(address);
        const frame = encodeFrame(prefix, messages, wantsSnapshot);
        expect(decodeFrame(frame)).toEqual({ ...address, messages, wantsSnapshot, starts: [] });
        const wire = fromBinary(ExchangeRequestSchema, frame);
        // In another order: the fields of the address come first.
        const other = toBinary(ExchangeRequestSchema, wire);
        expect(decodeFrame(other)).toEqual({ ...address, messages, wantsSnapshot, starts: [] });
        expect(other.length).toBe(frame.length);
        const sizes = messages.reduce((sum, each) => sum + framedSize(each), 0);
        expect(frame.length).toBe(prefix.length + sizes + (wantsSnapshot ? 2 : 0));
      }),
    );
  });

  test("tell the starts of their sender, as the generated code does", () => {
    const starts = [
      { number: 1, nonce: 2 ** 53 - 1 },
      { number: 300, nonce: 0 },
    ];
    const frame = encodeFrame(concatBytes([encodeAddress(address), encodeStarts(starts)]), [], true);
    expect(decodeFrame(frame)).toEqual({ ...address, messages: [], wantsSnapshot: true, starts });
    const wire = fromBinary(ExchangeRequestSchema, frame);
    expect(wire.starts).toMatchObject(
      starts.map(({ number, nonce }) => ({ number: BigInt(number), nonce: BigInt(nonce) })),
    );
    expect(decodeFrame(toBinary(ExchangeRequestSchema, wire)).starts).toEqual(starts);
  });

  test("are answered with an incarnation", () => {
    const acceptance = encodeAcceptance("life-1");
    expect(decodeAcceptance(acceptance)).toBe("life-1");
    expect(fromBinary(ExchangeResponseSchema, acceptance).toIncarnation).toBe("life-1");
    expect(decodeAcceptance(encodeAcceptance(""))).toBe("");
  });
});

describe("configuration changes", () => {
  const change: fc.Arbitrary<ConfChange> = fc.record({
    transition: fc.constantFrom("Auto", "JointImplicit", "JointExplicit"),
    changes: fc.array(
      fc.record({
        type: fc.constantFrom("AddNode", "RemoveNode", "UpdateNode", "AddLearnerNode"),
        nodeId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      }),
      { maxLength: 4 },
    ),
    context: fc.option(fc.uint8Array({ minLength: 1, maxLength: 20 }), { nil: undefined }),
  });

  test("come back as they were", () => {
    fc.assert(
      fc.property(change, (original) => {
        expect(confChangeCodec.decode(confChangeCodec.encode(original))).toEqual(original);
      }),
    );
  });

  test.each([
    { what: "no protobuf", data: [0xff] },
    { what: "no transition", data: [0x12, 4, 0x08, 1, 0x10, 1] },
    { what: "unknown transition", data: [0x08, 9] },
    { what: "unknown change", data: [0x08, 1, 0x12, 4, 0x08, 9, 0x10, 1] },
    { what: "no node", data: [0x08, 1, 0x12, 2, 0x08, 1] },
  ])("that are none: $what", ({ data }) => {
    expect(confChangeCodec.decode(new Uint8Array(data))).toBeUndefined();
  });
});
