/**
 * Vector indexes as version 1 writes them, kept in `testdata/`: they must be read for as long as version 1 is. Never write them again; a change of the
 * format is a new version with golden files of its own. Made with SKERRY_WRITE_GOLDEN=1.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import type { VectorField } from "../model/schema.ts";
import { memorySource, openVectorIndex, planVectorIndex, queryVector, vectorKernels } from "./index.ts";
import { joinChunks, MemoryReader } from "./testing/memory-reader.ts";
import { clusteredVectors, smallIndexWithLists } from "./testing/small-index.ts";

const kernels = vectorKernels();

/** Without lists, its vectors not in the order of the rows, some rows without a vector. */
async function flat(): Promise<Uint8Array> {
  const field: VectorField = { dimensions: 3, metric: "euclidean", element: "f32" };
  const source = memorySource(clusteredVectors({ field, count: 8, clusters: 2, seed: "golden" }), 3);
  source.present.remove(2);
  source.present.remove(7);
  const plan = await planVectorIndex({ field, source, kernels, prng: createPrng("golden") });
  return joinChunks(plan.layOut(plan.rowOrder.toReversed()));
}

const FILES = [
  { name: "flat-v1.skvx", write: flat, field: { dimensions: 3, metric: "euclidean", element: "f32" } },
  {
    name: "cosine-f16-v1.skvx",
    field: { dimensions: 5, metric: "cosine", element: "f16" },
    write: () =>
      smallIndexWithLists(kernels, {
        field: { dimensions: 5, metric: "cosine", element: "f16" },
        count: 120,
        clusters: 4,
        seed: "golden",
      }),
  },
  {
    name: "dot-i8-v1.skvx",
    field: { dimensions: 7, metric: "dot", element: "i8" },
    write: () =>
      smallIndexWithLists(kernels, {
        field: { dimensions: 7, metric: "dot", element: "i8" },
        count: 250,
        clusters: 4,
        seed: "golden",
      }),
  },
] as const;

describe.each(FILES)("$name", ({ name, write, field }) => {
  const url = new URL(`./testdata/${name}`, import.meta.url);

  test("is what this code writes", async () => {
    const written = await write();
    if (process.env["SKERRY_WRITE_GOLDEN"] === "1" && !existsSync(url)) writeFileSync(url, written);
    expect(Buffer.compare(written, readFileSync(url))).toBe(0);
  });

  test("is read: every vector is nearest to itself, by the lists and exactly", async () => {
    const reader = new MemoryReader(new Uint8Array(readFileSync(url)));
    const index = await openVectorIndex({ reader, kernels, exactCandidates: 0 });
    expect(index.field).toEqual(field);
    const rows = (await index.rowsWithVector()).toRows();
    expect(rows.length).toBe(index.vectorCount);
    const vectors = await index.vectorsOf(rows);
    for (const [i, row] of rows.entries()) {
      if (field.metric === "dot") break;
      const query = queryVector(field, vectors[i]!);
      for (const exact of [false, true]) {
        const [hit] = (await index.search({ query, k: 1, exact })).hits;
        const best = field.metric === "cosine" ? 1 : 0;
        expect(Math.abs(hit!.score - best)).toBeLessThan(1e-6);
        expect(index.vectorCount > 10 || hit!.row === row).toBe(true);
      }
    }
    const { hits } = await index.search({ query: queryVector(field, vectors[0]!), k: 5, exact: true });
    expect(hits).toMatchSnapshot();
  });

  test("is refused when it is cut, longer, or of another version", async () => {
    const bytes = new Uint8Array(readFileSync(url));
    const opened = (changed: Uint8Array) => openVectorIndex({ reader: new MemoryReader(changed), kernels });
    for (const length of [0, 10, 63, 64, bytes.length - 1]) {
      await expect(opened(bytes.slice(0, length))).rejects.toMatchObject({ code: "data-damaged" });
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    await expect(opened(longer)).rejects.toMatchObject({ code: "data-damaged" });
    const newer = bytes.slice();
    newer[4] = 2;
    await expect(opened(newer)).rejects.toMatchObject({ code: "format-too-new" });
    await expect(opened(newer)).rejects.toThrow(SearchError);
  });
});
