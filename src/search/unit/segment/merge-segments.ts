import type { Prng } from "../../../base/index.ts";
import { buildAttribute } from "../../attributes/build-attribute.ts";
import { SearchError } from "../../errors.ts";
import type { AttributeValue } from "../../model/document.ts";
import { decodeDocument } from "../../model/encode-document.ts";
import type { AttributeField, Schema } from "../../model/schema.ts";
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
import { firstVectorField } from "./build-segment.ts";
import { encodeWords } from "./byte-lists.ts";
import { ContainerWriter } from "./container.ts";
import { MergeSource, whole } from "./merge-source.ts";
import { InputRows, MergedRows, noPlaces } from "./merged-rows.ts";

export interface SegmentMerge {
  readonly sources: readonly {
    /** Taken over: it is no file any more afterwards. */
    readonly file: Uint8Array;
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
  /** One after another; undefined: no row is left. */
  readonly parts: readonly Uint8Array[] | undefined;
  readonly rowCount: number;
  /** By source and row: 1 + the row in the new segment, 0 for what was left out. */
  readonly places: readonly Uint32Array[];
}

/**
 * One segment of several. Documents and ids are copied as they are stored, the indexes of texts and sparse vectors merged list by list, attributes taken
 * from their columns: nothing is decoded, and no text analyzed again unless its analyzer has changed. Vectors get new lists, since a list's size and centre depend on all of them. But for the lists
 * it is, byte for byte, what one build of the same documents makes. In memory: the sources, the result as far as it is written, and one section of the result that is made.
 */
export async function mergeSegments(merge: SegmentMerge): Promise<MergedSegment> {
  const { schema, checksum, pause } = merge;
  const sources: MergeSource[] = [];
  for (const source of merge.sources) sources.push(await MergeSource.open({ ...merge, ...source }));
  const inputs = new InputRows(sources);
  if (inputs.length === 0)
    return { parts: undefined, rowCount: 0, places: sources.map((source) => noPlaces(source)) };
  const plans = new Map<string, VectorIndexPlan>();
  for (const [name, field] of schema.vectors) {
    const source = await vectorSource(sources, inputs, { name, dimensions: field.dimensions });
    const { kernels } = merge;
    plans.set(name, await planVectorIndex({ field, source, kernels, prng: merge.prng.fork(name), pause }));
  }
  const order = plans.get(firstVectorField(schema) ?? "")?.rowOrder ?? Uint32Array.from(inputs.rows.keys());
  const rows = new MergedRows(sources, inputs, order);
  const writer = new ContainerWriter(checksum);
  rows.writeDocuments(writer);
  for (const [name, field] of schema.attributes) {
    await pause();
    if (field.filterable) await writeAttribute(writer, rows, name, field);
  }
  for (const name of schema.text.keys()) await writePresence(writer, rows, name);
  for (const name of schema.sparse.keys()) {
    await writePresence(writer, rows, name);
    await writeSparse(writer, rows, name, pause);
  }
  if (schema.text.size > 0) await writeText(writer, rows, schema, pause);
  for (const [name, plan] of plans) {
    writer.begin("vector", name);
    for await (const chunk of plan.layOut(order).chunks) writer.write(chunk);
  }
  return {
    parts: writer.finish({ rowCount: inputs.length, schema }),
    rowCount: inputs.length,
    places: rows.places,
  };
}

async function vectorSource(
  sources: readonly MergeSource[],
  inputs: InputRows,
  { name, dimensions }: { readonly name: string; readonly dimensions: number },
): Promise<VectorSource> {
  const indexes = await Promise.all(sources.map((source) => source.vectors(name)));
  const withVector: (RowSet | undefined)[] = [];
  for (const index of indexes) withVector.push(await index?.rowsWithVector());
  const present = RowSet.empty(inputs.length);
  for (const [i, row] of inputs.rows.entries())
    if (withVector[inputs.sources[i]!]?.has(row) === true) present.add(i);
  return {
    rowCount: inputs.length,
    present,
    async gather(rows) {
      const gathered = new Float32Array(rows.length * dimensions);
      for (const [source, index] of indexes.entries()) {
        const own = Array.from(rows.keys()).filter((i) => inputs.sources[rows[i]!] === source);
        const asked = Uint32Array.from(own, (i) => inputs.rows[rows[i]!]!);
        const vectors = (await index?.vectorsOf(asked)) ?? [];
        for (const [i, vector] of vectors.entries())
          if (vector !== undefined) gathered.set(vector, own[i]! * dimensions);
      }
      return gathered;
    },
  };
}

async function writeAttribute(
  writer: ContainerWriter,
  rows: MergedRows,
  name: string,
  field: AttributeField,
): Promise<void> {
  const columns = await Promise.all(rows.sources.map(({ unit }) => unit.column(name)));
  const values = [...rows.of((source, row): AttributeValue | undefined => columns[source]!.valueAt(row))];
  const index = buildAttribute(field, values);
  writer.add({ kind: "postings", field: name, bytes: index.postings });
  writer.add({ kind: "column", field: name, bytes: index.column });
  writer.add({ kind: "attribute", field: name, bytes: index.attribute });
}

async function writePresence(writer: ContainerWriter, rows: MergedRows, field: string): Promise<void> {
  const present = RowSet.empty(rows.count);
  for (const [i, { unit }] of rows.sources.entries()) {
    const rowOf = rows.rowOf(i);
    (await unit.filterRows({ kind: "exists", field })).forEach((row) => {
      const place = rowOf(row);
      if (place !== undefined) present.add(place);
    });
  }
  writer.add({ kind: "present", field, bytes: encodeWords(present.words) });
}

async function writeSparse(
  writer: ContainerWriter,
  rows: MergedRows,
  field: string,
  pause: () => Promise<void>,
): Promise<void> {
  const parts = [];
  for (const [i, { container }] of rows.sources.entries()) {
    if (!container.schema.sparse.has(field)) continue;
    const sections = (await partsOf(container, SPARSE_SECTIONS, "sparse", field)) as SparseIndexSections;
    parts.push({ sections, rowOf: rows.rowOf(i) });
  }
  const sections = await paused(mergeSparseIndexes(rows.count, parts), pause);
  for (const kind of SPARSE_SECTIONS) writer.add({ kind: `sparse-${kind}`, field, bytes: sections[kind] });
}

async function writeText(
  writer: ContainerWriter,
  rows: MergedRows,
  schema: Schema,
  pause: () => Promise<void>,
): Promise<void> {
  const fields = Array.from(schema.text, ([name, settings]) => ({ name, settings }));
  const parts = [];
  for (const [i, { container }] of rows.sources.entries()) {
    if (container.schema.text.size === 0) continue;
    const sections = (await partsOf(container, TEXT_SECTIONS, "text", "")) as TextIndexSections;
    parts.push({ sections, rowOf: rows.rowOf(i) });
  }
  const merged = await paused(textSteps(rows, fields, parts), pause);
  for (const kind of TEXT_SECTIONS) writer.add({ kind: `text-${kind}`, field: "", bytes: merged[kind] });
}

/** Texts that were cut by an analyzer that is not today's are cut again: after an upgrade, merging is the way out. */
function* textSteps(
  rows: MergedRows,
  fields: readonly TextFieldToIndex[],
  parts: MergeRequest["parts"],
): BuildSteps {
  try {
    return yield* mergeTextIndexes({ fields, rowCount: rows.count, parts });
  } catch (error) {
    if (!(error instanceof SearchError) || error.code !== "failed-precondition") throw error;
  }
  const builder = new TextIndexBuilder(fields);
  let place = 0;
  for (const document of rows.of((source, row) => rows.sources[source]!.documentAt(row))) {
    if (place++ % 256 === 0) yield;
    builder.add(decodeDocument(document).text);
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
