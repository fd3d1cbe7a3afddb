import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { PutKeySchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { KeyKind, KeyRole } from "../../gen/skerry/meta/v1/rows_pb.js";
import { objectKey } from "../keys.ts";
import { MAX_BARRIER_CALLERS, SWEEP_INTERVAL_MS } from "../limits.ts";
import {
  commitObject,
  createBucket,
  deleteObjects,
  id,
  initCluster,
  inlineBlob,
} from "../testing/commands.ts";
import { encodeCommand, expectCase, outcome } from "../testing/harness.ts";
import { type MetaNode, MetaWorld } from "../testing/node.ts";
import { startReader } from "../testing/reader-thread.ts";
import type { FromMetadata, ToMetadata } from "./protocol.ts";
import { MetadataServer, PREPARE_SECONDS } from "./serve-metadata.ts";

let world: MetaWorld;
let node: MetaNode;

const complete = <T>(promise: Promise<T>): Promise<T> => world.simulation.complete(promise, 3_600_000);

beforeEach(async () => {
  world = new MetaWorld("threads");
  node = await world.start("one");
  node.log.append(encodeCommand(initCluster()));
  node.log.append(encodeCommand(createBucket("bucket")));
});

const thread = (options?: Parameters<typeof startReader>[2]) => startReader(world, node, options);
const put = (number: number) =>
  commitObject(`key-${number}`, id(number), [], { preconditions: { ifNoneMatch: ["*"] } });

describe("commands of another thread", () => {
  test("come to the same as those of the thread that applies, in one session with them", async () => {
    const { remote } = await thread();
    const numbers = Array.from({ length: 60 }, (_, at) => at + 1);
    const results = await complete(
      Promise.all(numbers.map((number) => (number % 2 ? remote : node.metadata).submit(put(number)))),
    );
    for (const [at, result] of results.entries())
      expect(expectCase(result, "objectCommitted").versionId).toEqual(id(at + 1));
    expect(outcome(await complete(remote.submit(createBucket("bucket"))))).toBe("BUCKET_EXISTS");
    expect(remote.view.bucket("bucket")?.objectCount).toBe(60n);
  });

  test("that are many are on their way before their turn ends, in order", async () => {
    const { remote, sent } = await thread({ delayMs: 0 });
    const submitted = Array.from({ length: 40 }, (_, at) => remote.submit(put(at + 1)));
    expect(sent()).toEqual([16, 16]);
    await complete(Promise.all(submitted));
    expect(sent()).toEqual([16, 16, 8]);
  });

  test("fail as they do there, with the same codes", async () => {
    const { remote } = await thread();
    await complete(remote.submit(put(1)));
    node.log.mode = "refuse";
    const unavailable = remote.submit(put(2), { timeoutMs: 200 });
    await expect(complete(unavailable)).rejects.toMatchObject({ name: "MetaError", code: "unavailable" });
    node.log.mode = "lose";
    const unknown = remote.submit(put(3), { timeoutMs: 200 });
    await expect(complete(unknown)).rejects.toMatchObject({ code: "outcome-unknown" });
  });

  test("that are under way when the thread ends may have been applied", async () => {
    const { remote } = await thread();
    node.log.mode = "hold";
    const submitted = remote.submit(put(1));
    const barrier = remote.barrier();
    void complete(remote.close());
    await expect(submitted).rejects.toMatchObject({ code: "outcome-unknown" });
    await expect(barrier).rejects.toMatchObject({ code: "unavailable" });
    await expect(remote.submit(put(2))).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a barrier on another thread", () => {
  test("asks nobody where the index is known and applied", async () => {
    const { remote, knowIndex } = await thread();
    knowIndex(node.metadata.view.appliedIndex());
    const asked = node.log.readIndexCalls;
    await remote.barrier();
    expect(node.log.readIndexCalls).toBe(asked);
    knowIndex(node.metadata.view.appliedIndex() + 1);
    const passed = remote.barrier();
    node.log.append(encodeCommand(createBucket("second")));
    await complete(passed);
    expect(remote.view.bucket("second")).toBeDefined();
  });

  test("shares a round with all of its turn, and none with those before it", async () => {
    const { remote } = await thread();
    node.log.heldReads = [];
    const first = [remote.barrier(), remote.barrier(), remote.barrier()];
    await world.simulation.runFor(20);
    const second = remote.barrier();
    await world.simulation.runFor(20);
    expect(node.log.readIndexCalls).toBe(2);
    for (const read of node.log.heldReads) read.resolve(2);
    await complete(Promise.all([...first, second]));
  });

  test("is refused as on the thread that applies", async () => {
    const { remote } = await thread();
    node.log.heldReads = [];
    const waiting = remote.barrier({ timeoutMs: 50 });
    await expect(complete(waiting)).rejects.toMatchObject({ name: "MetaError", code: "unavailable" });
    const others = Array.from({ length: MAX_BARRIER_CALLERS }, () => node.metadata.barrier());
    for (const other of others) other.catch(() => undefined);
    await expect(complete(remote.barrier())).rejects.toMatchObject({ code: "overloaded" });
    await world.simulation.runFor(SWEEP_INTERVAL_MS);
  });
});

describe("rows that another thread keeps", () => {
  test("are never older than what was acknowledged anywhere, without a message about it", async () => {
    const seed = "rows-of-threads";
    const prng = createPrng(seed);
    // A message never arrives in time.
    const { remote, knowIndex } = await thread({ delayMs: 10_000, seed });
    const current = new Map<string, number | undefined>();
    for (let step = 1; step <= 600; step++) {
      const key = `key-${prng.below(8)}`;
      const isDelete = prng.below(4) === 0;
      const command = isDelete
        ? deleteObjects(key)
        : commitObject(key, id(step), [inlineBlob(id(10_000 + step), 100 + step)]);
      await complete(node.metadata.submit(command));
      current.set(key, isDelete ? undefined : step);
      knowIndex(node.metadata.view.appliedIndex());
      await remote.barrier();
      const read = `key-${prng.below(8)}`;
      const number = current.get(read);
      const row = remote.view.object(1n, read);
      expect(row?.versionId, `seed ${seed}, step ${step}`).toEqual(number && id(number));
      if (number !== undefined)
        expect(remote.view.blob(id(10_000 + number))?.inlineData.length).toBe(100 + number);
    }
  });

  test("tell of changed keys by another number", async () => {
    const { remote } = await thread();
    const before = remote.view.keysVersion();
    await complete(node.metadata.submit(createBucket("more")));
    expect(remote.view.keysVersion()).toBe(before);
    const key = {
      keyId: "AKIA",
      kind: KeyKind.S3,
      role: KeyRole.WRITER,
      secretSealed: new Uint8Array([1, 2]),
      buckets: ["bucket"],
    };
    await complete(node.metadata.submit({ case: "putKey", value: create(PutKeySchema, { key }) }));
    expect(remote.view.keysVersion()).not.toBe(before);
  });

  test("that cannot be read are refused, and the node is told", async () => {
    const { remote, unreadable } = await thread();
    await complete(node.metadata.submit(put(1)));
    const { volume } = world.machine("one");
    volume.damageRow(volume.stores()[0]!, objectKey(1n, "key-1"));
    expect(() => remote.view.object(1n, "key-1")).toThrow("cannot read its metadata");
    await world.simulation.runFor(20);
    expect(unreadable.map(({ code }) => code)).toEqual(["damaged"]);
  });
});

describe("a thread that is to open a received state", () => {
  function fakeThread() {
    const posted: FromMetadata[] = [];
    const silent: Error[] = [];
    let say: (message: ToMetadata) => void = () => undefined;
    const { metadata, directory, memory, platform } = node;
    const server = new MetadataServer({
      port: {
        post: (message) => void posted.push(message),
        onMessage: (listener) => {
          say = listener;
        },
      },
      metadata,
      directory,
      memory,
      timers: platform.timers,
      onUnreadable: () => undefined,
      onSilent: (error) => void silent.push(error),
    });
    return { server, posted, silent, say: (message: ToMetadata) => say(message) };
  }

  test("has a time for it; the node ends when it does not answer", async () => {
    const { server, posted, silent, say } = fakeThread();
    const prepared = server.prepare("/data/state/store-2");
    prepared.catch(() => undefined);
    await world.simulation.runFor((PREPARE_SECONDS - 1) * 1000);
    expect(posted).toEqual([{ kind: "prepare", directory: "/data/state/store-2" }]);
    expect(silent).toEqual([]);
    await expect(complete(prepared)).rejects.toThrow("did not open the received state");
    expect(silent).toHaveLength(1);
    say({ kind: "prepared" });
  });

  test.each(["answers", "refuses", "has ended"])("and %s in time ends nothing", async (how) => {
    const { server, silent, say } = fakeThread();
    const prepared = server.prepare("/data/state/store-2");
    prepared.catch(() => undefined);
    await world.simulation.runFor((PREPARE_SECONDS - 1) * 1000);
    if (how === "answers") say({ kind: "prepared" });
    else if (how === "refuses") say({ kind: "prepared", error: "no" });
    else server.close();
    if (how === "refuses") await expect(prepared).rejects.toThrow("no");
    else await prepared;
    await world.simulation.runFor(60_000);
    expect(silent).toEqual([]);
  });
});
