import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { CloseSessionsSchema, CommandSchema, OpenSessionSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { AppliedRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { applyEntry } from "./apply.ts";
import { ApplyState } from "./apply-state.ts";
import { APPLIED_KEY, nodeSessionsKey, oplogKey, sessionKey } from "./keys.ts";
import { MAX_OPLOG_ROWS, SESSION_IDLE_MS } from "./limits.ts";
import type { CommandBody } from "./ports.ts";
import { commitObject, createBucket, id, initCluster, inlineBlob, readyReplica } from "./testing/commands.ts";
import { encodeCommand, expectCase, outcome, Replica, testHasher } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";

let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
});

const openSession = (nodeId = 1n): CommandBody => ({
  case: "openSession",
  value: create(OpenSessionSchema, { nodeId }),
});
const open = (nodeId = 1n): bigint => expectCase(replica.run(openSession(nodeId)), "sessionOpened").sessionId;

describe("entries", () => {
  test("without a command change nothing but where the state stands", async () => {
    const rows = replica.store.all();
    const before = replica.state.stateHash;
    replica.stage({ data: new Uint8Array(0) });
    replica.stage({ data: new Uint8Array([1, 2, 3]), type: "EntryConfChangeV2" });
    replica.flush();
    expect(replica.state.stateHash).not.toEqual(before);
    const changed = replica.store.all().filter((row, at) => row.value !== rows[at]?.value);
    expect(changed.map(({ key }) => key)).toEqual(["0000a"]);
  });

  test("are applied one after the other", () => {
    const entry = { index: 99, term: 1, type: "EntryNormal" as const, timeMs: 1, data: new Uint8Array(0) };
    expect(() => applyEntry(replica.state, entry)).toThrow("one after the other");
  });

  test("need a time", () => {
    replica.timeMs = Number.NaN;
    expect(() => replica.stage({ data: new Uint8Array(0) })).toThrow("a number of milliseconds");
  });

  test("never take time back", () => {
    replica.timeMs = 9_000_000;
    replica.run(createBucket("x"));
    replica.timeMs = 10;
    const { modifiedAtMs } = expectCase(replica.run(commitObject("a", id(1))), "objectCommitted");
    expect(modifiedAtMs).toBe(9_000_000n);
  });

  test.each([
    ["that cannot be parsed", new Uint8Array([0xff, 0xff])],
    [
      "of an unknown version",
      toBinary(CommandSchema, create(CommandSchema, { version: 2, body: initCluster() })),
    ],
    ["without a body", toBinary(CommandSchema, create(CommandSchema, { version: 1 }))],
    ["with a field that is not known", Uint8Array.of(...encodeCommand(openSession()), 0xf8, 0x3e, 1)],
  ])("with a command %s stop the node", (_, data) => {
    expect(() => replica.stage({ data })).toThrow();
  });
});

describe("a session", () => {
  test("applies a retried command once and gives the same result again", async () => {
    const session = { sessionId: open(), sequence: 1 };
    const command = commitObject("a", id(1), [inlineBlob(id(101), 5)], {
      preconditions: { ifNoneMatch: ["*"] },
    });
    const first = replica.run(command, { session });
    expect(outcome(first)).toBe("objectCommitted");
    replica.timeMs += 1_000;
    expect(replica.run(command, { session })).toEqual(first);
    // Also in one batch, and after a restart.
    replica.stage({ data: encodeCommand(command, { session }) });
    expect(replica.stage({ data: encodeCommand(command, { session }) })).toEqual(first);
    replica.flush();
    replica.restart();
    expect(replica.run(command, { session })).toEqual(first);
    expect(await replica.violations()).toEqual([]);
  });

  test("gives a refusal again, too", () => {
    const session = { sessionId: open(), sequence: 1 };
    const command = createBucket("bucket");
    expect(outcome(replica.run(command, { session }))).toBe("BUCKET_EXISTS");
    expect(outcome(replica.run(command, { session }))).toBe("BUCKET_EXISTS");
  });

  test("forgets what is acknowledged, and never applies it again", () => {
    const sessionId = open();
    replica.run(createBucket("one"), { session: { sessionId, sequence: 1 } });
    replica.run(createBucket("two"), { session: { sessionId, sequence: 2, acknowledgedBelow: 2 } });
    const late = replica.run(createBucket("three"), { session: { sessionId, sequence: 1 } });
    expect(late.result.value).toMatchObject({ detail: "the sequence was acknowledged" });
    expect(outcome(replica.run(createBucket("three")))).toBe("bucketCreated");
  });

  test("takes sequences in any order within its window", () => {
    const sessionId = open();
    const run = (sequence: number) =>
      outcome(replica.run(createBucket(`b${sequence}`), { session: { sessionId, sequence } }));
    expect(run(4_095)).toBe("bucketCreated");
    expect(run(3)).toBe("bucketCreated");
    expect(run(4_096)).toBe("INVALID");
    expect(
      outcome(
        replica.run(createBucket("b4096"), { session: { sessionId, sequence: 4_096, acknowledgedBelow: 1 } }),
      ),
    ).toBe("bucketCreated");
  });

  test("that is not known refuses everything", () => {
    expect(outcome(replica.run(createBucket("x"), { session: { sessionId: 99n, sequence: 1 } }))).toBe(
      "SESSION_UNKNOWN",
    );
  });

  test("is closed when it has been idle for long enough", async () => {
    const [idle, busy] = [open(), open()];
    replica.timeMs += SESSION_IDLE_MS - 1;
    replica.run(createBucket("x"), { session: { sessionId: busy, sequence: 1 } });
    const close: CommandBody = {
      case: "closeSessions",
      value: create(CloseSessionsSchema, { sessionIds: [idle, busy, 1_000n] }),
    };
    replica.run(close);
    expect(replica.store.get(sessionKey(idle))).toBeDefined();
    replica.timeMs += 1;
    replica.run(close);
    expect(replica.store.get(sessionKey(idle))).toBeUndefined();
    expect(replica.store.get(sessionKey(busy))).toBeDefined();
    expect(outcome(replica.run(createBucket("y"), { session: { sessionId: idle, sequence: 1 } }))).toBe(
      "SESSION_UNKNOWN",
    );
    expect(await replica.violations()).toEqual([]);
  });

  test("pushes its node's oldest out beyond four", async () => {
    const sessions = Array.from({ length: 5 }, () => open(7n));
    const other = open(8n);
    expect(replica.store.get(sessionKey(sessions[0]!))).toBeUndefined();
    for (const sessionId of [...sessions.slice(1), other])
      expect(replica.store.get(sessionKey(sessionId))).toBeDefined();
    expect(await replica.violations()).toEqual([]);
    replica.timeMs += SESSION_IDLE_MS;
    replica.run({ case: "closeSessions", value: create(CloseSessionsSchema, { sessionIds: sessions }) });
    expect(replica.store.get(nodeSessionsKey(7n))).toBeUndefined();
    expect(await replica.violations()).toEqual([]);
  });

  test("may be closed by its own command", async () => {
    const sessions = Array.from({ length: 4 }, () => open(7n));
    const session = { sessionId: sessions[0]!, sequence: 1 };
    expect(outcome(replica.run(openSession(7n), { session }))).toBe("sessionOpened");
    expect(outcome(replica.run(createBucket("x"), { session }))).toBe("SESSION_UNKNOWN");
    expect(await replica.violations()).toEqual([]);
  });

  test("is written once for a batch", () => {
    const sessionId = open();
    for (let sequence = 1; sequence <= 3; sequence++) {
      replica.stage({
        data: encodeCommand(createBucket(`b${sequence}`), { session: { sessionId, sequence } }),
      });
    }
    const keys = replica.state.takeBatch().changes.map(({ key }) => key);
    expect(keys.filter((key) => key === sessionKey(sessionId))).toHaveLength(1);
  });
});

test("a full oplog loses its oldest row with every new one", () => {
  const full = create(AppliedRowSchema, {
    ...fromBinary(AppliedRowSchema, replica.store.get(APPLIED_KEY)!),
    nextOplogSequence: MAX_OPLOG_ROWS + 1n,
  });
  replica.store.applyNow([{ kind: "put", key: APPLIED_KEY, value: toBinary(AppliedRowSchema, full) }]);
  replica.restart();
  expect(replica.store.get(oplogKey(1n))).toBeDefined();
  replica.run(createBucket("one-more"));
  expect(replica.state.firstOplogSequence).toBe(2n);
  expect(replica.store.get(oplogKey(1n))).toBeUndefined();
});

describe("the state hash", () => {
  test("differs when an effect differs", () => {
    const other = readyReplica(new Replica());
    expect(other.state.stateHash).toEqual(replica.state.stateHash);
    replica.run(commitObject("a", id(1)));
    other.run(commitObject("a", id(2)));
    expect(other.state.stateHash).not.toEqual(replica.state.stateHash);
  });

  test("is kept at the last multiples of 1,024", () => {
    const state = new ApplyState(new MemoryStore(), testHasher);
    for (let index = 1; index <= 1_024 * 20; index++) {
      applyEntry(state, { index, term: 1, type: "EntryNormal", timeMs: 1, data: new Uint8Array(0) });
    }
    const hashes = state.stateHashes();
    expect(hashes.map(({ index }) => index)).toEqual(Array.from({ length: 16 }, (_, at) => (at + 5) * 1_024));
    expect(hashes.at(-1)?.hash).toEqual(state.stateHash);
  });
});
