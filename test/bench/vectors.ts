/**
 * Recall and cost of the vector index on vectors like real ones (real-vectors.ts says how they are made): `node test/bench/vectors.ts`.
 *
 *   --vectors 100000 --queries 50 --k 10 --metric cosine --element f32 --seed 1
 *
 * Vectors and index lie in files, as much of them in memory as a build and a search take; everything is on one thread. CPU time is that of the
 * thread; other programs change the wall clock, not it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createPrng } from "../../src/base/index.ts";
import type { Metric, VectorElement, VectorField } from "../../src/search/model/schema.ts";
import { RowSet } from "../../src/search/rows/row-set.ts";
import {
  openVectorIndex,
  planVectorIndex,
  queryVector,
  storedVector,
  type VectorAnswer,
  type VectorIndex,
  type VectorSource,
  vectorKernels,
} from "../../src/search/vector/index.ts";
import { CountedFile } from "./counted-file.ts";
import { DIMENSIONS, dot, LikeReal } from "./real-vectors.ts";

const { values } = parseArgs({
  options: {
    vectors: { type: "string", default: "100000" },
    queries: { type: "string", default: "50" },
    k: { type: "string", default: "10" },
    metric: { type: "string", default: "cosine" },
    element: { type: "string", default: "f32" },
    seed: { type: "string", default: "1" },
  },
});
const [count, queryCount, k] = [Number(values.vectors), Number(values.queries), Number(values.k)];
const field: VectorField = {
  dimensions: DIMENSIONS,
  metric: values.metric as Metric,
  element: values.element as VectorElement,
};
const kernels = vectorKernels();
const COLD_QUERIES = 5;
const PAGE_ROWS = 1_024;
const ELEMENT_SIZE = { f32: 4, f16: 2, i8: 1 };
const VECTOR_BYTES = 4 * DIMENSIONS;
const like = new LikeReal();
/** Bytes take whole numbers: the vectors are made longer for them. */
const scale = field.element === "i8" ? 400 : 1;
const folder = mkdtempSync(join(tmpdir(), "skerry-vectors-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const stored = new CountedFile(join(folder, "vectors"));
const drawing = createPrng(`${values.seed}/rows`);
for (let first = 0; first < count; first += PAGE_ROWS) {
  const page = new Float32Array(Math.min(PAGE_ROWS, count - first) * DIMENSIONS);
  for (let start = 0; start < page.length; start += DIMENSIONS) {
    const drawn = like.draw(drawing).map((value) => value * scale);
    page.set(storedVector(field, drawn), start);
  }
  stored.append(new Uint8Array(page.buffer));
}
const asked = like.drawMany(`${values.seed}/queries`, queryCount).map((value) => value * scale);
const queries = Array.from({ length: queryCount }, (_, i) =>
  queryVector(field, asked.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS)),
);

console.log(
  `${count} vectors, ${DIMENSIONS} dimensions, ${field.metric}, ${field.element}, k ${k}, ${queryCount} queries, seed ${values.seed}, ${kernels.name} kernels`,
);
const { index, reader, rowOrder } = await built();
const rows = (test: (row: number) => boolean) =>
  RowSet.of(count, Uint32Array.from({ length: count }, (_, row) => row).filter(test));
const prng = createPrng(`${values.seed}/filters`);
await measured("no filter", () => undefined);
for (const part of [0.5, 0.1, 0.01, 0.001]) {
  const filter = rows(() => prng.chance(part));
  await measured(`${part * 100} % of the rows`, () => filter);
}
// Rows that are like one another: the nearest ones of a row. The queries are as they were, so that most are far away.
const anchor = vectorOf(rowOrder[prng.below(count)]!);
const likeness = new Float32Array(count);
for (let row = 0; row < count; row++) likeness[row] = dot(anchor, vectorOf(rowOrder[row]!));
const sortedLikeness = likeness.toSorted();
for (const part of [0.5, 0.1, 0.01, 0.001]) {
  const least = sortedLikeness[Math.floor(count * (1 - part))]!;
  const filter = rows((row) => likeness[row]! >= least);
  await measured(`${part * 100} %, near each other`, () => filter);
}

async function built(): Promise<{ index: VectorIndex; reader: CountedFile; rowOrder: Uint32Array }> {
  const source: VectorSource = {
    rowCount: count,
    present: RowSet.full(count),
    gather(rows) {
      const gathered = new Float32Array(rows.length * DIMENSIONS);
      for (const [i, row] of rows.entries()) gathered.set(vectorOf(row), i * DIMENSIONS);
      return Promise.resolve(gathered);
    },
  };
  const started = process.cpuUsage();
  const plan = await planVectorIndex({ field, source, kernels, prng: createPrng(`${values.seed}/build`) });
  const planned = cpuMs(started);
  const file = new CountedFile(join(folder, "index"));
  for await (const chunk of plan.layOut(plan.rowOrder).chunks) file.append(chunk);
  console.log(
    `build: plan ${planned.toFixed(0)} ms, lay out ${(cpuMs(started) - planned).toFixed(0)} ms of CPU; ${(file.sizeBytes / count).toFixed(0)} bytes per vector, of which full ${ELEMENT_SIZE[field.element] * DIMENSIONS}; at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB of memory so far`,
  );
  return { index: await openVectorIndex({ reader: file, kernels }), reader: file, rowOrder: plan.rowOrder };
}

async function measured(name: string, filter: () => RowSet | undefined): Promise<void> {
  const allowed = filter();
  const limited = allowed === undefined ? {} : { allowed };
  const exact: VectorAnswer[] = [];
  for (const query of queries) exact.push(await index.search({ query, k, exact: true, ...limited }));
  const answers: VectorAnswer[] = [];
  const wall: number[] = [];
  const cold = await coldReads(limited);
  // Once for what the first run compiles and loads.
  for (const query of queries) await index.search({ query, k, ...limited });
  const bytes = reader.bytesRead;
  const started = process.cpuUsage();
  for (const query of queries) {
    const from = performance.now();
    answers.push(await index.search({ query, k, ...limited }));
    wall.push(performance.now() - from);
  }
  const cpu = cpuMs(started) / queryCount;
  const recalls = answers.map((answer, i) => recall(answer, exact[i]!));
  const mean = (of: (answer: VectorAnswer) => number) =>
    answers.reduce((sum, answer) => sum + of(answer), 0) / queryCount;
  console.log(
    [
      name.padEnd(22),
      `recall@${k} ${(recalls.reduce((a, b) => a + b, 0) / queryCount).toFixed(4)}, least ${Math.min(...recalls).toFixed(2)}`,
      `${mean((a) => a.candidates).toFixed(0)} candidates`,
      `${mean((a) => a.listsProbed).toFixed(0)} lists`,
      `${mean((a) => a.reranked).toFixed(0)} reranked`,
      `${mean((a) => a.waves).toFixed(1)} waves`,
      `${((reader.bytesRead - bytes) / queryCount / 1024).toFixed(0)} KiB read`,
      cold,
      `CPU ${cpu.toFixed(2)} ms`,
      `p50 ${wall.toSorted((a, b) => a - b)[Math.floor(queryCount / 2)]!.toFixed(2)} ms`,
    ].join(", "),
  );
}

/** What the first query of an index reads that was opened for it. */
async function coldReads(limited: { readonly allowed?: RowSet }): Promise<string> {
  const asked = queries.slice(0, COLD_QUERIES);
  let [kib, ranges, waves] = [0, 0, 0];
  for (const query of asked) {
    const fresh = await openVectorIndex({ reader, kernels });
    const [bytes, count] = [reader.bytesRead, reader.ranges];
    waves += (await fresh.search({ query, k, ...limited })).waves / asked.length;
    kib += (reader.bytesRead - bytes) / 1024 / asked.length;
    ranges += (reader.ranges - count) / asked.length;
  }
  return `cold ${kib.toFixed(0)} KiB in ${ranges.toFixed(0)} ranges, ${waves.toFixed(1)} waves`;
}

/** Which part of the best rows was found: rows as good as the worst of them count, whichever they are. */
function recall(answer: VectorAnswer, exact: VectorAnswer): number {
  const worst = exact.hits.at(-1)?.score ?? 0;
  return exact.hits.length === 0
    ? 1
    : answer.hits.filter(({ score }) => score >= worst).length / exact.hits.length;
}

function vectorOf(sourceRow: number): Float32Array {
  const bytes = stored.bytesAt(sourceRow * VECTOR_BYTES, VECTOR_BYTES);
  return new Float32Array(bytes.buffer, bytes.byteOffset, DIMENSIONS);
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
