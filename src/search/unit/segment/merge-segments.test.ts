/** The promise: a merged segment is what one build of the same documents makes, byte for byte, whatever was deleted, has expired or came later. */
import { expect, it } from "vitest";
import { concatBytes, createPrng, type Prng } from "../../../base/index.ts";
import { PlainHasher } from "../../../platform/node/plain-hasher.ts";
import type { Document } from "../../model/document.ts";
import type { Schema } from "../../model/schema.ts";
import { RowSet } from "../../rows/row-set.ts";
import { EVERY_FIELD, randomDocument } from "../../testing/random-documents.ts";
import { plainKernels } from "../../vector/kernels/plain.ts";
import { MemoryReader } from "../../vector/testing/memory-reader.ts";
import { toBlocks } from "./blocks.ts";
import { buildSegment } from "./build-segment.ts";
import { Container } from "./container.ts";
import { mergeSegments } from "./merge-segments.ts";
import { openSegment } from "./segment-unit.ts";

const checksum = new PlainHasher();
const kernels = plainKernels();
const NOW_MS = 1_000;
const pause = () => Promise.resolve();

/** Without what a namespace gets later. */
const EARLIER: Schema = {
  vectors: new Map([...EVERY_FIELD.vectors].slice(0, 1)),
  sparse: new Map(),
  text: new Map(),
  attributes: new Map([...EVERY_FIELD.attributes].slice(0, 5)),
};

function build(documents: readonly Document[], schema: Schema): Promise<Uint8Array> {
  return buildSegment({ documents, schema, kernels, checksum, prng: createPrng("merge") });
}

async function documentsOf(bytes: Uint8Array): Promise<readonly Document[]> {
  const reader = new MemoryReader(bytes);
  const unit = await openSegment({ name: "s", reader, schema: EVERY_FIELD, kernels, checksum });
  const rows = Uint32Array.from({ length: unit.rowCount }, (_, row) => row);
  return await unit.documents(rows, { kind: "everything" });
}

/** But the vectors of further fields: these lie in the order of the sources, and have a map. */
async function sectionsOf(bytes: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
  const container = await Container.open(new MemoryReader(bytes), checksum);
  const [, ...further] = EVERY_FIELD.vectors.keys();
  const sections = new Map<string, Uint8Array>();
  for (const { kind, field, reader } of container.sections())
    if (kind !== "vector" || !further.includes(field))
      sections.set(`${kind} ${field}`, await reader.read(0, reader.sizeBytes));
  return sections;
}

async function randomSources(random: Prng) {
  const sources = [];
  const kept: Document[] = [];
  for (let s = random.between(1, 4), id = 0; s > 0; s--) {
    const schema = random.chance(0.3) ? EARLIER : EVERY_FIELD;
    const documents = Array.from({ length: random.pick([1, 7, 40]) }, () =>
      randomDocument(random, random.chance(0.5) ? BigInt(id++) : `id-${id++}`, schema),
    );
    const bytes = await build(random.shuffle([...documents]), schema);
    const stored = await documentsOf(bytes);
    const deleted = RowSet.of(
      stored.length,
      Array.from(stored.keys()).filter(() => random.chance(0.3)),
    );
    for (const [row, document] of stored.entries())
      if (!deleted.has(row) && (document.expiresAtMs ?? NOW_MS + 1) > NOW_MS) kept.push(document);
    sources.push({ bytes, deleted, ids: stored.map((document) => document.id) });
  }
  return { sources, kept };
}

it("makes what one build of the same documents makes, byte for byte", async () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());
  console.log(`SKERRY_TEST_SEED=${seed}`);
  for (let round = 0; round < 40; round++) {
    const random = createPrng(`${seed}/${round}`);
    const { sources, kept } = await randomSources(random);
    const merged = await mergeSegments({
      sources: sources.map(({ bytes, deleted }) => ({ file: bytes, deleted })),
      schema: EVERY_FIELD,
      nowMs: NOW_MS,
      kernels,
      checksum,
      prng: createPrng("merge"),
      pause,
    });
    expect(merged.rowCount, `${seed}/${round}`).toBe(kept.length);
    if (merged.parts === undefined) {
      expect(kept).toEqual([]);
      continue;
    }
    const bytes = concatBytes(merged.parts);
    const documents = await documentsOf(bytes);
    const byId = new Map(kept.map((document) => [document.id, document]));
    expect(documents.map(({ id }) => byId.get(id))).toEqual(documents);
    const rebuilt = await sectionsOf(await build(documents, EVERY_FIELD));
    const found = await sectionsOf(bytes);
    expect([...found.keys()]).toEqual([...rebuilt.keys()]);
    for (const [name, section] of found)
      expect(Buffer.compare(section, rebuilt.get(name)!), `${seed}/${round} ${name}`).toBe(0);
    for (const [i, { ids }] of sources.entries())
      for (const [row, id] of ids.entries()) {
        const place = merged.places[i]![row]!;
        expect(place > 0, `${seed}/${round}`).toBe(byId.has(id));
        if (place > 0) expect(documents[place - 1]!.id).toBe(id);
      }
  }
});

it("cuts texts again that another analyzer had cut", async () => {
  const random = createPrng("analyzer");
  const documents = Array.from({ length: 40 }, (_, i) => randomDocument(random, BigInt(i)));
  const [[title, settings] = ["", undefined]] = EVERY_FIELD.text;
  const before: Schema = {
    ...EVERY_FIELD,
    text: new Map([...EVERY_FIELD.text, [title, { ...settings!, language: "german" }]]),
  };
  const sources = [before, EVERY_FIELD].map(async (schema, i) => ({
    file: await build(documents.slice(i * 20, i * 20 + 20), schema),
    deleted: RowSet.of(20, [3]),
  }));
  const merged = await mergeSegments({
    sources: await Promise.all(sources),
    schema: EVERY_FIELD,
    nowMs: 0,
    kernels,
    checksum,
    prng: createPrng("merge"),
    pause,
  });
  const bytes = concatBytes(merged.parts!);
  const found = await sectionsOf(bytes);
  const rebuilt = await sectionsOf(await build(await documentsOf(bytes), EVERY_FIELD));
  for (const [name, section] of found) expect(Buffer.compare(section, rebuilt.get(name)!), name).toBe(0);
});

it("refuses damaged sources and deletes of another segment, and stops when it is told to", async () => {
  const documents = Array.from({ length: 30 }, (_, i) => randomDocument(createPrng(i), BigInt(i)));
  const bytes = await build(documents, EVERY_FIELD);
  const merge = (file: Uint8Array, deleted: RowSet, whenPaused = pause) =>
    mergeSegments({
      sources: [{ file: file.slice(), deleted }],
      schema: EVERY_FIELD,
      nowMs: 0,
      kernels,
      checksum,
      prng: createPrng("merge"),
      pause: whenPaused,
    });
  const damaged = bytes.slice();
  damaged[20] = damaged[20]! ^ 1;
  const none = RowSet.empty(30);
  await expect(merge(damaged, none)).rejects.toMatchObject({ code: "data-damaged" });
  await expect(merge(bytes, RowSet.empty(31))).rejects.toMatchObject({
    code: "data-damaged",
  });
  await expect(merge(toBlocks(bytes, checksum), none)).rejects.toMatchObject({
    code: "data-damaged",
  });
  const stopped = new Error("no longer wanted");
  await expect(merge(bytes, none, () => Promise.reject(stopped))).rejects.toBe(stopped);
});
