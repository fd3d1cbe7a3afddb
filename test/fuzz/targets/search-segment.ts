import { createPrng } from "../../../src/base/index.ts";
import { PlainHasher } from "../../../src/platform/node/plain-hasher.ts";
import { SearchError } from "../../../src/search/errors.ts";
import { EVERY_FIELD, randomDocument } from "../../../src/search/testing/random-documents.ts";
import { randomFilter } from "../../../src/search/testing/random-queries.ts";
import { BlockReader, toBlocks } from "../../../src/search/unit/segment/blocks.ts";
import { buildSegment } from "../../../src/search/unit/segment/build-segment.ts";
import { openSegment } from "../../../src/search/unit/segment/segment-unit.ts";
import { searchTogether } from "../../../src/search/vector/index.ts";
import { plainKernels } from "../../../src/search/vector/kernels/plain.ts";
import { MemoryReader } from "../../../src/search/vector/testing/memory-reader.ts";
import { broken, type FuzzTarget, refusalLabel } from "../target.ts";

const checksum = new PlainHasher();
const kernels = plainKernels();
const ROWS = 6;
/** "failed-precondition": its text was cut by an analyzer that is not known here. */
const ABOUT_BYTES = new Set(["data-damaged", "format-too-new", "failed-precondition"]);

const random = createPrng("search-segment");
const documents = Array.from({ length: ROWS }, (_, i) =>
  randomDocument(random, i % 2 === 0 ? BigInt(i) : `id-${i}`),
);
const built = await buildSegment({ documents, schema: EVERY_FIELD, kernels, checksum, prng: random });
const reader = new BlockReader(new MemoryReader(built), checksum);
const content = await reader.read(0, reader.sizeBytes);
const filters = Array.from({ length: 12 }, () => randomFilter(random, 1));

/** Everything that can be read of a segment whose content this is. */
async function readAll(input: Uint8Array): Promise<string> {
  const unit = await openSegment({
    name: "fuzzed",
    reader: new MemoryReader(toBlocks(input, checksum)),
    schema: EVERY_FIELD,
    kernels,
    checksum,
  });
  const rows = Uint32Array.from({ length: unit.rowCount }, (_, row) => row);
  const found = await unit.documents(rows, { kind: "everything" });
  await unit.rowsOf(found.map(({ id }) => id));
  const allowed = await unit.liveRows(1_000);
  for (const filter of filters) {
    const passing = await unit.filterRows(filter);
    if (passing.toRows().some((row) => row >= unit.rowCount))
      broken("a filter passes rows that are not there");
  }
  for (const name of EVERY_FIELD.attributes.keys()) {
    const column = await unit.column(name);
    for (const row of rows) column.valueAt(row);
  }
  const vector = Float32Array.of(1, 2, 3, 4);
  const steps = await unit.vectorSteps(
    { kind: "vector", field: "vector", vector, exact: true, weight: 1 },
    { k: 3, allowed },
  );
  if (steps !== undefined) await searchTogether([steps], 3);
  const sparse = { indices: Uint32Array.of(1, 3, 8), values: Float32Array.of(1, 2, 1) };
  await unit.sparseHits({ kind: "sparse", field: "terms", vector: sparse, weight: 1 }, { k: 3, allowed });
  return "accepted";
}

/** The content of index segments, behind checksums that are right: only refusals, and no row that is not there. */
export const searchSegment: FuzzTarget = {
  name: "search-segment",
  maxBytes: content.length + 256,
  dictionary: [
    "SKSEG",
    "SKAT",
    "SKVX",
    new Uint8Array([ROWS, 0, 0, 0]),
    new Uint8Array([255, 255, 255, 255]),
  ],
  seeds: () => [content],
  async property(input) {
    if (input.length === 0) return "nothing";
    try {
      return await readAll(input);
    } catch (error) {
      if (error instanceof SearchError && !ABOUT_BYTES.has(error.code))
        broken(`a refusal that is not about the bytes: ${error.code}`, error);
      return refusalLabel([SearchError], error);
    }
  },
};
