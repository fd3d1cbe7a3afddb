/**
 * What heavy work of searches costs the thread that serves requests: its processor time, and how long it is away from the event loop, in processor time
 * too, so that other load on the machine does not count. Building and merging index segments, with and without a search thread; then queries that look at everything.
 *
 *   node test/bench/search-turns.ts [--documents 20000] [--only queries]
 */
import { parseArgs } from "node:util";
import { createNodePlatform } from "../../src/platform/node/index.ts";
import type { SearchKernel } from "../../src/search/engine/kernel.ts";
import { LocalKernel, parseQuery, ThreadKernel, ThreadPool, vectorKernels } from "../../src/search/index.ts";
import type { Document } from "../../src/search/model/document.ts";
import { RowSet } from "../../src/search/rows/row-set.ts";
import { MemoryReader } from "../../src/search/vector/testing/memory-reader.ts";
import { startSearchThread } from "../../src/server/search-thread.ts";
import { corpus } from "./search/data.ts";
import { documentOf, SCHEMA } from "./search/engine.ts";

const { values } = parseArgs({
  options: { documents: { type: "string", default: "20000" }, only: { type: "string" } },
});
const count = Number(values.documents);
const documents = corpus(count, 0).rows.map(documentOf);
const platform = createNodePlatform();
const local = new LocalKernel({ ...platform, vectors: vectorKernels() });
const pool = new ThreadPool({ threads: 1, start: startSearchThread, onJob: () => undefined });
const threaded = new ThreadKernel({ local, pool, timers: platform.timers });
const { signal } = new AbortController();

console.log(`${count} entries of WordNet, 384 dimensions; then the merge of two segments of half of them`);
for (const [name, kernel] of values.only === "queries"
  ? []
  : ([
      ["on this thread", local],
      ["on another", threaded],
    ] as const)) {
  // Once for what is compiled and started.
  await kernel.buildSegment(documents.slice(0, 500), SCHEMA, signal);
  await measured(`build, ${name}`, () => kernel.buildSegment(documents, SCHEMA, signal));
  const files = await halves(kernel, documents);
  await measured(`merge, ${name}`, () => kernel.mergeSegments(files, { schema: SCHEMA, nowMs: 0 }, signal));
}
await queries();
await pool.close();

async function queries(): Promise<void> {
  const reader = new MemoryReader(await threaded.buildSegment(documents, SCHEMA, signal));
  const on = { units: [await local.openSegment("segment", reader, SCHEMA)], schema: SCHEMA };
  const [{ vectors }] = documents as [Document];
  const plain = [...vectors.get("vector")!];
  const asked = {
    "exact vector": { vector: { value: plain, exact: true } },
    "text, 12 frequent words": { text: "person act used make state part small large water form body time" },
    facet: { top_k: 0, facets: ["number"] },
    "aggregation by a number": { top_k: 0, aggregate: { metrics: { n: ["count"] }, group_by: ["number"] } },
    "order by a number": { order_by: [["number", "desc"]] },
  };
  for (const [name, plainQuery] of Object.entries(asked)) {
    const ask = () => local.query([parseQuery(plainQuery)], on, { nowMs: 0, signal });
    await ask();
    await measured(name, ask);
  }
}

async function halves(kernel: SearchKernel, all: readonly Document[]) {
  const files = [];
  for (const part of [all.slice(0, all.length / 2), all.slice(all.length / 2)])
    files.push({
      bytes: await kernel.buildSegment(part, SCHEMA, signal),
      deleted: RowSet.empty(part.length),
    });
  return files;
}

async function measured(name: string, work: () => Promise<unknown>): Promise<void> {
  const turns: number[] = [];
  let [isDone, before] = [false, cpuMs()];
  const turn = () => {
    const now = cpuMs();
    turns.push(now - before);
    before = now;
    if (!isDone) setTimeout(turn, 1);
  };
  const begun = cpuMs();
  const working = work();
  turn();
  await working;
  turn();
  isDone = true;
  turns.sort((a, b) => b - a);
  const over = turns.filter((ms) => ms > 10);
  console.log(
    `  ${name.padEnd(24)} ${(cpuMs() - begun).toFixed(0)} ms of this thread; away for ${turns[0]!.toFixed(1)} ms at most, ${over.length} times more than 10 ms, ${over.reduce((sum, ms) => sum + ms, 0).toFixed(0)} ms together`,
  );
}

/** Of this thread. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
