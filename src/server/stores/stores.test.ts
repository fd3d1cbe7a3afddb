/** What every store outside the cluster must do, and what a service that does otherwise is told. */

import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toHex } from "../../base/index.ts";
import { createNodePlatform, NodeRandom } from "../../platform/node/index.ts";
import { type Rig, startRig, WRITER } from "../../s3/testing/rig.ts";
import {
  DirectoryStore,
  OutsideBlobs,
  type OutsideStore,
  probeStore,
  SearchError,
} from "../../search/index.ts";
import { CHECKSUM_SEAL } from "../../search/testing/checksum-seal.ts";
import { S3Client } from "./s3-client.ts";
import { S3Store } from "./s3-store.ts";
import { error, OddS3 } from "./testing/odd-s3.ts";

const platform = createNodePlatform();
const random = new NodeRandom();
const { signal } = new AbortController();
const randomBytes = (length: number) => random.bytes(length);
const fresh = () => toHex(random.bytes(16));
const root = mkdtempSync(join(tmpdir(), "skerry-stores-"));
const clients: S3Client[] = [];

afterAll(async () => {
  for (const client of clients) client.close();
  rmSync(root, { recursive: true, force: true });
  await platform.hasher.close();
});

function s3Store(endpoint: URL, more: { readonly prefix?: string; readonly secret?: string } = {}): S3Store {
  const client = new S3Client({
    ...platform,
    timers: { sleep: async () => undefined },
    endpoint,
    region: "us-east-1",
    accessKeyId: WRITER.accessKeyId,
    secret: more.secret ?? WRITER.secretAccessKey,
  });
  clients.push(client);
  const { prefix = "" } = more;
  return new S3Store({ client, hasher: platform.hasher, bucket: "segments", prefix, clusterId: "cluster-1" });
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "ok",
    (cause: unknown) => (cause instanceof SearchError ? cause.code : String(cause)),
  );
}

describe.each(["fs", "s3"] as const)("the driver %s", (kind) => {
  let rig: Rig | undefined;
  let store: OutsideStore;
  beforeAll(async () => {
    if (kind === "fs") {
      store = new DirectoryStore({ disk: platform.disk, path: root, clusterId: "cluster-1" });
    } else {
      rig = await startRig();
      await rig.node.objects.createBucket({
        bucket: "segments",
        region: "r",
        owner: { id: "a".repeat(64), displayName: "a" },
      });
      store = s3Store(new URL(rig.endpoint), { prefix: "some/where/" });
    }
    await store.prepare(signal);
  });
  afterAll(() => rig?.close());

  const read = (name: string, offset: number, length: number) => store.read(name, { offset, length }, signal);

  it("passes the probe, and keeps nothing of it", async () => {
    const name = fresh();
    expect(await probeStore(store, { name, randomBytes }, signal)).toBeUndefined();
    expect(await read(name, 0, 1)).toBeUndefined();
  });

  it("gives a name once: what is there stays", async () => {
    const [name, bytes] = [fresh(), random.bytes(300_000)];
    const racing = [bytes, bytes.slice(1), bytes.slice(2)].map((one) => store.putIfAbsent(name, one, signal));
    const outcomes = await Promise.all(racing);
    expect(outcomes.filter((outcome) => outcome === "written")).toHaveLength(1);
    const winner = outcomes.indexOf("written");
    expect(await store.putIfAbsent(name, random.bytes(5), signal)).toBe("exists");
    expect(toHex((await read(name, 0, 300_000)) ?? new Uint8Array())).toBe(toHex(bytes.slice(winner)));
  });

  it("gives parts, fewer bytes where the object ends, none behind it", async () => {
    const [name, bytes] = [fresh(), random.bytes(1_000)];
    await store.putIfAbsent(name, bytes, signal);
    const parts = [
      [0, 1],
      [999, 1],
      [500, 400],
      [900, 500],
      [1_000, 10],
      [5_000, 10],
    ] as const;
    for (const [offset, length] of parts) {
      const part = await read(name, offset, length);
      expect(toHex(part ?? new Uint8Array(9))).toBe(toHex(bytes.slice(offset, offset + length)));
    }
  });

  it("knows what it does not have, and deletes twice", async () => {
    const name = fresh();
    expect(await read(name, 0, 10)).toBeUndefined();
    await store.putIfAbsent(name, random.bytes(10), signal);
    for (let twice = 0; twice < 2; twice++) await store.delete(name, signal);
    expect(await read(name, 0, 10)).toBeUndefined();
    expect(await store.putIfAbsent(name, random.bytes(10), signal)).toBe("written");
  });

  it("lists names in order, in pages, and nothing else", async () => {
    const names = Array.from({ length: 7 }, (_, at) => `ff${String(at).repeat(30)}`);
    for (const name of names) await store.putIfAbsent(name, random.bytes(10), signal);
    if (kind === "fs") writeFileSync(join(root, "cluster-1", "ffz-notes.txt"), "x");
    else await store.putIfAbsent("ff-notes", random.bytes(10), signal);
    const found: string[] = [];
    let after: string | undefined = "fe";
    for (let pages = 0; after !== undefined && pages < 10; pages++) {
      const page = await store.list({ after, limit: 3 }, signal);
      found.push(...page.names);
      after = page.next;
    }
    // What other tests put there has names by chance.
    expect(found.filter((name) => names.includes(name))).toEqual(names);
    expect(found.filter((name) => !/^[0-9a-f]{32}$/.test(name))).toEqual([]);
  });

  it("is read through seals: what was changed, cut or exchanged is found", async () => {
    const changedAtMs = 1n;
    const blobs = new OutsideBlobs({
      row: () => ({ changedAtMs, location: { case: undefined } }) as never,
      open: () => store,
      sealOf: () => CHECKSUM_SEAL,
      newBlobId: () => random.bytes(16),
      randomBytes,
      timers: platform.timers,
    });
    const bytes = random.bytes(300_000);
    const blob = await blobs.write(1n, [bytes], signal);
    const name = { blobId: blob.blobId, sizeBytes: bytes.length };
    for (const [offset, length] of [
      [0, 300_000],
      [0, 1],
      [131_071, 2],
      [262_144, 37_856],
      [299_999, 1],
      [7, 0],
    ] as const) {
      const part = await blobs.read(1n, name, { offset, length }, signal);
      expect(toHex(part)).toBe(toHex(bytes.slice(offset, offset + length)));
    }
    const stored = (await read(toHex(blob.blobId), 0, 400_000)) ?? new Uint8Array();
    const range = { offset: 200_000, length: 10 };
    const replacedBy = async (other: Uint8Array, sizeBytes = bytes.length) => {
      const blobId = random.bytes(16);
      await store.putIfAbsent(toHex(blobId), other, signal);
      return codeOf(blobs.read(1n, { blobId, sizeBytes }, range, signal));
    };
    const changed = stored.slice();
    changed[180_000]! ^= 1;
    expect(await replacedBy(changed)).toBe("data-damaged");
    expect(await replacedBy(stored.slice(0, 150_000))).toBe("data-damaged");
    expect(await replacedBy(stored.slice(0, 10))).toBe("data-damaged");
    // Another blob's bytes, whole as they are, and the same with another size.
    expect(await replacedBy(stored)).toBe("data-damaged");
    expect(await codeOf(blobs.read(1n, { ...name, sizeBytes: 300_001 }, range, signal))).toBe("data-damaged");
    // More than one request: parts are cut where blocks end, and put together again.
    const long = random.bytes(9_000_000);
    const { blobId } = await blobs.write(1n, [long], signal);
    const longName = { blobId, sizeBytes: long.length };
    for (const [offset, length] of [
      [0, 9_000_000],
      [4_194_303, 2],
      [100, 8_888_888],
    ] as const) {
      const part = await blobs.read(1n, longName, { offset, length }, signal);
      expect(Buffer.compare(part, long.subarray(offset, offset + length))).toBe(0);
    }
    const missing = { blobId: random.bytes(16), sizeBytes: 10 };
    expect(await codeOf(blobs.read(1n, missing, { offset: 0, length: 10 }, signal))).toBe("data-damaged");
  });
});

describe("the driver fs", () => {
  it("takes a directory that is not mounted for neither empty nor its own", async () => {
    const absent = new DirectoryStore({ disk: platform.disk, path: join(root, "absent"), clusterId: "c" });
    expect(await codeOf(absent.prepare())).toBe("unavailable");
    const unmounted = new DirectoryStore({ disk: platform.disk, path: root, clusterId: "never-prepared" });
    const range = { offset: 0, length: 1 };
    expect(await codeOf(unmounted.read(fresh(), range))).toBe("unavailable");
    expect(await codeOf(unmounted.putIfAbsent(fresh(), random.bytes(3)))).toBe("unavailable");
    expect(await codeOf(unmounted.delete(fresh()))).toBe("unavailable");
    expect(await codeOf(unmounted.list({ after: "", limit: 3 }))).toBe("unavailable");
    expect(readdirSync(root)).not.toContain("never-prepared");
  });

  it("finds a file that was cut", async () => {
    const store = new DirectoryStore({ disk: platform.disk, path: root, clusterId: "cut" });
    await store.prepare();
    const name = fresh();
    await store.putIfAbsent(name, random.bytes(100));
    truncateSync(join(root, "cut", name), 40);
    expect(await store.read(name, { offset: 0, length: 100 })).toHaveLength(40);
  });
});

describe("the driver s3", () => {
  let service: OddS3;
  let endpoint: URL;
  beforeEach(async () => {
    service = new OddS3();
    endpoint = await service.start();
  });
  afterEach(() => service.stop());

  const probe = () => probeStore(s3Store(endpoint), { name: fresh(), randomBytes }, signal);

  it("refuses a service that ignores If-None-Match, or ranges", async () => {
    service.odd.ignoresIfNoneMatch = true;
    expect(await probe()).toMatch(/second write .*If-None-Match/);
    expect(service.objects.size).toBe(0);
    service.odd.ignoresIfNoneMatch = false;
    service.odd.ignoresRange = true;
    expect(await probe()).toMatch(/GetObject is answered with status 200/);
  });

  it("goes to no other address", async () => {
    const other = new OddS3();
    service.odd.location = `${(await other.start()).href}segments/x`;
    expect(await probe()).toMatch(/status 307: another address/);
    expect(other.requests).toBe(0);
    await other.stop();
  });

  it("tries again what may pass, and gives up after four attempts", async () => {
    const store = s3Store(endpoint);
    service.odd.failures = { left: 3, status: 503 };
    expect(await store.putIfAbsent(fresh(), random.bytes(10), signal)).toBe("written");
    expect(service.requests).toBe(4);
    service.odd.failures = { left: 100, status: 500 };
    expect(await codeOf(store.putIfAbsent(fresh(), random.bytes(10), signal))).toBe("unavailable");
    expect(service.requests).toBe(8);
    service.odd.failures = { left: 100, status: 403 };
    expect(await codeOf(store.delete(fresh(), signal))).toBe("unavailable");
    expect(service.requests).toBe(9);
  });

  it("reads no more than it asked for", async () => {
    const store = s3Store(endpoint);
    const name = fresh();
    await store.putIfAbsent(name, random.bytes(5_000), signal);
    service.odd.talksTooMuch = true;
    expect(await codeOf(store.read(name, { offset: 0, length: 10 }, signal))).toBe("unavailable");
  });

  it.each([
    ["an error", error("AccessDenied")],
    ["no XML", "sorry"],
    ["a DOCTYPE", "<!DOCTYPE x><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"],
    ["no end", "<ListBucketResult><IsTruncated>false</IsTruncated>"],
    ["nothing", ""],
  ])("takes %s for no list", async (_, list) => {
    service.odd.list = list;
    expect(await codeOf(s3Store(endpoint).list({ after: "", limit: 10 }, signal))).toBe("unavailable");
  });

  it("does not take a missing bucket, or a key that may not, for a missing object", async () => {
    const rig = await startRig();
    const range = { offset: 0, length: 1 };
    expect(await codeOf(s3Store(new URL(rig.endpoint)).read(fresh(), range, signal))).toBe("unavailable");
    const stranger = s3Store(new URL(rig.endpoint), { secret: "wrong" });
    expect(await codeOf(stranger.read(fresh(), range, signal))).toBe("unavailable");
    await rig.close();
  });
});
