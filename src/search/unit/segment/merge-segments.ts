import { compareBytes, type Prng } from "../../../base/index.ts";
import { buildAttribute } from "../../attributes/build-attribute.ts";
import { SearchError } from "../../errors.ts";
import type { AttributeValue } from "../../model/document.ts";
import { decodeDocument } from "../../model/encode-document.ts";
import type { AttributeField, Schema } from "../../model/schema.ts";
import type { RangeReader } from "../../ports.ts";
import { RowSet } from "../../rows/row-set.ts";
import { mergeSparseIndexes, SPARSE_SECTIONS, type SparseIndexSections } from "../../sparse/index.ts";
import {
  type BuildSteps,
  type MergeRequest,
  mergeTextIndexes,
  TEXT_SECTIONS,
  type TextFieldToIndex,
  TextIndexBuilder,
  type TextIndexSections,
} from "../../text/index.ts";
import {
  planVectorIndex,
  type VectorIndexPlan,
  type VectorKernels,
  type VectorSource,
} from "../../vector/index.ts";
import type { Checksum } from "./blocks.ts";
import { firstVectorField, joined } from "./build-segment.ts";
import { encodePieces, encodeWords } from "./byte-lists.ts";
import { type Section, writeContainer } from "./container.ts";
import { encodeExpiry } from "./expiry.ts";
import { MergeSource, whole } from "./merge-source.ts";

export interface SegmentMerge {
  readonly sources: readonly {
    readonly reader: RangeReader;
    /** Rows to leave out. No id is left in two sources. */
    readonly deleted: RowSet;
  }[];
  /** Of the namespace now. */
  readonly schema: Schema;
  /** What has expired by then is left out. */
  readonly nowMs: number;
  readonly kernels: VectorKernels;
  readonly checksum: Checksum;
  readonly prng: Prng;
  /** Awaited between slices of work: the place to let others run, or to throw when the work is no longer wanted. */
  readonly pause: () => Promise<void>;
}

export interface MergedSegment {
  /** Undefined: no row is left. */
  readonly bytes: Uint8Array | undefined;
  readonly rowCount: number;
  /** By source and row: 1 + the row in the new segment, 0 for what was left out. */
  readonly places: readonly Uint32Array[];
}

/**
 * One segment of several. Documents and ids are copied as they are stored, the indexes of texts and sparse vectors merged list by list, attributes taken
 * from their columns: nothing is decoded, and no text analyzed again unless its analyzer has changed. Vectors get new lists, since a list's size and centre depend on all of them. But for the lists
 * it is, byte for byte, what one build of the same documents makes. Holds the sources and the result in memory.
 */
export async function mergeSegments(merge: SegmentMerge): Promise<MergedSegment> {
  const { schema, checksum, pause } = merge;
  const sources: MergeSource[] = [];
  for (const source of merge.sources) sources.push(await MergeSource.open({ ...merge, ...source }));
  const inputs = inputRows(sources);
  if (inputs.length === 0)
    return { bytes: undefined, rowCount: 0, places: sources.map((source) => placesOf(source)) };
  const plans = new Map<string, VectorIndexPlan>();
  for (const [name, field] of schema.vectors) {
    const source = await vectorSource(sources, inputs, { name, dimensions: field.dimensions });
    const { kernels } = merge;
    plans.set(name, await planVectorIndex({ field, source, kernels, prng: merge.prng.fork(name), pause }));
  }
  const order = plans.get(firstVectorField(schema) ?? "")?.rowOrder ?? Uint32Array.from(inputs.keys());
  const rows = new MergedRows(sources, inputs, order);
  const sections = [...rows.documentSections()];
  for (const [name, field] of schema.attributes) {
    await pause();
    if (field.filterable) sections.push(...(await attributeSections(rows, name, field)));
  }
  for (const name of schema.text.keys()) sections.push(await presence(rows, name));
  for (const name of schema.sparse.keys()) {
    sections.push(await presence(rows, name));
    sections.push(...(await sparseSections(rows, name, pause)));
  }
  if (schema.text.size > 0) sections.push(...(await textSections(rows, schema, pause)));
  for (const [name, plan] of plans) {
    const { chunks, sizeBytes } = plan.layOut(order);
    sections.push({ kind: "vector", field: name, bytes: await joined(chunks, sizeBytes) });
  }
  const bytes = writeContainer({ rowCount: inputs.length, schema, sections }, checksum);
  return { bytes, rowCount: inputs.length, places: rows.places };
}

/** A row of a source. */
interface SourceRow {
  readonly source: number;
  readonly row: number;
}

/** The rows that stay, one source after another. */
function inputRows(sources: readonly MergeSource[]): readonly SourceRow[] {
  return sources.flatMap(({ rows }, source) => Array.from(rows, (row) => ({ source, row })));
}

function placesOf({ container }: MergeSource): Uint32Array {
  return new Uint32Array(container.rowCount);
}

async function vectorSource(
  sources: readonly MergeSource[],
  inputs: readonly SourceRow[],
  { name, dimensions }: { readonly name: string; readonly dimensions: number },
): Promise<VectorSource> {
  const indexes = await Promise.all(sources.map((source) => source.vectors(name)));
  const withVector: (RowSet | undefined)[] = [];
  for (const index of indexes) withVector.push(await index?.rowsWithVector());
  const present = RowSet.empty(inputs.length);
  for (const [i, { source, row }] of inputs.entries())
    if (withVector[source]?.has(row) === true) present.add(i);
  return {
    rowCount: inputs.length,
    present,
    async gather(rows) {
      const gathered = new Float32Array(rows.length * dimensions);
      for (const [source, index] of indexes.entries()) {
        const own = Array.from(rows.keys()).filter((i) => inputs[rows[i]!]!.source === source);
        const asked = Uint32Array.from(own, (i) => inputs[rows[i]!]!.row);
        const vectors = (await index?.vectorsOf(asked)) ?? [];
        for (const [i, vector] of vectors.entries())
          if (vector !== undefined) gathered.set(vector, own[i]! * dimensions);
      }
      return gathered;
    },
  };
}

/** The rows of the new segment. */
class MergedRows {
  readonly sources: readonly MergeSource[];
  readonly places: readonly Uint32Array[];
  /** By row. */
  readonly origins: readonly SourceRow[];

  constructor(sources: readonly MergeSource[], inputs: readonly SourceRow[], order: Uint32Array) {
    this.sources = sources;
    this.origins = Array.from(order, (input) => inputs[input]!);
    this.places = sources.map((source) => placesOf(source));
    for (const [row, origin] of this.origins.entries()) this.places[origin.source]![origin.row] = row + 1;
  }

  get count(): number {
    return this.origins.length;
  }

  /** Where a row of a source goes. */
  rowOf(source: number): (row: number) => number | undefined {
    const places = this.places[source]!;
    return (row) => (places[row] === 0 ? undefined : places[row]! - 1);
  }

  documentSections(): readonly Section[] {
    const documents = encodePieces(
      this.origins.map(({ source, row }) => this.sources[source]!.documentAt(row)),
    );
    const ids = encodePieces(this.origins.map(({ source, row }) => this.sources[source]!.idAt(row)));
    const expiring = this.sources.flatMap((source, i) =>
      source.expiring.map(({ expiresAtMs, row }) => ({ expiresAtMs, row: this.places[i]![row]! - 1 })),
    );
    return [
      { kind: "documents", field: "", bytes: documents.bytes },
      { kind: "document-ends", field: "", bytes: documents.ends },
      { kind: "ids", field: "", bytes: ids.bytes },
      { kind: "id-ends", field: "", bytes: ids.ends },
      { kind: "id-order", field: "", bytes: encodeWords(this.#byId()) },
      { kind: "expiry", field: "", bytes: encodeExpiry(expiring) },
    ];
  }

  /** The orders of the sources, merged. */
  #byId(): Uint32Array {
    const orders = this.sources.map(({ idOrder }, i) => idOrder.filter((row) => this.places[i]![row]! > 0));
    const next = orders.map(() => 0);
    const merged = new Uint32Array(this.count);
    for (let at = 0; at < merged.length; at++) {
      let least = -1;
      for (const [i, order] of orders.entries()) {
        if (next[i] === order.length) continue;
        if (least < 0 || compareBytes(this.#nextId(orders, next, i), this.#nextId(orders, next, least)) < 0)
          least = i;
      }
      merged[at] = this.places[least]![orders[least]![next[least]!++]!]! - 1;
    }
    return merged;
  }

  #nextId(orders: readonly Uint32Array[], next: readonly number[], source: number): Uint8Array {
    return this.sources[source]!.idAt(orders[source]![next[source]!]!);
  }
}

async function attributeSections(
  rows: MergedRows,
  name: string,
  field: AttributeField,
): Promise<readonly Section[]> {
  const columns = await Promise.all(rows.sources.map(({ unit }) => unit.column(name)));
  const values = rows.origins.map(({ source, row }): AttributeValue | undefined =>
    columns[source]!.valueAt(row),
  );
  const index = buildAttribute(field, values);
  return [
    { kind: "postings", field: name, bytes: index.postings },
    { kind: "column", field: name, bytes: index.column },
    { kind: "attribute", field: name, bytes: index.attribute },
  ];
}

async function presence(rows: MergedRows, field: string): Promise<Section> {
  const present = RowSet.empty(rows.count);
  for (const [i, { unit }] of rows.sources.entries()) {
    const rowOf = rows.rowOf(i);
    (await unit.filterRows({ kind: "exists", field })).forEach((row) => {
      const place = rowOf(row);
      if (place !== undefined) present.add(place);
    });
  }
  return { kind: "present", field, bytes: encodeWords(present.words) };
}

async function sparseSections(
  rows: MergedRows,
  field: string,
  pause: () => Promise<void>,
): Promise<readonly Section[]> {
  const parts = [];
  for (const [i, { container }] of rows.sources.entries()) {
    if (!container.schema.sparse.has(field)) continue;
    const sections = (await partsOf(container, SPARSE_SECTIONS, "sparse", field)) as SparseIndexSections;
    parts.push({ sections, rowOf: rows.rowOf(i) });
  }
  const sections = await paused(mergeSparseIndexes(rows.count, parts), pause);
  return SPARSE_SECTIONS.map((kind) => ({ kind: `sparse-${kind}`, field, bytes: sections[kind] }));
}

async function textSections(
  rows: MergedRows,
  schema: Schema,
  pause: () => Promise<void>,
): Promise<readonly Section[]> {
  const fields = Array.from(schema.text, ([name, settings]) => ({ name, settings }));
  const parts = [];
  for (const [i, { container }] of rows.sources.entries()) {
    if (container.schema.text.size === 0) continue;
    const sections = (await partsOf(container, TEXT_SECTIONS, "text", "")) as TextIndexSections;
    parts.push({ sections, rowOf: rows.rowOf(i) });
  }
  const merged = await paused(textSteps(rows, fields, parts), pause);
  return TEXT_SECTIONS.map((kind) => ({ kind: `text-${kind}`, field: "", bytes: merged[kind] }));
}

/** Texts that were cut by an analyzer that is not today's are cut again: after an upgrade, merging is the way out. */
function* textSteps(
  { origins, sources }: MergedRows,
  fields: readonly TextFieldToIndex[],
  parts: MergeRequest["parts"],
): BuildSteps {
  try {
    return yield* mergeTextIndexes({ fields, rowCount: origins.length, parts });
  } catch (error) {
    if (!(error instanceof SearchError) || error.code !== "failed-precondition") throw error;
  }
  const builder = new TextIndexBuilder(fields);
  for (const [place, { source, row }] of origins.entries()) {
    if (place % 256 === 0) yield;
    builder.add(decodeDocument(sources[source]!.documentAt(row)).text);
  }
  return yield* builder.finish();
}

async function partsOf(
  container: MergeSource["container"],
  kinds: readonly string[],
  name: string,
  field: string,
): Promise<Readonly<Record<string, Uint8Array>>> {
  const entries = kinds.map(
    async (kind) => [kind, await whole(container, `${name}-${kind}`, field)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Runs the steps with a pause between them. */
async function paused<T>(steps: Generator<undefined, T>, pause: () => Promise<void>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await pause();
  }
}
