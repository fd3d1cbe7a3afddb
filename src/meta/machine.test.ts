import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { SetNodeStateSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { RaftGroup, StateMachine } from "../raft/ports.ts";
import { checkInvariants } from "./invariants/index.ts";
import type { AppliedChange, CommittedEntry, ConfigurationState, ProposalLog } from "./ports.ts";
import { commitObject, createBucket, id, initCluster, inlineBlob, readyReplica } from "./testing/commands.ts";
import { FakeLog } from "./testing/fake-log.ts";
import { encodeCommand, Replica } from "./testing/harness.ts";
import { type MetaNode, MetaWorld } from "./testing/node.ts";

const CONFIGURATION: ConfigurationState = {
  voters: [1, 2, 3],
  learners: [4],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

let world: MetaWorld;
let node: MetaNode;

beforeEach(async () => {
  world = new MetaWorld("machine");
  node = await world.start("one");
});

/** A log with a cluster, a bucket and `objects` objects. */
function append(log: FakeLog, objects: number): void {
  log.append(encodeCommand(initCluster()));
  log.append(encodeCommand(createBucket("bucket")));
  for (let number = 1; number <= objects; number++) {
    log.append(
      encodeCommand(commitObject(`key-${number}`, id(number), [inlineBlob(id(1_000 + number), 10)])),
    );
  }
}

const settle = (index: number, machine = node.machine) =>
  world.simulation.complete(machine.waitForApplied(index));

test("has the shape of Raft's state machine", () => {
  const machine: StateMachine = node.machine;
  expect(machine).toBe(node.machine);
  // And its group is the log that commands go into: this line compiles.
  const asLog = (group: RaftGroup): ProposalLog => group;
  expect(asLog).toBeTypeOf("function");
});

describe("apply", () => {
  test("shows what it applied, and says what changed", async () => {
    const changes: AppliedChange[] = [];
    node.machine.onChange((change) => changes.push(change));
    append(node.log, 3);
    await settle(5);
    expect(node.machine.view.appliedIndex()).toBe(5);
    expect(node.machine.view.bucket("bucket")).toMatchObject({ objectCount: 3n });
    expect(node.machine.view.object(1n, "key-2")?.versionId).toEqual(id(2));
    expect(changes.at(-1)).toMatchObject({
      appliedIndex: 5,
      oplogSequence: 4n,
      keys: false,
      unlinkOrders: false,
    });
    expect(changes.some(({ cluster }) => cluster)).toBe(true);
  });

  test("a command sees the configuration of its index, however the log is cut into batches", async () => {
    const { log } = readyReplica(new Replica());
    const last = log.at(-1)!;
    const remove = (nodeId: number) =>
      encodeCommand({
        case: "setNodeState",
        value: create(SetNodeStateSchema, {
          nodeId: BigInt(nodeId),
          incarnation: `incarnation-${nodeId}`,
          expectedState: NodeState.ACTIVE,
          state: NodeState.REMOVED,
          force: true,
        }),
      });
    const entries: CommittedEntry[] = [
      { ...last, index: last.index + 1, type: "EntryConfChangeV2", data: new Uint8Array(0) },
      { ...last, index: last.index + 2, data: remove(3) },
      // Refused: node 3 is still a voter.
      { ...last, index: last.index + 3, data: remove(4) },
    ];
    const outcomes = [];
    for (const cut of [1, 3]) {
      const each = await world.start(`cut-${cut}`);
      await world.simulation.complete(each.machine.apply(log));
      each.machine.configurationChanged(last.index + 1, CONFIGURATION);
      for (let at = 0; at < entries.length; at += cut)
        await world.simulation.complete(each.machine.apply(entries.slice(at, at + cut)));
      const nodes = await world.simulation.complete(each.machine.view.nodes());
      outcomes.push(nodes.map(({ state }) => NodeState[state]));
    }
    expect(outcomes).toEqual(Array(2).fill(["ACTIVE", "ACTIVE", "REMOVED", "ACTIVE"]));
  });

  test("publishes an index only when the store has it", async () => {
    let published = 0;
    append(node.log, 0);
    await settle(2);
    node.machine.onChange(({ appliedIndex }) => {
      published = appliedIndex;
      expect(node.machine.view.object(1n, `key-${appliedIndex - 2}`)).toBeDefined();
    });
    for (let number = 1; number <= 5; number++) {
      node.log.append(encodeCommand(commitObject(`key-${number}`, id(number))));
      await settle(2 + number);
    }
    expect(published).toBe(7);
  });

  test("a blob id is used once: in one batch, in another, and after a restart, for lower ids as for higher ones", async () => {
    const put = (key: string, version: number, blob: number) =>
      encodeCommand(commitObject(key, id(version), [inlineBlob(id(blob), 10)]));
    append(node.log, 3);
    node.log.append(put("lower", 10, 900));
    node.log.append(put("again in the batch", 11, 900));
    await settle(7);
    node.log.append(put("again in the next", 12, 1_002));
    await settle(8);
    world.machine("one").crash("keep");
    const again = await world.start("one", { log: node.log });
    for (const [key, version, blob] of [
      ["once more, lower", 13, 900],
      ["once more, the greatest", 14, 1_003],
      ["new, lower", 15, 901],
      ["new, greater", 16, 1_004],
    ] as const)
      node.log.append(put(key, version, blob));
    await settle(12, again.machine);
    const isThere = (key: string): boolean => again.machine.view.object(1n, key) !== undefined;
    expect(["lower", "new, lower", "new, greater"].filter(isThere)).toHaveLength(3);
    expect(again.machine.view.bucket("bucket")?.objectCount).toBe(6n);
  });

  test("passes over entries that the store has already", async () => {
    append(node.log, 3);
    await settle(5);
    await world.simulation.complete(node.machine.apply(node.log.entries));
    expect(node.machine.view.appliedIndex()).toBe(5);
    expect(node.machine.view.bucket("bucket")?.objectCount).toBe(3n);
  });

  test("cuts a long run of entries into batches", async () => {
    let batches = 0;
    node.machine.onChange(() => batches++);
    const log = new FakeLog();
    append(log, 1_200);
    await world.simulation.complete(node.machine.apply(log.entries));
    expect(node.machine.view.appliedIndex()).toBe(1_202);
    expect(batches).toBe(3);
    expect(node.machine.stateHashes().map(({ index }) => index)).toEqual([1_024]);
  });

  test("wakes those who wait, and those who give up", async () => {
    const controller = new AbortController();
    const given = expect(node.machine.waitForApplied(99, controller.signal)).rejects.toThrow("enough");
    controller.abort(new Error("enough"));
    await given;
    const waiting = node.machine.waitForApplied(2);
    append(node.log, 0);
    await world.simulation.complete(waiting);
  });
});

describe("the configuration", () => {
  test.each(["before", "after"])("given %s its entry is applied is kept with the index", async (when) => {
    node.log.append(new Uint8Array([1]), "EntryConfChangeV2");
    if (when === "before") node.machine.configurationChanged(1, CONFIGURATION);
    await settle(1);
    if (when === "after") node.machine.configurationChanged(1, CONFIGURATION);
    expect(await node.machine.restored()).toEqual({
      index: 1,
      term: 1,
      confState: CONFIGURATION,
      isInstalled: false,
      timeMs: node.log.timeMs,
    });
    await world.simulation.complete(node.machine.checkpoint());
    world.machine("one").crash("drop");
    const again = await world.start("one");
    expect(await again.machine.restored()).toEqual({
      index: 1,
      term: 1,
      confState: CONFIGURATION,
      isInstalled: false,
      timeMs: node.log.timeMs,
    });
  });

  test("of an entry that is not applied yet waits for it", async () => {
    node.machine.configurationChanged(2, CONFIGURATION);
    node.log.append(new Uint8Array(0));
    await settle(1);
    expect((await node.machine.restored()).confState.voters).toEqual([]);
    node.log.append(new Uint8Array([1]), "EntryConfChangeV2");
    await settle(2);
    expect((await node.machine.restored()).confState.voters).toEqual([1, 2, 3]);
  });
});

describe("a restart", () => {
  test("goes on behind what the store has; a checkpoint is never lost", async () => {
    append(node.log, 20);
    await settle(10);
    const checkpoint = await world.simulation.complete(node.machine.checkpoint());
    await settle(22);
    const hash = node.directory.live.get("0000a");
    world.machine("one").crash("random");
    const again = await world.start("one");
    const { index } = await again.machine.restored();
    expect(index).toBeGreaterThanOrEqual(checkpoint);
    await world.simulation.complete(again.machine.apply(node.log.entries.slice(index)));
    expect(again.directory.live.get("0000a")).toEqual(hash);
  });

  test.each(Array.from({ length: 12 }, (_, at) => at))(
    "at any moment, with the log replayed, gives the same state (%i)",
    async (number) => {
      const log = new FakeLog();
      append(log, 60);
      const reference = await world.start("reference");
      await world.simulation.complete(reference.machine.apply(log.entries));
      const expected = reference.directory.live.get("0000a");
      const prng = world.simulation.prng.fork(`restart-${number}`);
      let running = node;
      for (let crashes = 0; crashes < 4; crashes++) {
        const { index } = await running.machine.restored();
        const end = Math.min(log.entries.length, index + prng.between(1, 40));
        const applying = running.machine.apply(log.entries.slice(index, end));
        applying.catch(() => {});
        if (prng.chance(0.5)) running.machine.checkpoint().catch(() => {});
        await world.simulation.runFor(prng.below(20) / 10);
        world.machine("one").crash(prng.pick(["keep", "drop", "random"]));
        running = await world.start("one");
      }
      const { index } = await running.machine.restored();
      await world.simulation.complete(running.machine.apply(log.entries.slice(index)));
      expect(running.directory.live.get("0000a")).toEqual(expected);
      const snapshot = running.directory.live.snapshot();
      expect(await world.simulation.complete(checkInvariants(snapshot))).toEqual([]);
      await snapshot.close();
    },
  );
});
