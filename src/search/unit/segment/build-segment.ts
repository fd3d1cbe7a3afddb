import type { Prng } from "../../../base/index.ts";
import { buildAttribute } from "../../attributes/build-attribute.ts";
import { compareIds, type Document } from "../../model/document.ts";
import { encodeDocument } from "../../model/encode-document.ts";
import { encodeId } from "../../model/encode-id.ts";
import { DEFAULT_VECTOR_FIELD, type Schema } from "../../model/schema.ts";
import { RowSet } from "../../rows/row-set.ts";
import { SPARSE_SECTIONS, SparseIndexBuilder } from "../../sparse/index.ts";
import { runToEnd, TEXT_SECTIONS, TextIndexBuilder } from "../../text/index.ts";
import {
  planVectorIndex,
  type VectorIndexPlan,
  type VectorKernels,
  type VectorSource,
} from "../../vector/index.ts";
import type { Checksum } from "./blocks.ts";
import { encodePieces, encodeWords } from "./byte-lists.ts";
import { type Section, writeContainer } from "./container.ts";
import { encodeExpiry } from "./expiry.ts";

export interface SegmentBuild {
  /** Of different ids, fitted to the schema. */
  readonly documents: readonly Document[];
  readonly schema: Schema;
  readonly kernels: VectorKernels;
  readonly checksum: Checksum;
  /** The same generator and documents give the same bytes. */
  readonly prng: Prng;
  /** Awaited between slices of work: the place to let others run, or to throw when the work is no longer wanted. */
  readonly pause?: () => Promise<void>;
}

/** The bytes of an index segment. Its rows lie in the order that suits the vectors of the first field, so that what is near is read together. */
export async function buildSegment(build: SegmentBuild): Promise<Uint8Array> {
  const { schema, checksum } = build;
  const plans = await planVectors(build);
  const order =
    plans.get(firstVectorField(schema) ?? "")?.rowOrder ?? Uint32Array.from(build.documents.keys());
  const documents = Array.from(order, (row) => build.documents[row] as Document);
  const sections: Section[] = [...documentSections(documents)];
  for (const [name, field] of schema.attributes) {
    if (!field.filterable) continue;
    await build.pause?.();
    const index = buildAttribute(
      field,
      documents.map(({ attributes }) => attributes.get(name)),
    );
    sections.push({ kind: "postings", field: name, bytes: index.postings });
    sections.push({ kind: "column", field: name, bytes: index.column });
    sections.push({ kind: "attribute", field: name, bytes: index.attribute });
  }
  for (const name of schema.text.keys())
    sections.push(presence(name, documents, ({ text }) => text.has(name)));
  for (const name of schema.sparse.keys()) {
    await build.pause?.();
    sections.push(presence(name, documents, ({ sparse }) => sparse.has(name)));
    sections.push(...sparseSections(name, documents));
  }
  if (schema.text.size > 0) sections.push(...(await textSections(build, documents)));
  for (const [name, plan] of plans) {
    const { chunks, sizeBytes } = plan.layOut(order);
    sections.push({ kind: "vector", field: name, bytes: await joined(chunks, sizeBytes) });
  }
  return writeContainer({ rowCount: documents.length, schema, sections }, checksum);
}

export function firstVectorField({ vectors }: Schema): string | undefined {
  return vectors.has(DEFAULT_VECTOR_FIELD) ? DEFAULT_VECTOR_FIELD : vectors.keys().next().value;
}

async function planVectors(build: SegmentBuild): Promise<ReadonlyMap<string, VectorIndexPlan>> {
  const { schema, documents, kernels, prng, pause } = build;
  const plans = new Map<string, VectorIndexPlan>();
  for (const [name, field] of schema.vectors) {
    const source = vectorSource(documents, name, field.dimensions);
    const pauses = pause === undefined ? {} : { pause };
    plans.set(name, await planVectorIndex({ field, source, kernels, prng: prng.fork(name), ...pauses }));
  }
  return plans;
}

function vectorSource(documents: readonly Document[], name: string, dimensions: number): VectorSource {
  const present = RowSet.empty(documents.length);
  for (const [row, { vectors }] of documents.entries()) if (vectors.has(name)) present.add(row);
  return {
    rowCount: documents.length,
    present,
    gather(rows) {
      const gathered = new Float32Array(rows.length * dimensions);
      for (const [i, row] of rows.entries()) {
        const vector = documents[row]?.vectors.get(name);
        if (vector !== undefined) gathered.set(vector, i * dimensions);
      }
      return Promise.resolve(gathered);
    },
  };
}

/** Ids, what expires when, and the documents without their dense vectors, which lie in the indexes of these. */
function documentSections(documents: readonly Document[]): readonly Section[] {
  const ids = encodePieces(documents.map(({ id }) => encodeId(id)));
  const byId = [...documents.keys()].sort((a, b) =>
    compareIds((documents[a] as Document).id, (documents[b] as Document).id),
  );
  const stored = encodePieces(
    documents.map((document) => encodeDocument({ ...document, vectors: new Map() })),
  );
  const expiring = documents.flatMap(({ expiresAtMs }, row) =>
    expiresAtMs === undefined ? [] : [{ expiresAtMs, row }],
  );
  return [
    { kind: "documents", field: "", bytes: stored.bytes },
    { kind: "document-ends", field: "", bytes: stored.ends },
    { kind: "ids", field: "", bytes: ids.bytes },
    { kind: "id-ends", field: "", bytes: ids.ends },
    { kind: "id-order", field: "", bytes: encodeWords(byId) },
    { kind: "expiry", field: "", bytes: encodeExpiry(expiring) },
  ];
}

function presence(
  field: string,
  documents: readonly Document[],
  has: (document: Document) => boolean,
): Section {
  const rows = RowSet.empty(documents.length);
  for (const [row, document] of documents.entries()) if (has(document)) rows.add(row);
  return { kind: "present", field, bytes: encodeWords(rows.words) };
}

async function textSections(
  build: SegmentBuild,
  documents: readonly Document[],
): Promise<readonly Section[]> {
  const fields = Array.from(build.schema.text, ([name, settings]) => ({ name, settings }));
  const builder = new TextIndexBuilder(fields);
  for (const [row, { text }] of documents.entries()) {
    if (row % 256 === 0) await build.pause?.();
    builder.add(text);
  }
  const sections = runToEnd(builder.finish());
  return TEXT_SECTIONS.map((kind) => ({ kind: `text-${kind}`, field: "", bytes: sections[kind] }));
}

function sparseSections(field: string, documents: readonly Document[]): readonly Section[] {
  const builder = new SparseIndexBuilder();
  for (const { sparse } of documents) builder.add(sparse.get(field));
  const sections = builder.finish();
  return SPARSE_SECTIONS.map((kind) => ({ kind: `sparse-${kind}`, field, bytes: sections[kind] }));
}

export async function joined(chunks: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for await (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
