/** Of the promise: namespaces over a real node, through the TypeScript client, before and after they are indexed, and after a restart. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  and,
  contains,
  type Document,
  eq,
  gte,
  type Namespace,
  not,
  SkerryClient,
  type SkerryError,
} from "../../src/client/index.ts";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-namespaces-"));
let skerry: Skerry;
let client: SkerryClient;

async function start(): Promise<void> {
  skerry = await startSkerry({ dataDirectory: directory, buckets: ["segments"] });
  client = new SkerryClient({ endpoint: skerry.apiEndpoint, apiKey: skerry.apiKey });
}

beforeAll(start);
afterAll(async () => {
  await skerry.stop();
  rmSync(directory, { recursive: true, force: true });
});

const TITLES = [
  "Rocks in the sea",
  "The sea is deep",
  "A rock that the sea does not move",
  "Inland, no water at all",
];
const DOCUMENTS: readonly Document[] = TITLES.map((title, id) => ({
  id,
  vector: [Math.cos(id), Math.sin(id)],
  text: { title },
  attributes: { year: 2020 + id, tags: id % 2 === 0 ? ["even", "all"] : ["all"] },
}));

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: SkerryError) => error.code,
  );

async function idsOf(namespace: Namespace, query: Parameters<Namespace["query"]>[0]) {
  const { results } = await namespace.query({ include: false, ...query });
  return results.map(({ id }) => id);
}

/** What every state of the four documents answers, however it is stored. */
async function answersAsExpected(namespace: Namespace): Promise<void> {
  expect(await idsOf(namespace, { text: "rock" })).toEqual([0, 2]);
  expect(await idsOf(namespace, { text: { query: "sea does", match: "phrase" } })).toEqual([2]);
  expect(await idsOf(namespace, { vector: [Math.cos(0.9), Math.sin(0.9)], top_k: 2 })).toEqual([1, 0]);
  expect(await idsOf(namespace, { text: "sea", vector: [1, 0], filter: not(eq("year", 2020)) })).toHaveLength(
    3,
  );
  expect(await idsOf(namespace, { order_by: [["year", "desc"]], filter: contains("tags", "even") })).toEqual([
    2, 0,
  ]);
  const counted = await namespace.query({
    top_k: 0,
    filter: and(gte("year", 2021), contains("tags", "all")),
    aggregate: { metrics: { n: ["count"], newest: ["max", "year"] } },
    facets: ["tags"],
  });
  expect(counted).toMatchObject({
    results: [],
    aggregations: [{ values: { n: 3, newest: 2023 } }],
    facets: {
      tags: [
        { value: "all", count: 3 },
        { value: "even", count: 1 },
      ],
    },
  });
}

describe("a namespace", () => {
  it("is searched as soon as it is written, and the same once it is indexed, and after a restart", async () => {
    const docs = client.namespace("acme/web/docs");
    await docs.create({ schema: { vectors: { vector: { dimensions: 2 } }, text: { title: {} } } });
    expect(await docs.write({ upserts: DOCUMENTS })).toMatchObject({ version: 1, upserted: 4 });
    await answersAsExpected(docs);
    await expect
      .poll(async () => (await docs.info()).statistics, { timeout: 60_000, interval: 250 })
      .toMatchObject({ indexed_documents: 4, unindexed_batches: 0, segments: 1 });
    await answersAsExpected(docs);
    await skerry.stop();
    await start();
    await answersAsExpected(client.namespace("acme/web/docs"));
  }, 120_000);

  it("is the same with its segments in a bucket, in a directory and back on the nodes", async () => {
    // The store is this very node's gateway: an S3 service as any other.
    const bucket = {
      endpoint: skerry.s3Endpoint,
      region: skerry.region,
      bucket: "segments",
      prefix: "search/",
      access_key_id: skerry.credentials.accessKeyId,
      secret_access_key: skerry.credentials.secretAccessKey,
    };
    const call = async (verb: string, path: string, body: object) => {
      const response = await fetch(`${skerry.apiEndpoint}/v1/${path}`, {
        method: verb,
        headers: { authorization: `Bearer ${skerry.apiKey}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return [response.status, JSON.stringify(await response.json())] as const;
    };
    const set = (body: object) => call("PUT", "search/store", body);
    const s3 = new S3Client({
      endpoint: skerry.s3Endpoint,
      region: skerry.region,
      forcePathStyle: true,
      credentials: skerry.credentials,
    });
    const keys = async () => {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: "segments" }));
      return Contents.map(({ Key }) => Key);
    };
    expect((await set({ bucket: { ...bucket, bucket: "absent" } }))[1]).toMatch(/NoSuchBucket/);
    expect((await set({ bucket: { ...bucket, secret_access_key: "wrong" } }))[0]).toBe(412);
    const mounted = join(directory, "mounted");
    expect((await set({ directory: { path: mounted } }))[1]).toMatch(/there is no directory/);
    mkdirSync(mounted);
    const outside = client.namespace("acme/web/outside");
    await outside.create({ schema: { vectors: { vector: { dimensions: 2 } }, text: { title: {} } } });
    const routes = "orgs/acme/projects/web/namespaces/outside";
    for (const body of [{ bucket }, { directory: { path: mounted } }, {}, { bucket }]) {
      const [status, said] = await set(body);
      expect([status, said]).toEqual([200, expect.not.stringContaining(bucket.secret_access_key)]);
      await outside.write({ upserts: DOCUMENTS });
      expect(await call("POST", `${routes}/compact`, {})).toEqual([
        200,
        expect.stringContaining('"done":true'),
      ]);
      await answersAsExpected(outside);
      expect(await call("POST", `${routes}/verify`, {})).toEqual([
        200,
        expect.stringContaining('"problems":[]'),
      ]);
    }
    expect(await keys()).toEqual(
      expect.arrayContaining([expect.stringMatching(/^search\/[^/]+\/[0-9a-f]{32}$/)]),
    );
    expect(readdirSync(join(mounted, readdirSync(mounted)[0] ?? "")).length).toBeGreaterThan(0);
    await skerry.stop();
    await start();
    await answersAsExpected(client.namespace("acme/web/outside"));
  }, 120_000);

  it("is written only where the old row allows it", async () => {
    const docs = client.namespace("acme/web/conditions");
    await docs.create();
    await docs.write({ upserts: [{ id: "a", attributes: { updated: 5 } }] });
    const newer = ["updated", "Lt", { new: "updated" }] as const;
    expect(await docs.write({ upserts: [{ id: "a", attributes: { updated: 4 } }], if: newer })).toMatchObject(
      { upserted: 0 },
    );
    expect(await docs.write({ upserts: [{ id: "a", attributes: { updated: 6 } }], if: newer })).toMatchObject(
      { upserted: 1 },
    );
    expect(await docs.write({ upserts: [{ id: "a" }, { id: "b" }], if: ["id", "Null"] })).toMatchObject({
      upserted: 1,
    });
    const { version } = await docs.info();
    expect(await code(docs.write({ deletes: ["a"], if_version: version - 1 }))).toBe("version_conflict");
    const once = { idempotencyKey: "once" };
    const first = await docs.write({ patches: [{ id: "a", attributes: { seen: true } }] }, once);
    expect(await docs.write({ patches: [{ id: "a", attributes: { seen: true } }] }, once)).toMatchObject({
      version: first.version,
      repeated: true,
    });
    expect(await docs.fetch(["a"])).toMatchObject([{ id: "a", attributes: { updated: 6, seen: true } }]);
  });

  it("goes its own way as a branch, and a branch outlives it", async () => {
    const trunk = client.namespace("acme/web/trunk");
    await trunk.create();
    await trunk.write({ upserts: DOCUMENTS });
    const { version } = await trunk.info();
    await trunk.branch("feature");
    const feature = client.namespace("acme/web/feature");
    await feature.write({ upserts: [{ id: "new" }], deletes: [0] });
    await trunk.write({ deletes: [1], upserts: [{ id: "later" }] });
    await feature.branch("experiment");
    const experiment = client.namespace("acme/web/experiment");
    await experiment.write({ delete_by_filter: gte("year", 2023) });
    expect(await idsOf(trunk, {})).toEqual([0, 2, 3, "later"]);
    expect(await idsOf(feature, {})).toEqual([1, 2, 3, "new"]);
    expect(await idsOf(experiment, {})).toEqual([1, 2, "new"]);
    const past = await trunk.query({ include: false }, { at_version: version });
    expect(past.results.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
    await trunk.delete();
    expect(await code(trunk.info())).toBe("not_found");
    expect(await idsOf(feature, { text: "sea" })).toHaveLength(2);
    await feature.delete();
    const exported: unknown[] = [];
    for await (const { id } of experiment.export()) exported.push(id);
    expect(exported).toEqual([1, 2, "new"]);
  });

  it("takes many documents, and is listed with what it holds", async () => {
    const many = client.namespace("acme/web/many");
    await many.create({ schema: { attributes: { n: "int" } } });
    const documents = Array.from({ length: 1200 }, (_, id) => ({ id, attributes: { n: id % 7 } }));
    expect(await many.upsertAll(documents, { batchDocuments: 250 })).toMatchObject({
      documents: 1200,
      batches: 5,
    });
    const { aggregations } = await many.query({
      top_k: 0,
      aggregate: { metrics: { n: ["count"] }, group_by: ["n"], limit: 3 },
    });
    expect(aggregations?.map(({ values }) => values["n"])).toEqual([172, 172, 172]);
    const names: string[] = [];
    for await (const { namespace } of client.namespaces({ project: "acme/web", prefix: "m" }))
      names.push(namespace);
    expect(names).toEqual(["many"]);
  });

  it.each([
    ["a field of another type", { upserts: [{ id: 1, attributes: { n: "seven" } }] }, "invalid_argument"],
    ["a vector of other dimensions", { upserts: [{ id: 1, vector: [1, 2, 3] }] }, "invalid_argument"],
    ["the same id twice", { upserts: [{ id: 1 }], deletes: [1] }, "invalid_argument"],
  ])("refuses %s, whole", async (_, batch, refused) => {
    const strict = client.namespace("acme/web/strict");
    await strict.create({ schema: { vectors: { vector: { dimensions: 2 } }, attributes: { n: "int" } } });
    expect(await code(strict.write({ ...batch, patches: [{ id: "other" }] }))).toBe(refused);
    expect(await idsOf(strict, {})).toEqual([]);
  });

  it("is there with its schema, or not at all", async () => {
    const fixed = client.namespace("acme/web/fixed");
    const schema = { attributes: { n: "int" } };
    await fixed.create({ schema });
    expect(await code(fixed.create({ schema }))).toBe("ok");
    expect(await code(fixed.create({ schema: { attributes: { n: "string" } } }))).toBe("already_exists");
    expect(await code(fixed.update({ schema: { attributes: { n: "string" } } }))).toBe("schema_conflict");
    expect(await code(client.namespace("acme/web/nothing").query({}))).toBe("not_found");
  });
});

describe("quotas and keys", () => {
  it("what is full takes nothing more, says which quota, and takes it again when there is room", async () => {
    const small = client.namespace("small/shop/things");
    await small.create({});
    expect(await client.setQuota("small/shop", { max_documents: 1 })).toMatchObject({ namespaces: 1 });
    await small.write({ upserts: [{ id: 1 }] });
    const refused = await new SkerryClient({
      endpoint: skerry.apiEndpoint,
      apiKey: skerry.apiKey,
      maxAttempts: 1,
    })
      .namespace("small/shop/things")
      .write({ upserts: [{ id: 2 }] })
      .catch((error: SkerryError) => error);
    expect(refused).toMatchObject({ code: "quota_exceeded", status: 429 });
    expect(await client.quota("small")).toMatchObject({ documents: 1, max_documents: 0 });
    await client.setQuota("small/shop", {});
    expect(await code(small.write({ upserts: [{ id: 2 }] }))).toBe("ok");
  });

  it("a rotated key works with both secrets, and without grace with the new one alone", async () => {
    const call = async (path: string, body: object) => {
      const headers = { authorization: `Bearer ${skerry.apiKey}`, "content-type": "application/json" };
      const response = await fetch(new URL(path, skerry.apiEndpoint), {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      return (await response.json()) as { key: { key_id: string }; secret: string };
    };
    const works = (apiKey: string) =>
      code(new SkerryClient({ endpoint: skerry.apiEndpoint, apiKey }).quota("small"));
    const made = await call("/v1/keys", { kind: "api", role: "reader" });
    const first = await call(`/v1/keys/${made.key.key_id}/rotate`, { grace_seconds: 3600 });
    expect([await works(made.secret), await works(first.secret)]).toEqual(["ok", "ok"]);
    const second = await call(`/v1/keys/${made.key.key_id}/rotate`, { grace_seconds: 0 });
    expect([await works(made.secret), await works(first.secret), await works(second.secret)]).toEqual([
      "unauthenticated",
      "unauthenticated",
      "ok",
    ]);
  });
});
