import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSealer } from "../../access/index.ts";
import { createPrng } from "../../base/index.ts";
import { NodeDisk } from "../../platform/node/disk.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { BLOCK_BYTES } from "../cache/cached-reader.ts";
import { DiskCache } from "../cache/disk-cache.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import { flushNamespace } from "./flush.ts";
import { pinWorker } from "./pins.ts";
import { EngineWorld } from "./testing/engine-world.ts";

const hasher = new PlainHasher();
const prng = createPrng("pins");
const name = { org: "org", project: "project", name: "main" };
const sealer = createSealer({
  keyEncryptionKey: new Uint8Array(32).fill(7),
  randomBytes: (length) => prng.bytes(length),
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skerry-pins-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function openCache(): Promise<DiskCache> {
  return DiskCache.open({
    disk: new NodeDisk(),
    directory,
    budgetBytes: 8 * BLOCK_BYTES,
    pinnedBytes: 8 * BLOCK_BYTES,
    blockBytes: BLOCK_BYTES,
    slabSlots: 4,
    seal: { overheadBytes: 33, seal: sealer.seal, open: sealer.open },
    checksum: (bytes) => hasher.crc32c(bytes),
  });
}

/** A namespace with one index segment of several blocks. */
async function begin() {
  const world = new EngineWorld("pins");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(name, { schema: EMPTY_SCHEMA });
  const upserts = Array.from({ length: 200 }, (_, at) => ({
    id: `document-${at}`,
    vectors: new Map(),
    sparse: new Map(),
    text: new Map(),
    attributes: new Map([["noise", Buffer.from(prng.bytes(1_500)).toString("base64")]]),
  }));
  await engine.write(name, { upserts, patches: [], deletes: [] });
  await flushNamespace(context, engine.states, namespace.id);
  return { world, engine };
}

async function fetchAll(world: EngineWorld, cache: DiskCache | undefined) {
  const before = world.reads;
  const { engine } = world.engine({}, cache);
  const ids = Array.from({ length: 200 }, (_, at) => `document-${at}`);
  const { documents } = await engine.fetch(name, ids, { consistency: "strong" });
  await cache?.settled();
  return {
    found: documents.filter((document) => document !== undefined).length,
    reads: world.reads - before,
  };
}

describe("the cache on disk", () => {
  test("a node that was warmed answers after a restart without a read from the store", async () => {
    const { world } = await begin();
    expect((await fetchAll(world, undefined)).reads).toBeGreaterThan(0);
    const cache = await openCache();
    await world.engine({}, cache).engine.warm(name, {});
    await cache.close();
    const again = await openCache();
    expect(await fetchAll(world, again)).toEqual({ found: 200, reads: 0 });
    await again.close();
  });

  test("pinning reads it into the budget of pins, on every node", async () => {
    const { world, engine } = await begin();
    await engine.pin(name);
    const cache = await openCache();
    const { context } = world.engine({}, cache);
    const worker = pinWorker(context, cache);
    for (let unit = 0; unit < 20; unit++) {
      if ((await worker.runUnit(new AbortController().signal)) === "idle") break;
    }
    expect(cache.counters().pinnedBytes).toBeGreaterThan(2 * BLOCK_BYTES);
    expect(await fetchAll(world, cache)).toEqual({ found: 200, reads: 0 });
    await engine.unpin(name);
    await worker.runUnit(new AbortController().signal);
    expect(cache.counters().pinnedBytes).toBe(0);
    await cache.close();
  });
});
