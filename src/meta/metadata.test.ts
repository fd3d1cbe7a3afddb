import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { CloseSessionsSchema, type Command, CommandSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { AppliedRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { APPLIED_KEY } from "./keys.ts";
import { MAX_COMMAND_BYTES, MAX_IN_FLIGHT_COMMANDS, RETRY_AFTER_MS, SESSION_IDLE_MS } from "./limits.ts";
import { commitObject, createBucket, id, initCluster } from "./testing/commands.ts";
import { encodeCommand, expectCase, outcome } from "./testing/harness.ts";
import { type MetaNode, MetaWorld } from "./testing/node.ts";

let world: MetaWorld;
let node: MetaNode;

beforeEach(async () => {
  world = new MetaWorld("metadata");
  node = await world.start("one");
  node.log.append(encodeCommand(initCluster()));
  node.log.append(encodeCommand(createBucket("bucket")));
});

const complete = <T>(promise: Promise<T>): Promise<T> => world.simulation.complete(promise);
const commands = (): Command[] => node.log.proposals.map((data) => fromBinary(CommandSchema, data));
const put = (number: number, options?: Parameters<MetaNode["metadata"]["submit"]>[1]) =>
  node.metadata.submit(
    commitObject(`key-${number}`, id(number), [], { preconditions: { ifNoneMatch: ["*"] } }),
    options,
  );

describe("submit", () => {
  test("opens one session for all and gives each its own result", async () => {
    const results = await complete(Promise.all(Array.from({ length: 50 }, (_, at) => put(at + 1))));
    for (const [at, result] of results.entries()) {
      expect(expectCase(result, "objectCommitted").versionId).toEqual(id(at + 1));
    }
    const sent = commands();
    expect(sent.filter(({ body }) => body.case === "openSession")).toHaveLength(1);
    expect(new Set(sent.map(({ sequence }) => sequence)).size).toBe(51);
    expect(node.metadata.view.bucket("bucket")?.objectCount).toBe(50n);
  });

  test("gives a refusal as a result", async () => {
    expect(outcome(await complete(node.metadata.submit(createBucket("bucket"))))).toBe("BUCKET_EXISTS");
  });

  test("tells the session what it need not remember", async () => {
    for (let number = 1; number <= 5; number++) await complete(put(number));
    expect(commands().at(-1)).toMatchObject({ sequence: 5n, acknowledgedBelow: 5n });
  });

  test("proposes a lost command again in the same place, and it is applied once", async () => {
    await complete(put(1));
    node.log.mode = "lose";
    const lost = put(2);
    await world.simulation.runFor(10);
    node.log.mode = "commit-twice";
    expect(outcome(await complete(lost))).toBe("objectCommitted");
    const places = commands().filter(
      ({ body }) => body.case === "commitObject" && body.value.key === "key-2",
    );
    expect(places.length).toBeGreaterThan(1);
    expect(new Set(places.map(({ sequence }) => sequence)).size).toBe(1);
    expect(node.metadata.view.bucket("bucket")?.objectCount).toBe(2n);
  });

  test("proposes at once again when the leader changes", async () => {
    await complete(put(1));
    node.log.mode = "lose";
    const lost = put(2);
    node.log.mode = "commit";
    const before = world.simulation.nowMs;
    node.log.announce({ leader: 2, term: 7 });
    await complete(lost);
    expect(world.simulation.nowMs - before).toBeLessThan(RETRY_AFTER_MS);
  });

  test("answers once when the first copy comes late", async () => {
    await complete(put(1));
    node.log.mode = "hold";
    const slow = put(2);
    await world.simulation.runFor(RETRY_AFTER_MS * 2.5);
    node.log.mode = "commit";
    node.log.release();
    expect(outcome(await complete(slow))).toBe("objectCommitted");
    await world.simulation.runFor(100);
    expect(node.metadata.view.bucket("bucket")?.objectCount).toBe(2n);
  });

  test.each([
    ["was never taken", "refuse", "unavailable"],
    ["may have been lost", "lose", "outcome-unknown"],
  ] as const)("a command that %s ends at its deadline", async (_, mode, code) => {
    await complete(put(1));
    node.log.mode = mode;
    await expect(complete(put(2, { timeoutMs: 500 }))).rejects.toMatchObject({ name: "MetaError", code });
  });

  test("without a session nothing was proposed: unavailable", async () => {
    node.log.mode = "lose";
    await expect(complete(put(1, { timeoutMs: 500 }))).rejects.toMatchObject({ code: "unavailable" });
    node.log.mode = "commit";
    expect(outcome(await complete(put(2)))).toBe("objectCommitted");
  });

  test("refuses more than may be in flight, and takes more when there is room", async () => {
    await complete(put(1));
    node.log.mode = "hold";
    const many = Array.from({ length: MAX_IN_FLIGHT_COMMANDS }, (_, at) => put(at + 2));
    await expect(put(9_999)).rejects.toMatchObject({ code: "overloaded" });
    node.log.mode = "commit";
    node.log.release();
    await complete(Promise.all(many));
    expect(outcome(await complete(put(9_999)))).toBe("objectCommitted");
  });

  test("refuses more than the session can remember behind a command that nothing comes of", async () => {
    await complete(put(1));
    node.log.mode = "lose";
    const stuck = put(2);
    node.log.mode = "commit";
    const results = [];
    for (let batch = 0; batch < 3; batch++) {
      const commands = Array.from({ length: 1_365 }, (_, at) => put(10 + batch * 1_365 + at));
      results.push(...(await complete(Promise.all(commands))));
    }
    expect(new Set(results.map(outcome))).toEqual(new Set(["objectCommitted"]));
    await expect(put(9_999)).rejects.toMatchObject({ code: "overloaded" });
    expect(outcome(await complete(stuck))).toBe("objectCommitted");
    expect(outcome(await complete(put(9_999)))).toBe("objectCommitted");
  });

  test("refuses a command that is too large, without proposing it", async () => {
    await complete(put(1));
    const before = node.log.proposals.length;
    const huge = commitObject("huge", id(2), [], { etag: "x".repeat(MAX_COMMAND_BYTES) });
    expect(outcome(await complete(node.metadata.submit(huge)))).toBe("TOO_LARGE");
    expect(node.log.proposals.length).toBe(before);
  });

  test("can be given up by the caller", async () => {
    await complete(put(1));
    node.log.mode = "lose";
    const controller = new AbortController();
    const given = put(2, { signal: controller.signal });
    controller.abort(new Error("gone"));
    await expect(given).rejects.toMatchObject({ code: "outcome-unknown" });
    await expect(put(3, { signal: controller.signal })).rejects.toThrow("gone");
  });

  test("goes on in a new session when the old one was closed, and applies once", async () => {
    await complete(put(1));
    node.log.timeMs += SESSION_IDLE_MS;
    const value = create(CloseSessionsSchema, { sessionIds: [1n] });
    node.log.append(encodeCommand({ case: "closeSessions", value }));
    const results = await complete(Promise.all([put(2), put(3), put(4)]));
    expect(results.map(outcome)).toEqual(["objectCommitted", "objectCommitted", "objectCommitted"]);
    expect(node.metadata.view.bucket("bucket")?.objectCount).toBe(4n);
    expect(commands().filter(({ body }) => body.case === "openSession")).toHaveLength(2);
  });

  test("does not know of a command that may lie under a snapshot, and whose session is gone", async () => {
    // The state jumps: what it holds then is what it was, at a later index.
    const jumping = await world.start("two", {
      snapshots: ({ live }) => ({
        install: async (mark) => {
          const row = fromBinary(AppliedRowSchema, live.get(APPLIED_KEY)!);
          const value = toBinary(AppliedRowSchema, { ...row, index: BigInt(mark.index) });
          await live.write([{ kind: "put", key: APPLIED_KEY, value }]);
        },
      }),
    });
    const { log, machine, metadata } = jumping;
    log.append(encodeCommand(initCluster()));
    log.append(encodeCommand(createBucket("bucket")));
    await complete(metadata.submit(createBucket("first")));
    log.mode = "lose";
    const before = metadata.submit(createBucket("before"));
    log.entries.push({ ...log.entries[0]!, index: log.entries.length + 1 });
    await complete(machine.installSnapshot({ ...(await machine.restored()), index: log.entries.length }));
    const after = metadata.submit(createBucket("after"));
    log.timeMs += SESSION_IDLE_MS;
    const value = create(CloseSessionsSchema, { sessionIds: [1n] });
    log.append(encodeCommand({ case: "closeSessions", value }));
    log.mode = "commit";
    await expect(complete(before)).rejects.toMatchObject({ code: "outcome-unknown" });
    expect(outcome(await complete(after))).toBe("bucketCreated");
  });

  test("ends when the node stops", async () => {
    await complete(put(1));
    node.log.mode = "lose";
    const pending = put(2);
    node.metadata.close();
    await expect(pending).rejects.toMatchObject({ code: "outcome-unknown" });
    await expect(put(3)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("a process that starts again is not answered with what an earlier one asked", async () => {
    await complete(put(1));
    node.log.mode = "hold";
    const lost = put(2);
    lost.catch(() => {});
    world.machine("one").kill();
    // The held command is committed after the restart, when the new process has a command of the same sequence in flight.
    const again = await world.start("one", { log: node.log });
    node.log.mode = "commit";
    const first = again.metadata.submit(createBucket("another"));
    node.log.release();
    expect(outcome(await complete(first))).toBe("bucketCreated");
  });
});

describe("barrier", () => {
  test("waits until what it was told is applied", async () => {
    await complete(node.machine.waitForApplied(2));
    node.log.heldReads = [];
    const passed = node.metadata.barrier();
    await world.simulation.runFor(1);
    node.log.heldReads[0]?.resolve(3);
    let isPassed = false;
    void passed.then(() => {
      isPassed = true;
    });
    await world.simulation.runFor(10);
    expect(isPassed).toBe(false);
    node.log.append(encodeCommand(createBucket("third")));
    await complete(passed);
    expect(node.metadata.view.bucket("third")).toBeDefined();
  });

  test("asks nobody where the index is known and applied", async () => {
    await complete(node.machine.waitForApplied(2));
    node.log.indexNow = 2;
    await complete(node.metadata.barrier());
    expect(node.log.readIndexCalls).toBe(0);
    node.log.indexNow = 3;
    const passed = node.metadata.barrier();
    await world.simulation.runFor(1);
    expect(node.log.readIndexCalls).toBe(1);
    await complete(passed);
  });

  test("is shared by the callers of one turn", async () => {
    await complete(Promise.all(Array.from({ length: 100 }, () => node.metadata.barrier())));
    expect(node.log.readIndexCalls).toBe(1);
  });

  test("never joins a round that is under way", async () => {
    node.log.heldReads = [];
    const first = node.metadata.barrier();
    await world.simulation.runFor(1);
    const second = node.metadata.barrier();
    await world.simulation.runFor(1);
    expect(node.log.heldReads).toHaveLength(2);
    node.log.heldReads[1]?.resolve(1);
    await complete(second);
    node.log.heldReads[0]?.resolve(1);
    await complete(first);
  });

  test("has a few rounds under way; later callers share the next one", async () => {
    node.log.heldReads = [];
    const all: Promise<void>[] = [];
    for (let turn = 0; turn < 20; turn++) {
      all.push(node.metadata.barrier());
      await world.simulation.runFor(1);
    }
    expect(node.log.heldReads).toHaveLength(4);
    for (const read of node.log.heldReads) read.resolve(1);
    await world.simulation.runFor(1);
    expect(node.log.heldReads).toHaveLength(5);
    node.log.heldReads[4]?.resolve(1);
    await complete(Promise.all(all));
  });

  test.each([
    ["no quorum answers", () => node.log.heldReads?.[0]?.reject(new Error("no quorum"))],
    ["nothing comes", () => {}],
    ["the index is not applied in time", () => node.log.heldReads?.[0]?.resolve(99)],
  ])("is unavailable when %s", async (_, act) => {
    node.log.heldReads = [];
    const refused = expect(complete(node.metadata.barrier({ timeoutMs: 300 }))).rejects.toMatchObject({
      code: "unavailable",
    });
    queueMicrotask(() => queueMicrotask(act));
    await refused;
    node.log.heldReads = undefined;
    await complete(node.metadata.barrier());
  });
});
