/** Namespaces whose segments lie outside the cluster: in a directory, and in a bucket of our own gateway. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createNodePlatform } from "../../platform/node/index.ts";
import { type Rig, startRig, WRITER } from "../../s3/testing/rig.ts";
import { flushNamespace } from "../../search/engine/flush.ts";
import { mergeNamespace } from "../../search/engine/merge.ts";
import { EngineWorld } from "../../search/engine/testing/engine-world.ts";
import { trimNamespace } from "../../search/engine/trim.ts";
import {
  DirectoryStore,
  type OutsideStore,
  parseBatch,
  parseQuery,
  parseSchema,
  SearchError,
} from "../../search/index.ts";
import { S3Client } from "./s3-client.ts";
import { S3Store } from "./s3-store.ts";

const platform = createNodePlatform();
const root = mkdtempSync(join(tmpdir(), "skerry-outside-"));
const DAYS_MS = 24 * 60 * 60 * 1000;
const { signal } = new AbortController();
const named = (name: string) => ({ org: "org", project: "project", name });
const SCHEMA = parseSchema({
  vectors: { vector: { dimensions: 8 } },
  text: { title: {} },
  attributes: { n: "int" },
});
const ROCKS = parseQuery({ text: "rocks", top_k: 5 }, "");

afterAll(async () => {
  rmSync(root, { recursive: true, force: true });
  await platform.hasher.close();
});

/** Documents `from` to before `to`, enough of them that a segment has several blocks. */
function documents(from: number, to: number) {
  const upserts = Array.from({ length: to - from }, (_, at) => ({
    id: `d-${from + at}`,
    vector: Array.from({ length: 8 }, (_, i) => Math.sin((from + at) * 8 + i)),
    text: { title: `${(from + at) % 50 === 0 ? "rocks" : "water"} ${"word ".repeat(40)}${from + at}` },
    attributes: { n: from + at },
  }));
  return parseBatch({ upserts });
}

describe.each(["fs", "s3"] as const)("segments by the driver %s", (kind) => {
  let rig: Rig | undefined;
  let client: S3Client | undefined;
  let world: EngineWorld;
  let store: OutsideStore;
  let run = 0;

  beforeAll(async () => {
    if (kind === "fs") return;
    rig = await startRig();
    const owner = { id: "a".repeat(64), displayName: "a" };
    await rig.node.objects.createBucket({ bucket: "segments", region: "r", owner });
    client = new S3Client({
      ...platform,
      endpoint: new URL(rig.endpoint),
      region: "us-east-1",
      accessKeyId: WRITER.accessKeyId,
      secret: WRITER.secretAccessKey,
    });
  });
  afterAll(async () => {
    client?.close();
    await rig?.close();
  });
  beforeEach(async () => {
    const clusterId = `cluster-${++run}`;
    const { hasher } = platform;
    store =
      client === undefined
        ? new DirectoryStore({ disk: platform.disk, path: root, clusterId })
        : new S3Store({ client, hasher, bucket: "segments", prefix: "", clusterId });
    await store.prepare(signal);
    world = new EngineWorld(`outside-${kind}`);
    world.openStore = () => store;
    world.setStore("/outside");
  });
  afterEach(async () => {
    expect(await world.replica.violations()).toEqual([]);
  });

  async function begin() {
    const { engine, context } = world.engine();
    const { namespace } = await engine.createNamespace(named("main"), {
      schema: SCHEMA,
      settings: { retentionSeconds: 60 },
    });
    const flush = (id = namespace.id) => flushNamespace(context, engine.states, id);
    return { engine, context, id: namespace.id, flush };
  }

  /** By a node that has nothing in memory. */
  async function found(name = "main"): Promise<readonly unknown[]> {
    const { engine } = world.engine();
    const { results } = await engine.query(named(name), [ROCKS], { consistency: "strong" });
    return results[0]!.hits.map(({ id }) => id).sort();
  }

  it("are written, searched, merged, branched and, when nobody refers to them, deleted", async () => {
    const { engine, context, id, flush } = await begin();
    for (let at = 0; at < 4; at++) {
      await engine.write(named("main"), documents(at * 400, (at + 1) * 400));
      await engine.write(named("main"), parseBatch({ deletes: [`d-${at * 400 + 350}`] }));
      await flush();
    }
    expect(await world.stored()).toEqual(await world.recorded());
    expect((await world.stored()).length).toBeGreaterThanOrEqual(4);
    expect((await found()).length).toBe(5);
    expect((await engine.verify(named("main"), {})).problems).toEqual([]);
    await engine.branch(named("main"), named("branch"), {});
    expect(await mergeNamespace(context, engine.states, id, (all) => all)).toBe(true);
    const merged = await found();
    await engine.deleteNamespace(named("main"));
    world.replica.timeMs += 3 * DAYS_MS;
    for (let rounds = 0; rounds < 10; rounds++) {
      for (const each of await context.store.view.trimmableNamespaces({ after: 0n, limit: 10 }))
        await trimNamespace(context, context.store.view.namespace(each)!);
    }
    world.replica.timeMs += 3 * DAYS_MS;
    // What the branch shares is there, what only the parent had is gone.
    expect(await world.collect()).toEqual(await world.recorded());
    expect((await world.recorded()).length).toBeGreaterThanOrEqual(4);
    expect((await found("branch")).length).toBe(merged.length);
    expect((await world.engine().engine.verify(named("branch"), {})).problems).toEqual([]);
    await engine.deleteNamespace(named("branch"));
    for (let rounds = 0; rounds < 10; rounds++) {
      for (const each of await context.store.view.trimmableNamespaces({ after: 0n, limit: 10 }))
        await trimNamespace(context, context.store.view.namespace(each)!);
    }
    world.replica.timeMs += 3 * DAYS_MS;
    expect(await world.collect()).toEqual([]);
    expect(await world.recorded()).toEqual([]);
  });

  it("that a crash left before their commit are garbage, and only that is collected", async () => {
    const { engine, flush } = await begin();
    await engine.write(named("main"), documents(0, 100));
    await flush();
    await engine.write(named("main"), documents(100, 200));
    world.beforeCommand = async ({ case: command }) => {
      if (command === "commitIndex") throw new SearchError("unavailable", "the node is gone");
    };
    await expect(flush()).rejects.toThrow("the node is gone");
    world.beforeCommand = async () => undefined;
    const [kept, all] = [await world.recorded(), await world.stored()];
    expect(all.length).toBe(kept.length + 1);
    // As long as it could still be committed it stays.
    world.replica.timeMs += 2 * DAYS_MS - 60_000;
    expect(await world.collect()).toEqual(all);
    world.replica.timeMs += 120_000;
    expect(await world.collect()).toEqual(kept);
    expect((await found()).length).toBe(4);
  });

  it("stay where they are when new ones go elsewhere, until they are merged", async () => {
    const { engine, context, id, flush } = await begin();
    await engine.write(named("main"), documents(0, 100));
    await flush();
    world.setStore(undefined);
    await engine.write(named("main"), documents(100, 200));
    await flush();
    expect(await world.stored()).toHaveLength(1);
    expect((await found()).length).toBe(4);
    await mergeNamespace(context, engine.states, id, (all) => all);
    world.replica.timeMs += DAYS_MS;
    await trimNamespace(context, context.store.view.namespace(id)!);
    world.replica.timeMs += 3 * DAYS_MS;
    expect(await world.collect()).toEqual([]);
    expect((await found()).length).toBe(4);
  });

  it("that are damaged are not served: a search says so, and verify names them", async () => {
    const { engine, flush } = await begin();
    await engine.write(named("main"), documents(0, 400));
    await flush();
    const [name = ""] = (await world.stored()).map((one) => one.slice(2));
    const bytes = (await store.read(name, { offset: 0, length: 10_000_000 }, signal))!.slice();
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await store.delete(name, signal);
    await store.putIfAbsent(name, bytes, signal);
    const { problems } = await world.engine().engine.verify(named("main"), {});
    expect(problems).toEqual([expect.stringMatching(/is not what was written/)]);
    await store.delete(name, signal);
    await expect(found()).rejects.toMatchObject({ code: "data-damaged" });
    const missing = await world.engine().engine.verify(named("main"), {});
    expect(missing.problems).toEqual([expect.stringMatching(/does not have blob/)]);
  });

  it("do not keep writes waiting when their store is unfit: they are flushed once it is mended", async () => {
    const { engine, flush } = await begin();
    const mended = store;
    store = { ...bound(mended), putIfAbsent: async () => "written" };
    await engine.write(named("main"), documents(0, 100));
    await expect(flush()).rejects.toMatchObject({ code: "unavailable" });
    expect((await found()).length).toBe(2);
    world.openStore = () => mended;
    world.replica.timeMs += 1;
    world.setStore("/outside");
    expect(await flush()).toBe("flushed");
    expect((await found()).length).toBe(2);
  });
});

function bound(store: OutsideStore): OutsideStore {
  return {
    prepare: (...given) => store.prepare(...given),
    putIfAbsent: (...given) => store.putIfAbsent(...given),
    read: (...given) => store.read(...given),
    delete: (...given) => store.delete(...given),
    list: (...given) => store.list(...given),
  };
}
