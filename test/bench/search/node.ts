/** Skerry as its users have it: a node of one process, asked over HTTP by its client. */
import { lt, type Namespace, type QueryResult, SkerryClient } from "../../../src/client/index.ts";
import { TestCluster } from "../../support/test-cluster.ts";
import { type MachineLimits, percentile } from "../limits.ts";
import { DIMENSIONS, type Row, wordsOf } from "./data.ts";
import { line, loading, measure, type Searcher, spelled, TOP, type Truth, timed } from "./measure.ts";

const NAME = "Skerry, one node, HTTP";
const BATCHES = 60;
const BATCH_DOCUMENTS = 100;
/** The target: three times fsync and round trip, and this. */
const WRITE_ALLOWANCE_MS = 10;

export async function benchNode(
  rows: readonly Row[],
  queries: readonly Row[],
  truth: Truth,
  limits: MachineLimits,
): Promise<void> {
  const cluster = await TestCluster.start({ nodes: 1 });
  try {
    const node = cluster.node(1);
    const client = new SkerryClient({ endpoint: cluster.endpointOf(node), apiKey: cluster.apiKey });
    const namespace = client.namespace("bench/search/wordnet");
    await namespace.create({
      schema: {
        vectors: { vector: { dimensions: DIMENSIONS } },
        text: { words: { weight: 2 }, gloss: {} },
        attributes: { number: "int" },
      },
    });
    await loading(NAME, rows.length, async () => {
      await namespace.upsertAll(rows.values().map(documentOf), { batchDocuments: 250 });
      await indexed(namespace);
    });
    const { segment_bytes: bytes = 0, segments } = (await namespace.info()).statistics;
    line(NAME, "size", `${(bytes / rows.length).toFixed(0)} bytes a document, ${segments} segments`);
    await measure(searcherOf(namespace), queries, truth);
    await costs(namespace, queries);
    await writes(namespace, limits);
    await cluster.kill(node);
    cluster.launch(node);
    await cluster.ready(node);
    await cold(namespace, queries);
  } finally {
    await cluster.stop();
  }
}

/** As a namespace is a minute after the last write: everything in segments, and as few of those as it can be. */
async function indexed(namespace: Namespace): Promise<void> {
  while (((await namespace.info()).statistics["unindexed_batches"] ?? 0) > 0)
    await new Promise((wake) => setTimeout(wake, 100));
  while (!(await namespace.compact()).done) await new Promise((wake) => setTimeout(wake, 100));
}

function searcherOf(namespace: Namespace): Searcher {
  const ids = ({ results }: QueryResult) => results.map(({ id }) => Number(id));
  return {
    name: NAME,
    filters: true,
    vector: async (vector, below) =>
      ids(
        await namespace.query({
          vector,
          top_k: TOP,
          include: false,
          ...(below !== undefined && { filter: lt("number", below) }),
        }),
      ),
    text: async (text) => namespace.query({ text, top_k: TOP, include: false }),
  };
}

/** Of a query once everything is in the caches. */
async function costs(namespace: Namespace, queries: readonly Row[]): Promise<void> {
  const kinds = [
    ["vector", (row: Row) => namespace.query({ vector: row.vector, include: false })],
    ["text", (row: Row) => namespace.query({ text: wordsOf(row), include: false })],
  ] as const;
  for (const [kind, ask] of kinds) {
    const answers: QueryResult[] = [];
    for (const query of queries) answers.push(await ask(query));
    line(NAME, `${kind}, of a query`, meansOf(answers));
  }
}

/** The numbers of the answers' own account, averaged. */
function meansOf(answers: readonly QueryResult[]): string {
  const names = Object.entries(answers[0]?.performance ?? {}).flatMap(([name, value]) =>
    typeof value === "number" ? name : [],
  );
  return names
    .map((name) => {
      const sum = answers.reduce((total, { performance: account }) => total + Number(account[name] ?? 0), 0);
      return `${name} ${(sum / answers.length).toFixed(1)}`;
    })
    .join(", ");
}

/** Batches one after the other, and after each a strong read that must show it. */
async function writes(namespace: Namespace, { fsyncMs }: MachineLimits): Promise<void> {
  const times: number[] = [];
  const reads: number[] = [];
  const trips = await timed(
    Array.from({ length: 50 }, () => EMPTY_ROW),
    () => namespace.info(),
  );
  for (let batch = 0; batch < BATCHES; batch++) {
    const upserts = Array.from({ length: BATCH_DOCUMENTS }, (_, at) =>
      documentOf({
        ...EMPTY_ROW,
        id: 10_000_000 + at,
        number: batch,
        vector: randomVector(batch * BATCH_DOCUMENTS + at),
      }),
    );
    const from = performance.now();
    const { version } = await namespace.write({ upserts });
    const written = performance.now();
    const seen = await namespace.query({ top_k: 1, filter: ["id", "Eq", 10_000_000], include: ["number"] });
    times.push(written - from);
    reads.push(performance.now() - written);
    if (seen.version < version || seen.results[0]?.attributes?.["number"] !== batch)
      throw new Error("a strong read does not see the write before it");
  }
  const sorted = (values: number[]) => values.sort((a, b) => a - b);
  const [write, read] = [sorted(times), sorted(reads)].map((all) => ({
    p50: percentile(all, 0.5),
    p99: percentile(all, 0.99),
  }));
  const target = 3 * (fsyncMs.p50 + trips.p50) + WRITE_ALLOWANCE_MS;
  line(
    NAME,
    "batch of 100, durable",
    `${spelled(write!)}; 3 x (fsync + round trip) + 10 ms is ${target.toFixed(1)} ms, ${(write!.p50 / target).toFixed(2)} of it`,
  );
  line(NAME, "strong read after it", `${spelled(read!)}; it saw all ${BATCHES}`);
}

/** The first queries of a node that has just started; the system's page cache is warm. */
async function cold(namespace: Namespace, queries: readonly Row[]): Promise<void> {
  const [first, ...others] = queries;
  const one = await timed([first!], (row) => namespace.query({ vector: row.vector, include: false }));
  line(
    NAME,
    "vector, cold",
    `the first ${one.p50.toFixed(1)} ms, then ${spelled(await timed(others.slice(0, 20), (row) => namespace.query({ vector: row.vector, include: false })))}`,
  );
  line(
    NAME,
    "text, cold",
    spelled(
      await timed(others.slice(0, 20), (row) => namespace.query({ text: wordsOf(row), include: false })),
    ),
  );
}

const EMPTY_ROW: Row = {
  id: 0,
  words: "bench",
  gloss: "a document of the benchmark",
  number: 0,
  vector: new Float32Array(DIMENSIONS),
};

function randomVector(seed: number): Float32Array {
  return Float32Array.from({ length: DIMENSIONS }, (_, at) => Math.sin((seed + 1) * (at + 1)));
}

function documentOf({ id, words, gloss, number, vector }: Row) {
  return { id, vector, text: { words, gloss }, attributes: { number } };
}
