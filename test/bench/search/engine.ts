/** Skerry's index and executor in this process: no node, no HTTP. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createNodePlatform } from "../../../src/platform/node/index.ts";
import { LocalKernel } from "../../../src/search/engine/local-kernel.ts";
import type { Document } from "../../../src/search/model/document.ts";
import { DEFAULT_TEXT_FIELD, type Schema } from "../../../src/search/model/schema.ts";
import type { Query } from "../../../src/search/query/query.ts";
import type { Performance } from "../../../src/search/query/result.ts";
import type { SearchUnit } from "../../../src/search/unit/ports.ts";
import { vectorKernels } from "../../../src/search/vector/index.ts";
import { MemoryReader } from "../../../src/search/vector/testing/memory-reader.ts";
import { DIMENSIONS, type Row } from "./data.ts";
import { line, loading, type Searcher, TOP } from "./measure.ts";

/** Well within what a merge makes at most: 512 MiB are some 230,000 rows. */
const SEGMENT_ROWS = 100_000;

export const SCHEMA: Schema = {
  vectors: new Map([["vector", { dimensions: DIMENSIONS, metric: "cosine", element: "f32" }]]),
  sparse: new Map(),
  text: new Map([
    ["words", { ...DEFAULT_TEXT_FIELD, weight: 2 }],
    ["gloss", DEFAULT_TEXT_FIELD],
  ]),
  attributes: new Map([["number", { type: "int", array: false, filterable: true }]]),
};

/** `kept`: a directory for the segments. Those that are there are not built again, so that a long build can be broken off, and its queries run by themselves. */
export async function engineSearcher(
  count: number,
  part: (at: number, length: number) => readonly Row[],
  kept?: string,
): Promise<Searcher> {
  const kernel = new LocalKernel({ ...createNodePlatform(), vectors: vectorKernels() });
  const { signal } = new AbortController();
  const readers: MemoryReader[] = [];
  const units: SearchUnit[] = [];
  const name = "Skerry, in process";
  await loading(name, count, async () => {
    for (let at = 0; at < count; at += SEGMENT_ROWS) {
      const build = () => {
        const documents = part(at, Math.min(SEGMENT_ROWS, count - at)).map(documentOf);
        return kernel.buildSegment(documents, SCHEMA, signal);
      };
      const reader = new MemoryReader(
        await builtOrKept(build, kept && join(kept, `${count}-${at}-${SEGMENT_ROWS}`)),
      );
      readers.push(reader);
      units.push(await kernel.openSegment(`segment ${at}`, reader, SCHEMA));
    }
  });
  const bytes = readers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  line(
    name,
    "size",
    `${(bytes / count).toFixed(0)} bytes a document (${4 * DIMENSIONS} of them the vector), ${units.length} segments`,
  );
  const asked: Performance[] = [];
  const ask = async (query: Partial<Query>) => {
    const whole: Query = {
      topK: TOP,
      legs: [],
      ranking: { kind: "rrf", k: 60 },
      facets: [],
      projection: { kind: "id" },
      explain: false,
      ...query,
    };
    const [result] = await kernel.query([whole], { units, schema: SCHEMA }, { nowMs: 0 });
    if (result !== undefined) asked.push(result.performance);
    return result?.hits.map(({ id }) => Number(id)) ?? [];
  };
  return {
    name,
    filters: true,
    cost: () => meansOf(asked.splice(0)),
    vector: (vector, below) =>
      ask({
        legs: [{ kind: "vector", field: "vector", vector, exact: false, weight: 1 }],
        ...(below !== undefined && {
          filter: { kind: "compare", field: "number", operator: "lt", value: BigInt(below) },
        }),
      }),
    text: (words) =>
      ask({ legs: [{ kind: "text", query: words, match: "any", lastAsPrefix: false, weight: 1 }] }),
  };
}

function meansOf(asked: readonly Performance[]): string {
  const mean = (of: (one: Performance) => number) =>
    asked.reduce((sum, one) => sum + of(one), 0) / Math.max(1, asked.length);
  return `${mean(({ candidates }) => candidates).toFixed(0)} candidates, ${mean(({ blobs }) => blobs).toFixed(0)} blobs, ${mean(({ readBytes }) => readBytes / 1024).toFixed(0)} KiB in ${mean(({ waves }) => waves).toFixed(1)} waves`;
}

async function builtOrKept(build: () => Promise<Uint8Array>, path: string | undefined): Promise<Uint8Array> {
  if (path === undefined) return build();
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, await build());
    renameSync(`${path}.new`, path);
    console.log(`  built ${path}, ${(process.cpuUsage().user / 1e6).toFixed(0)} s of CPU so far`);
  }
  return new Uint8Array(readFileSync(path));
}

export function documentOf({ id, words, gloss, number, vector }: Row): Document {
  return {
    id: BigInt(id),
    vectors: new Map([["vector", vector]]),
    sparse: new Map(),
    text: new Map([
      ["words", words],
      ["gloss", gloss],
    ]),
    attributes: new Map([["number", BigInt(number)]]),
  };
}
