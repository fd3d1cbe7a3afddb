/** The promise: whatever two parts of a segment disagree about is found, and says which document it is about. Checksums are right in all of this. */
import { expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { documentPredicate } from "../filter/match-document.ts";
import { textPredicate } from "../filter/text-predicate.ts";
import type { Document } from "../model/document.ts";
import { DEFAULT_TEXT_FIELD, type Schema } from "../model/schema.ts";
import { EVERY_FIELD, randomDocument } from "../testing/random-documents.ts";
import { buildSegment } from "../unit/segment/build-segment.ts";
import { Container, type Section, writeContainer } from "../unit/segment/container.ts";
import { openSegment } from "../unit/segment/segment-unit.ts";
import { codeRowBytes } from "../vector/format/codes.ts";
import { decodeHead, HEAD_BYTES, type Head, type Layout, layoutOf } from "../vector/format/head.ts";
import { MIDDLE_HEAD_BYTES, middleRowBytes } from "../vector/format/middle.ts";
import { plainKernels } from "../vector/kernels/plain.ts";
import { MemoryReader } from "../vector/testing/memory-reader.ts";
import { contentFindings } from "./verify-content.ts";

const checksum = new PlainHasher();
const kernels = plainKernels();
const SCHEMA: Schema = {
  vectors: new Map([["vector", { dimensions: 2, metric: "cosine", element: "f32" }]]),
  sparse: new Map([["terms", {}]]),
  text: new Map([["body", DEFAULT_TEXT_FIELD]]),
  attributes: new Map([["year", { type: "int", array: false, filterable: true }]]),
};

function documentOf(
  id: bigint,
  { year = Number(id), body = `word${id} seal`, weight = 1, sparse = true } = {},
): Document {
  const terms = { indices: Uint32Array.of(3), values: Float32Array.of(weight) };
  return {
    id,
    vectors: new Map([["vector", Float32Array.of(1, Number(id))]]),
    sparse: new Map(sparse ? [["terms", terms]] : []),
    text: new Map([["body", body]]),
    attributes: new Map([["year", year]]),
  };
}

const DOCUMENTS = [1n, 2n, 3n, 4n].map((id) => documentOf(id));

async function sectionsOf(documents: readonly Document[], schema = SCHEMA): Promise<readonly Section[]> {
  const bytes = await buildSegment({ documents, schema, kernels, checksum, prng: createPrng("x") });
  const container = await Container.open(new MemoryReader(bytes), checksum);
  return await Promise.all(
    [...container.sections()].map(async ({ kind, field, reader }) => ({
      kind,
      field,
      bytes: await reader.read(0, reader.sizeBytes),
    })),
  );
}

async function findingsOf(bytes: Uint8Array, schema = SCHEMA) {
  const unit = await openSegment({ name: "s", reader: new MemoryReader(bytes), schema, kernels, checksum });
  const findings = [];
  const matcher = (filter: Parameters<typeof documentPredicate>[0]) =>
    documentPredicate(filter, textPredicate(schema));
  const check = { unit, schema, matcher, pause: () => Promise.resolve() };
  for await (const { problem, ...finding } of contentFindings(check, () => Promise.resolve())) {
    expect(problem).not.toBe("");
    findings.push(finding);
  }
  return findings;
}

/** The segment of DOCUMENTS with some sections taken from one of `others`. */
async function mixed(kinds: readonly string[], others: readonly Document[]) {
  const [own, foreign] = [await sectionsOf(DOCUMENTS), await sectionsOf(others)];
  const sections = own.map((section, i) => (kinds.includes(section.kind) ? foreign[i]! : section));
  return await findingsOf(writeContainer({ rowCount: DOCUMENTS.length, schema: SCHEMA, sections }, checksum));
}

function changed(at: number, document: Document): readonly Document[] {
  return DOCUMENTS.with(at, document);
}

test("a sound segment has no findings, whatever is in it", async () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? "sound";
  console.log("SKERRY_TEST_SEED", seed);
  const prng = createPrng(seed);
  for (let round = 0; round < 12; round++) {
    const count = prng.pick([0, 1, 5, 300]);
    const documents = Array.from({ length: count }, (_, i) =>
      randomDocument(prng, prng.chance(0.5) ? BigInt(i) : `id-${i}`),
    );
    const bytes = await buildSegment({ documents, schema: EVERY_FIELD, kernels, checksum, prng });
    expect(await findingsOf(bytes, EVERY_FIELD)).toEqual([]);
  }
});

/** The same values, of other documents: the dictionary stays what it is. */
const SWAPPED = changed(0, documentOf(1n, { year: 2 })).with(1, documentOf(2n, { year: 1 }));

test("a column with other values", async () => {
  const column = { kind: "column", section: "column", field: "year" };
  expect(await mixed(["column"], SWAPPED)).toEqual([
    { ...column, document: 1n },
    { ...column, document: 2n },
  ]);
});

test("postings of an attribute with other rows", async () => {
  const index = { kind: "index", section: "postings", field: "year" };
  expect(await mixed(["attribute", "postings"], SWAPPED)).toEqual(
    expect.arrayContaining([
      { ...index, document: 1n },
      { ...index, document: 2n },
    ]),
  );
});

test("a text index of other texts", async () => {
  const texts = ["text-head", "text-lengths", "text-terms", "text-postings", "text-positions"];
  const swapped = changed(0, documentOf(1n, { body: "other" }));
  expect(await mixed(texts, swapped)).toContainEqual({
    kind: "index",
    section: "text",
    field: "body",
    document: 1n,
  });
});

test("positions of another order of the same words", async () => {
  const turned = changed(0, documentOf(1n, { body: "seal word1" }));
  const found = await mixed(["text-positions"], turned);
  expect(found).toEqual([{ kind: "index", section: "text", field: "body", document: 1n }]);
});

test("a sparse index of other weights, and one that does not know who has a vector", async () => {
  const index = { kind: "index", field: "terms", document: 1n };
  const sparse = ["sparse-head", "sparse-dimensions", "sparse-postings"];
  expect(await mixed(sparse, changed(0, documentOf(1n, { weight: 3 })))).toEqual([
    { ...index, section: "sparse" },
  ]);
  expect(await mixed(["present"], changed(0, documentOf(1n, { sparse: false })))).toEqual([
    { ...index, section: "present" },
  ]);
});

test("documents that are stored under other ids, and ids that are not found", async () => {
  const others = DOCUMENTS.with(2, documentOf(7n, { year: 3, body: "word3 seal" }));
  expect(await mixed(["documents", "document-ends"], others)).toEqual([
    { kind: "id", section: "ids", field: "", document: 3n },
  ]);
  const reversed = [40n, 30n, 20n, 10n].map((id, i) => documentOf(id, { year: i + 1 }));
  const found = await mixed(["id-order"], reversed);
  expect(found.map(({ kind, document }) => `${kind} ${document}`)).toEqual(
    expect.arrayContaining(["id 1", "id 4"]),
  );
});

test("a vector that is none", async () => {
  const sections = await sectionsOf(DOCUMENTS);
  const damaged = sections.map((section) => {
    if (section.kind !== "vector") return section;
    const bytes = section.bytes.slice();
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, Number.NaN, true);
    return { ...section, bytes };
  });
  const bytes = writeContainer({ rowCount: 4, schema: SCHEMA, sections: damaged }, checksum);
  expect(await findingsOf(bytes)).toEqual([
    { kind: "vector", section: "vector", field: "vector", document: expect.anything() },
  ]);
});

/** Enough vectors for lists, in every metric and element. */
const LISTED: Schema = {
  ...SCHEMA,
  vectors: new Map([
    ["vector", { dimensions: 3, metric: "cosine", element: "f32" }],
    ["dots", { dimensions: 3, metric: "dot", element: "f16" }],
    ["bytes", { dimensions: 3, metric: "euclidean", element: "i8" }],
  ]),
};

async function listed(): Promise<readonly Section[]> {
  const random = createPrng("listed");
  const vectorOf = () => Float32Array.from({ length: 3 }, () => random.between(-100, 100) || 1);
  const documents = Array.from({ length: 2_000 }, (_, i) => ({
    ...documentOf(BigInt(i), { sparse: false }),
    vectors: new Map(["vector", "dots", "bytes"].map((field) => [field, vectorOf()])),
  }));
  return await sectionsOf(documents, LISTED);
}

test("codes, their numbers and bytes that are not those of their vectors", async () => {
  const sections = await listed();
  const check = async (field: string, damage: (bytes: Uint8Array, layout: Layout, head: Head) => void) => {
    const damaged = sections.map((section) => {
      if (section.kind !== "vector" || section.field !== field) return section;
      const bytes = section.bytes.slice();
      const head = decodeHead(bytes.subarray(0, HEAD_BYTES));
      damage(bytes, layoutOf(head), head);
      return { ...section, bytes };
    });
    const bytes = writeContainer({ rowCount: 2_000, schema: LISTED, sections: damaged }, checksum);
    return await findingsOf(bytes, LISTED);
  };
  const one = (field: string) => [{ kind: "vector", section: "vector", field, document: expect.anything() }];
  expect(await check("vector", () => undefined)).toEqual([]);
  // The exponent of the first number of the first list, of its first vector.
  const number = (bytes: Uint8Array, { codes }: Layout) => {
    bytes[codes + 3] = bytes[codes + 3]! ^ 0x40;
  };
  for (const field of ["vector", "dots", "bytes"]) expect(await check(field, number)).toEqual(one(field));
  // All signs of the last vector.
  const signs = (bytes: Uint8Array, { codes }: Layout, { vectorCount }: Head) => {
    const end = codes + vectorCount * codeRowBytes(64);
    for (let at = end - 8; at < end; at++) bytes[at] = bytes[at]! ^ 0xff;
  };
  for (const field of ["vector", "dots", "bytes"]) expect(await check(field, signs)).toEqual(one(field));
  // A byte of the vector at position 7; vectors of bytes have no such tier.
  const byte = (bytes: Uint8Array, { middle }: Layout) => {
    const at = middle + 7 * middleRowBytes(64) + MIDDLE_HEAD_BYTES;
    bytes[at] = bytes[at]! ^ 0x40;
  };
  for (const field of ["vector", "dots"]) expect(await check(field, byte)).toEqual(one(field));
});
