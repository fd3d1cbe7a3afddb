import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { concatBytes, Deferred } from "../../base/index.ts";
import {
  type SendRequest,
  SendRequestSchema,
  SendResponseSchema,
} from "../../gen/skerry/meta/v1/snapshot_pb.js";
import { MessageSchema } from "../../gen/skerry/raft/v1/raft_pb.js";
import type { StreamError } from "../../platform/index.ts";
import { checkInvariants } from "../invariants/index.ts";
import type { SnapshotMark } from "../ports.ts";
import { commitObject, createBucket, id, initCluster, inlineBlob } from "../testing/commands.ts";
import { FakeLog } from "../testing/fake-log.ts";
import { encodeCommand, outcome } from "../testing/harness.ts";
import { type MetaNode, MetaWorld, STATE_PATH } from "../testing/node.ts";
import { startReader } from "../testing/reader-thread.ts";
import { connectTo, type StreamEnd } from "../testing/stream-pair.ts";
import { SnapshotReceiver } from "./receiver.ts";
import { SnapshotSender } from "./sender.ts";

const OBJECTS = 120;

let world: MetaWorld;
let leader: MetaNode;
let follower: MetaNode;

const complete = <T>(promise: Promise<T>): Promise<T> => world.simulation.complete(promise, 3_600_000);

beforeEach(async () => {
  world = new MetaWorld("snapshot");
  leader = await world.start("leader", { nodeId: 1 });
  follower = await world.start("follower", { nodeId: 2 });
  leader.log.append(encodeCommand(initCluster()));
  leader.log.append(encodeCommand(createBucket("bucket")));
  for (let number = 1; number <= OBJECTS; number++) {
    const blob = inlineBlob(id(1_000 + number), 20_000);
    leader.log.append(encodeCommand(commitObject(`key-${number}`, id(number), [blob])));
  }
  leader.machine.configurationChanged(OBJECTS + 2, configuration);
  await complete(leader.machine.waitForApplied(OBJECTS + 2));
});

const configuration = {
  voters: [1, 2],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function senderOf(node: MetaNode, connect: ReturnType<typeof connectTo>): SnapshotSender {
  return new SnapshotSender({
    nodeId: 1,
    clusterId: "cluster",
    groupId: 0,
    store: node.directory.live,
    hasher: node.platform.hasher,
    timers: node.platform.timers,
    connect: () => connect,
    waitForApplied: (index) => node.machine.waitForApplied(index),
  });
}

/** A receiver whose core installs what it is given, as Raft would. */
function receiverOf(node: MetaNode): SnapshotReceiver {
  node.log.onSnapshot = async (message) => {
    await node.machine.installSnapshot(markOf(message));
    return true;
  };
  const { directory, log, machine, platform } = node;
  return new SnapshotReceiver({
    nodeId: 2,
    clusterId: "cluster",
    groupId: 0,
    directory,
    hasher: platform.hasher,
    log,
    machine,
  });
}

function markOf(message: Uint8Array): SnapshotMark {
  const { snapshot } = fromBinary(MessageSchema, message);
  return {
    index: Number(snapshot?.index),
    term: Number(snapshot?.term),
    confState: { ...configuration, voters: snapshot!.confState!.voters.map(Number) },
  };
}

const peer = { clusterId: "cluster", nodeId: 1 };
const mark = (index: number): SnapshotMark => ({ index, term: 1, confState: configuration });

/** Sends and counts the messages that came through. */
function link(node: MetaNode, cut: (delivered: number) => boolean = () => false) {
  const ends: StreamEnd[] = [];
  const connection = connectTo(world.simulation, receiverOf(node).handlers(), peer, (end) => {
    ends.push(end);
    end.cut = cut;
  });
  return { connection, ends };
}

async function expectSameState(node: MetaNode = follower): Promise<void> {
  const rows = async (of: MetaNode) => {
    const page = of.directory.live.use((store) => store.page({ gte: "0000", lt: "0001", limit: 10_000 }));
    return await complete(page);
  };
  expect(await rows(node)).toEqual(await rows(leader));
  const view = node.directory.live.snapshot();
  expect(await complete(checkInvariants(view))).toEqual([]);
  await view.close();
}

describe("a snapshot", () => {
  test("gives the receiver the sender's state, at the index where it stands", async () => {
    const { connection } = link(follower);
    leader.machine.sendSnapshotsWith(senderOf(leader, connection));
    await complete(leader.machine.sendSnapshot(2, mark(5), 3));
    expect(await follower.machine.restored()).toEqual({
      ...(await leader.machine.restored()),
      // So that a log that has not heard of it is not taken for an old one; until something is applied on top.
      isInstalled: true,
    });
    expect(follower.machine.view.object(1n, "key-7")?.versionId).toEqual(id(7));
    await expectSameState();
  });

  test("is installed under readers and waiters, who go on with the new state", async () => {
    const reading = follower.metadata.view.buckets({ prefix: "", after: "", limit: 10 });
    const waiting = follower.machine.waitForApplied(50);
    expect(await complete(follower.metadata.view.nodes())).toEqual([]);
    const changes: number[] = [];
    const stop = follower.machine.onChange(({ appliedIndex, cluster, keys }) => {
      expect([cluster, keys]).toEqual([true, true]);
      changes.push(appliedIndex);
    });
    const { connection } = link(follower);
    await complete(senderOf(leader, connection).send(2, mark(5), 3));
    await complete(waiting);
    expect(await complete(follower.metadata.view.nodes())).toHaveLength(1);
    expect(await complete(reading)).toEqual([]);
    expect(changes).toEqual([OBJECTS + 2]);
    stop();
    expect(await complete(follower.metadata.view.buckets({ prefix: "", after: "", limit: 10 }))).toHaveLength(
      1,
    );
    // The log goes on behind it.
    const next = encodeCommand(createBucket("next"));
    const entry = { index: OBJECTS + 3, term: 1, type: "EntryNormal" as const, timeMs: 1, data: next };
    await complete(follower.machine.apply([entry]));
    expect(follower.machine.view.bucket("next")).toBeDefined();
  });

  test("takes other threads with it: what they read of its index is of it, and the old rows go when nobody reads them", async () => {
    const { remote, knowIndex } = await startReader(world, follower, { delayMs: 50 });
    const options = { prefix: "", after: "", limit: 10 };
    const held = new Deferred<void>();
    const reading = remote.view.still(async (rows) => {
      await held.promise;
      return rows.bucket("bucket");
    });
    expect(await complete(remote.view.buckets(options))).toEqual([]);
    const stop = follower.machine.onChange(({ appliedIndex }) => {
      // In the turn of the install, whatever the thread has been told by then.
      knowIndex(appliedIndex);
      void remote.barrier().then(() => {
        expect(remote.view.object(1n, "key-7")?.versionId).toEqual(id(7));
        expect(remote.view.appliedIndex()).toBe(OBJECTS + 2);
      });
    });
    const { connection } = link(follower);
    await complete(senderOf(leader, connection).send(2, mark(5), 3));
    stop();
    expect(await complete(remote.view.buckets(options))).toHaveLength(1);
    await world.simulation.runFor(1_000);
    expect(world.machine("follower").volume.stores()).toHaveLength(2);
    held.resolve();
    expect(await complete(reading)).toBeUndefined();
    await world.simulation.runFor(1_000);
    expect(world.machine("follower").volume.stores()).toHaveLength(1);
  });

  test("is not installed when another thread cannot read it", async () => {
    const { remote } = await startReader(world, follower);
    await complete(remote.close());
    // The thread answers, and cannot open anything any more.
    follower.platform.stores.open = () => Promise.reject(new Error("too many open files"));
    const { connection } = link(follower);
    await expect(complete(senderOf(leader, connection).send(2, mark(5), 3))).rejects.toThrow();
    expect(follower.machine.view.appliedIndex()).toBe(0);
  });

  test("lets a retried command find its result in the session", async () => {
    // The follower's command is committed, but it sees the entry only inside the snapshot.
    const log = new FakeLog();
    const proposer = await world.start("proposer", { nodeId: 2, log });
    log.mode = "lose";
    const pending = proposer.metadata.submit(createBucket("mine"), { timeoutMs: 60_000 });
    for (const wanted of [1, 2]) {
      await world.simulation.runFor(2_000);
      leader.log.append(log.proposals.at(-1)!);
      await complete(leader.machine.waitForApplied(leader.log.entries.length));
      if (wanted === 1) {
        // It does see that its session was opened.
        await complete(proposer.machine.apply(leader.log.entries));
      }
    }
    const { connection } = link(proposer);
    log.mode = "lose";
    await complete(senderOf(leader, connection).send(2, mark(5), 3));
    expect(proposer.machine.view.bucket("mine")).toBeDefined();
    leader.log.append(log.proposals.at(-1)!);
    await complete(proposer.machine.apply(leader.log.entries));
    expect(outcome(await complete(pending))).toBe("bucketCreated");
  });

  test("that is kept for another attempt does not keep a state that was replaced", async () => {
    const broken = link(follower, (delivered) => delivered === 6);
    const sender = senderOf(leader, broken.connection);
    leader.machine.sendSnapshotsWith(sender);
    await expect(complete(sender.send(2, mark(5), 3))).rejects.toMatchObject({ name: "StreamFailure" });
    // The leader itself gets the state of another one.
    const other = await world.start("other", { nodeId: 3 });
    for (const entry of leader.log.entries) other.log.append(entry.data);
    await complete(other.machine.waitForApplied(OBJECTS + 2));
    await complete(senderOf(other, link(leader).connection).send(2, mark(5), 3));
    await world.simulation.runFor(1000);
    const stores = world.machine("leader").volume.stores();
    expect(stores).toHaveLength(1);
  });

  test("goes on where a broken stream left it", async () => {
    const first = link(follower, (delivered) => delivered === 6);
    const sender = senderOf(leader, first.connection);
    await expect(complete(sender.send(2, mark(5), 3))).rejects.toMatchObject({ name: "StreamFailure" });
    expect(follower.machine.view.appliedIndex()).toBe(0);
    const staged = follower.directory.staging?.lastKey;
    expect(staged).not.toBe("");
    // Meanwhile the leader goes on; the next attempt still sends the state as it was.
    leader.log.append(encodeCommand(createBucket("later")));
    await complete(leader.machine.waitForApplied(OBJECTS + 3));
    first.ends[0]!.cut = () => false;
    const second = connectTo(world.simulation, receiverOf(follower).handlers(), peer, (end) =>
      first.ends.push(end),
    );
    Object.assign(first.connection, { openStream: second.openStream });
    await complete(sender.send(2, mark(5), 4));
    expect(follower.machine.view.appliedIndex()).toBe(OBJECTS + 2);
    const all = link(await world.start("third", { nodeId: 2 }));
    await complete(senderOf(leader, all.connection).send(2, mark(5), 3));
    expect(first.ends[1]!.delivered).toBeLessThan(all.ends[0]!.delivered);
  });

  test("goes on after the receiver's process died, and with another leader's term", async () => {
    const first = link(follower, (delivered) => delivered === 8);
    await expect(complete(senderOf(leader, first.connection).send(2, mark(5), 3))).rejects.toThrow();
    world.machine("follower").kill();
    const again = await world.start("follower", { nodeId: 2 });
    const before = again.directory.staging?.lastKey;
    expect(before).toBeDefined();
    let term = 0n;
    const { connection, ends } = link(again);
    const install = again.log.onSnapshot;
    again.log.onSnapshot = (message) => {
      term = fromBinary(MessageSchema, message).term;
      return install(message);
    };
    await complete(senderOf(leader, connection).send(2, mark(5), 9));
    expect(term).toBe(9n);
    expect(ends[0]!.delivered).toBeLessThan(8 + 4);
    await expectSameState(again);
  });

  test("is given up by the receiver when the core does not want it", async () => {
    const { connection } = link(follower);
    follower.log.onSnapshot = async () => false;
    await expect(complete(senderOf(leader, connection).send(2, mark(5), 3))).rejects.toThrow("not needed");
    expect(follower.machine.view.appliedIndex()).toBe(0);
    expect(follower.directory.staging).toBeUndefined();
  });

  test.each(["a broken stream", "a crash"])(
    "whose half %s left is discarded once the log is past it",
    async (what) => {
      const { connection } = link(follower, (delivered) => delivered === 8);
      await expect(complete(senderOf(leader, connection).send(2, mark(5), 3))).rejects.toThrow();
      let left = follower;
      if (what === "a crash") {
        world.machine("follower").kill();
        left = await world.start("follower", { nodeId: 2 });
        receiverOf(left);
      }
      const stores = () => left.platform.disk.list(STATE_PATH);
      const names = async () => (await complete(stores())).map(({ name }) => name).sort();
      expect(await names()).toEqual(["CURRENT", "store-0000000000000001", "store-0000000000000002"]);
      const index = Number(left.directory.staging?.header.message?.snapshot?.index);
      await complete(left.machine.apply(leader.log.entries.slice(0, index - 1)));
      await world.simulation.runFor(1_000);
      expect(left.directory.staging).toBeDefined();
      await complete(left.machine.apply(leader.log.entries.slice(index - 1)));
      await world.simulation.runFor(1_000);
      expect(left.directory.staging).toBeUndefined();
      expect(await names()).toEqual(["CURRENT", "store-0000000000000001"]);
      expect(left.machine.view.appliedIndex()).toBe(leader.log.entries.length);
    },
  );

  test.each([1, 2, 8])(
    "that the log was faster than leaves nothing when it breaks off after %i messages",
    async (last) => {
      await complete(follower.machine.apply(leader.log.entries));
      const { connection } = link(follower, (delivered) => delivered === last);
      await expect(complete(senderOf(leader, connection).send(2, mark(5), 3))).rejects.toThrow();
      // In a quiet cluster nothing else comes.
      await world.simulation.runFor(1_000);
      expect(follower.directory.staging).toBeUndefined();
      const left = await complete(follower.platform.disk.list(STATE_PATH));
      expect(left.map(({ name }) => name).sort()).toEqual(["CURRENT", "store-0000000000000001"]);
    },
  );

  test("is not sent twice to one peer at once", async () => {
    const { connection } = link(follower);
    const sender = senderOf(leader, connection);
    const first = sender.send(2, mark(5), 3);
    await expect(complete(sender.send(2, mark(5), 3))).rejects.toThrow("on its way");
    await complete(first);
  });
});

describe("a sender that cannot read a row", () => {
  test("says so to the node, which gets its state anew, and not only to the peer that waits for it", async () => {
    const unreadable: string[] = [];
    const node = await world.start("damaged", {
      nodeId: 3,
      onUnreadable: ({ code }) => unreadable.push(code),
    });
    node.log.append(encodeCommand(initCluster()));
    node.machine.configurationChanged(1, configuration);
    await complete(node.machine.waitForApplied(1));
    const { volume } = world.machine("damaged");
    const [directory] = volume.stores().filter((path) => path.startsWith(STATE_PATH));
    volume.damageRow(directory!, volume.storeKeys(directory!).at(-1)!);
    node.machine.sendSnapshotsWith(senderOf(node, link(follower).connection));
    const sending = node.machine.sendSnapshot(2, mark(1), 1);
    await expect(complete(sending)).rejects.toThrow("checksum");
    expect(unreadable).toEqual(["damaged"]);
  });
});

describe("the receiver refuses", () => {
  /** Sends these messages by hand and gives what comes back. */
  async function talk(node: MetaNode, parts: readonly SendRequest["part"][]) {
    const answers: string[] = [];
    let closed: StreamError | undefined;
    const stream = connectTo(world.simulation, receiverOf(node).handlers(), peer).openStream(
      "/skerry.meta.v1.SnapshotService/Send",
      { kind: "stream", maxMessageBytes: 1 << 20 },
    );
    stream.onMessage = (pieces) => {
      const answer = fromBinary(SendResponseSchema, concatBytes(pieces));
      answers.push(answer.errorMessage);
    };
    stream.onClose = (error) => {
      closed = error;
    };
    for (const part of parts) stream.send([toBinary(SendRequestSchema, create(SendRequestSchema, { part }))]);
    await world.simulation.runFor(1_000);
    return { answers, closed };
  }

  const header = (change: Record<string, unknown> = {}): SendRequest["part"] => ({
    case: "header",
    value: {
      $typeName: "skerry.meta.v1.SnapshotHeader",
      version: 1,
      clusterId: "cluster",
      groupId: 0,
      message: create(MessageSchema, {
        type: 6,
        to: 2n,
        from: 1n,
        term: 3n,
        snapshot: { index: 9n, term: 1n, snapshotId: "s" },
      }),
      ...change,
    },
  });
  const rows = (...keys: readonly string[]): SendRequest["part"] => ({
    case: "rows",
    value: {
      $typeName: "skerry.meta.v1.SnapshotRows",
      rows: keys.map((key) => ({
        $typeName: "skerry.meta.v1.SnapshotRow",
        key: new TextEncoder().encode(key),
        value: new Uint8Array(1),
      })),
    },
  });
  const trailer = (rowCount: bigint): SendRequest["part"] => ({
    case: "trailer",
    value: { $typeName: "skerry.meta.v1.SnapshotTrailer", rowCount, blake3: new Uint8Array(32) },
  });
  const message = (change: Record<string, unknown>) => ({
    message: create(MessageSchema, {
      type: 6,
      to: 2n,
      from: 1n,
      term: 3n,
      snapshot: { index: 9n },
      ...change,
    }),
  });

  test.each<[string, readonly SendRequest["part"][], string]>([
    ["another version", [header({ version: 2 })], "failed_precondition"],
    ["another cluster", [header({ clusterId: "x" })], "failed_precondition"],
    ["another group", [header({ groupId: 7 })], "failed_precondition"],
    ["another node", [header(message({ to: 5n }))], "failed_precondition"],
    ["another sender", [header(message({ from: 5n }))], "failed_precondition"],
    ["another message", [header(message({ type: 2 }))], "failed_precondition"],
    ["rows before the header", [rows("0000a")], "invalid_argument"],
    ["two headers", [header(), header()], "invalid_argument"],
    ["nothing", [{ case: undefined }], "invalid_argument"],
    ["rows that are not in order", [header(), rows("0000b", "0000a")], "data_loss"],
    ["a row twice", [header(), rows("0000b"), rows("0000b")], "data_loss"],
    ["a row outside of the shard", [header(), rows("!staged")], "data_loss"],
  ])("%s", async (_, parts, code) => {
    const { closed } = await talk(follower, parts);
    expect(closed?.code).toBe(code);
    expect(follower.machine.view.appliedIndex()).toBe(0);
  });

  test.each([
    ["another number of rows", trailer(5n), "there are 2 rows instead of 5"],
    ["another hash", trailer(2n), "the hash of the rows is another one"],
  ])("%s, and forgets what it received", async (_, end, problem) => {
    const { answers } = await talk(follower, [header(), rows("0000a", "0000b"), end]);
    expect(answers.at(-1)).toBe(problem);
    expect(follower.directory.staging).toBeUndefined();
  });
});

describe("an install", () => {
  /** Transfers to a fresh machine until `stop` says so; true when the whole transfer was done. */
  async function transfer(name: string, stop: (events: number) => boolean): Promise<boolean> {
    follower = await world.start(name, { nodeId: 2 });
    const { connection } = link(follower);
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    senderOf(leader, connection)
      .send(2, mark(5), 3)
      .then(done, () => {});
    const from = world.simulation.events;
    await world.simulation.runUntil(() => isDone || stop(world.simulation.events - from), 3_600_000);
    return isDone;
  }

  test.each(["keep", "drop", "random"] as const)(
    "that crashes anywhere leaves the old state or the new one (unsynced: %s)",
    async (unsynced) => {
      let total = 0;
      await transfer(`counted-${unsynced}`, (events) => {
        total = events;
        return false;
      });
      // A few moments of the transfer, and every one of the end, where the state is switched.
      const moments = new Set([0.2, 0.6].map((share) => Math.floor(total * share)));
      for (let at = total - 18; at <= total + 1; at++) moments.add(at);
      const seen = { old: 0, new: 0 };
      for (const moment of moments) {
        const name = `follower-${unsynced}-${moment}`;
        const isDone = await transfer(name, (events) => events >= moment);
        world.machine(name).crash(unsynced);
        const again = await world.start(name, { nodeId: 2 });
        const { index } = await again.machine.restored();
        expect([0, OBJECTS + 2]).toContain(index);
        if (isDone) expect(index).toBe(OBJECTS + 2);
        if (index === 0) {
          seen.old++;
          expect(await complete(again.directory.live.use((store) => store.page({ limit: 10 })))).toEqual([]);
        } else {
          seen.new++;
          await expectSameState(again);
        }
        const entries = await complete(again.platform.disk.list(STATE_PATH));
        expect(entries.filter(({ kind }) => kind === "directory").length).toBeLessThanOrEqual(2);
      }
      expect(seen.old).toBeGreaterThan(0);
      expect(seen.new).toBeGreaterThan(0);
    },
  );

  test.each([0, 1, 2, 3, 5, 8, 13])(
    "is done whole or not at all when the reception gives the snapshot up meanwhile (%i turns after its beginning)",
    async (turns) => {
      const { connection } = link(follower);
      let installing: Promise<boolean> | undefined;
      follower.log.onSnapshot = async (message) => {
        const done = follower.machine.installSnapshot(markOf(message));
        installing = done.then(
          () => true,
          () => false,
        );
        for (let turn = 0; turn < turns; turn++) {
          await new Promise<void>((resolve) => follower.platform.timers.endOfTurn(resolve));
        }
        return false;
      };
      await expect(complete(senderOf(leader, connection).send(2, mark(5), 3))).rejects.toThrow("not needed");
      const isInstalled = await complete(installing!);
      if (turns > 0) expect(isInstalled).toBe(true);
      await complete(follower.directory.removeLeftOvers());
      world.machine("follower").crash("drop");
      const again = await world.start("follower", { nodeId: 2 });
      expect(await again.machine.restored()).toMatchObject({ index: isInstalled ? OBJECTS + 2 : 0 });
      if (isInstalled) await expectSameState(again);
    },
  );

  test("that was decided but not done can be done after a restart", async () => {
    const { connection } = link(follower);
    let wanted: SnapshotMark | undefined;
    follower.log.onSnapshot = async (message) => {
      // The core has decided and written it down; the process dies before the state is switched.
      wanted = markOf(message);
      world.machine("follower").crash("drop");
      return await new Promise<boolean>(() => {});
    };
    void senderOf(leader, connection)
      .send(2, mark(5), 3)
      .catch(() => {});
    await world.simulation.runUntil(() => wanted !== undefined, 3_600_000);
    const again = await world.start("follower", { nodeId: 2 });
    expect(await again.machine.restored()).toMatchObject({ index: 0 });
    await expect(again.machine.installSnapshot({ ...wanted!, index: 7 })).rejects.toMatchObject({
      code: "no-snapshot",
    });
    await complete(again.machine.installSnapshot(wanted!));
    await expectSameState(again);
  });
});
