import { type AttributeFilter, attributeRows } from "../../attributes/filter-attribute.ts";
import { AttributeIndex } from "../../attributes/open-attribute.ts";
import { SearchError } from "../../errors.ts";
import { evaluateFilter, type LeafFilter } from "../../filter/evaluate-filter.ts";
import type { Filter } from "../../filter/filter.ts";
import { documentPredicate } from "../../filter/match-document.ts";
import { Slices, scanValues } from "../../filter/slices.ts";
import { textFilterQuery } from "../../filter/text-filter-query.ts";
import type { Document, DocumentId } from "../../model/document.ts";
import { decodeDocument } from "../../model/encode-document.ts";
import { ID_FIELD, type Schema } from "../../model/schema.ts";
import type { RangeReader } from "../../ports.ts";
import type { SparseLeg, VectorLeg } from "../../query/query.ts";
import { RowSet } from "../../rows/row-set.ts";
import {
  openSparseIndex,
  SPARSE_SECTIONS,
  type SparseIndex,
  type SparseIndexReaders,
} from "../../sparse/index.ts";
import {
  MemoryTextIndex,
  openTextIndex,
  type PreparedTextQuery,
  TEXT_SECTIONS,
  type TextIndex,
  type TextIndexReaders,
  type TextQuery,
} from "../../text/index.ts";
import { openVectorIndex, type VectorIndex, type VectorKernels } from "../../vector/index.ts";
import type {
  Column,
  DocumentFields,
  IdPage,
  IdRow,
  LegHits,
  LegOptions,
  ReadCounters,
  SearchUnit,
} from "../ports.ts";
import { projectDocument } from "../project-document.ts";
import type { Checksum } from "./blocks.ts";
import { decodeEnds, decodeWords, pieceAt } from "./byte-lists.ts";
import { Container } from "./container.ts";
import { removeExpired } from "./expiry.ts";
import { IdIndex } from "./id-index.ts";
import { keptBytes } from "./kept-bytes.ts";
import { Once } from "./once.ts";

export interface OpenSegment {
  /** For people. */
  readonly name: string;
  readonly reader: RangeReader;
  /** Of the namespace now: fields that the segment was built without are missing in all its rows. */
  readonly schema: Schema;
  readonly kernels: VectorKernels;
  readonly checksum: Checksum;
}

/** Opens an index segment: reads its table of contents, one wave. What else it holds is read when it is first asked for, and then kept. */
export async function openSegment(open: OpenSegment): Promise<SearchUnit> {
  return segmentUnit(await Container.open(open.reader, open.checksum), open);
}

/** The unit of an open file. */
export function segmentUnit(
  container: Container,
  how: Pick<OpenSegment, "name" | "schema" | "kernels">,
): SearchUnit {
  return new SegmentUnit(how, container);
}

type Pass = () => Promise<void>;

const NO_COLUMN: Column = { valueAt: () => undefined };
const NO_HITS: LegHits = { hits: [], candidates: 0, exhaustive: true };

class SegmentUnit implements SearchUnit {
  readonly name: string;
  readonly rowCount: number;
  readonly keptBytes: number;
  readonly #open: Pick<OpenSegment, "name" | "schema" | "kernels">;
  readonly #container: Container;
  readonly #opened = new Once();

  constructor(open: Pick<OpenSegment, "name" | "schema" | "kernels">, container: Container) {
    this.name = open.name;
    this.rowCount = container.rowCount;
    this.keptBytes = keptBytes(container);
    this.#open = open;
    this.#container = container;
  }

  get counters(): ReadCounters {
    return this.#container.reader.counters;
  }

  async liveRows(nowMs: number): Promise<RowSet> {
    const live = RowSet.full(this.rowCount);
    const section = this.#container.required("expiry");
    if (section.sizeBytes === 0) return live;
    const expiry = await this.#opened.get("expiry", () => section.read(0, section.sizeBytes));
    removeExpired(expiry, nowMs, live);
    return live;
  }

  filterRows(filter: Filter, pass?: Pass): Promise<RowSet> {
    return evaluateFilter(filter, this.rowCount, (leaf) => this.#leafRows(leaf, pass));
  }

  async #leafRows(leaf: LeafFilter, pass: Pass | undefined): Promise<RowSet> {
    switch (leaf.kind) {
      case "all-tokens":
      case "any-token":
      case "phrase":
        return await (await this.#text()).matchingRows(textFilterQuery(leaf, this.#open.schema), pass);
      case "compare-new":
        throw new SearchError("invalid-argument", "only the condition of a write can speak of the new row");
      default:
        if (leaf.field === ID_FIELD) return await this.#idRows(leaf, pass);
        if (this.#open.schema.attributes.has(leaf.field)) return await this.#attributeRows(leaf, pass);
        return await this.#presentRows(leaf);
    }
  }

  async #attributeRows(leaf: AttributeFilter, pass: Pass | undefined): Promise<RowSet> {
    const index = await this.#attribute(leaf.field);
    if (index !== undefined) return await attributeRows(leaf, index, pass);
    return leaf.kind === "null" ? RowSet.full(this.rowCount) : RowSet.empty(this.rowCount);
  }

  async #presentRows(leaf: AttributeFilter): Promise<RowSet> {
    const present = await this.#present(leaf.field);
    return leaf.kind === "null" ? present.complement() : present;
  }

  async #present(field: string): Promise<RowSet> {
    const vectors = await this.#vectors(field);
    if (vectors !== undefined) return await vectors.rowsWithVector();
    const section = this.#container.section("present", field);
    if (section === undefined) return RowSet.empty(this.rowCount);
    const bytes = await section.read(0, section.sizeBytes);
    const words = decodeWords(bytes, Math.ceil(this.rowCount / 32));
    const used = this.rowCount & 31;
    if (used !== 0 && (words.at(-1) ?? 0) >>> used !== 0)
      throw new SearchError("data-damaged", "an index segment names rows that it does not have");
    return RowSet.fromWords(this.rowCount, words);
  }

  async #idRows(leaf: AttributeFilter, pass: Pass | undefined): Promise<RowSet> {
    const rows = RowSet.empty(this.rowCount);
    if (leaf.kind === "exists") return rows.complement();
    if (leaf.kind === "null") return rows;
    const wanted = idsOf(leaf);
    const ids = await this.#ids();
    if (wanted !== undefined) {
      for (const id of wanted) {
        const row = ids.rowOf(id);
        if (row !== undefined) rows.add(row);
      }
      return rows;
    }
    const passes = documentPredicate(leaf, () => false);
    const scan = async (slices: Slices) => {
      for (let row = 0; row < this.rowCount; row++) {
        const id = ids.idOf(row);
        const turn = slices.before(id);
        if (turn !== undefined) await turn;
        if (passes({ ...NO_FIELDS, id })) rows.add(row);
      }
      return rows;
    };
    return "cost" in leaf ? await scanValues(leaf, pass, scan) : await scan(new Slices(pass));
  }

  async documentIds(rows: Uint32Array): Promise<readonly DocumentId[]> {
    if (rows.length === 0) return [];
    const ids = await this.#ids();
    return Array.from(rows, (row) => ids.idOf(row));
  }

  async rowsOf(wanted: readonly DocumentId[]): Promise<readonly (number | undefined)[]> {
    const ids = await this.#ids();
    return wanted.map((id) => ids.rowOf(id));
  }

  async rowsAfter({ after, limit, nowMs, gone }: IdPage): Promise<readonly IdRow[]> {
    const [ids, live] = await Promise.all([this.#ids(), this.liveRows(nowMs)]);
    const page: IdRow[] = [];
    for (const row of ids.rowsAfter(after)) {
      if (page.length >= limit) break;
      if (live.has(row) && gone?.has(row) !== true) page.push({ id: ids.idOf(row), row });
    }
    return page;
  }

  async vectorSteps({ field, vector, exact }: VectorLeg, options: LegOptions) {
    return (await this.#vectors(field))?.steps({ query: vector, exact, ...options });
  }

  async vectorsApart(field: string, pass: () => Promise<void>): Promise<readonly number[]> {
    return (await (await this.#vectors(field))?.rowsApart(pass)) ?? [];
  }

  async sparseHits({ field, vector }: SparseLeg, options: LegOptions): Promise<LegHits> {
    const index = await this.#sparse(field);
    if (index === undefined) return NO_HITS;
    const { hits, scoredPostings } = await index.search({ query: vector, ...options });
    return { hits, candidates: scoredPostings, exhaustive: true };
  }

  async prepareText(query: TextQuery): Promise<PreparedTextQuery> {
    return await (await this.#text()).prepare(query);
  }

  async column(field: string): Promise<Column> {
    return (await (await this.#attribute(field))?.column()) ?? NO_COLUMN;
  }

  async documents(rows: Uint32Array, fields: DocumentFields): Promise<readonly Document[]> {
    if (rows.length === 0) return [];
    if (fields.kind === "none") {
      const ids = await this.documentIds(rows);
      return ids.map((id) => ({ ...NO_FIELDS, id }));
    }
    const [stored, vectors] = await Promise.all([this.#stored(rows), this.#wantedVectors(rows, fields)]);
    return stored.map((document, i) => {
      const ofRow = new Map<string, Float32Array>();
      for (const [name, values] of vectors) {
        const vector = values[i];
        if (vector !== undefined) ofRow.set(name, vector);
      }
      return projectDocument({ ...document, vectors: ofRow }, fields);
    });
  }

  async #stored(rows: Uint32Array): Promise<readonly Document[]> {
    const section = this.#container.required("documents");
    const ends = await this.#opened.get("document-ends", async () => {
      const list = this.#container.required("document-ends");
      return decodeEnds(await list.read(0, list.sizeBytes), this.rowCount, section.sizeBytes);
    });
    const parts = await section.readMany(Array.from(rows, (row) => pieceAt(ends, row)));
    return parts.map((bytes) => decodeDocument(bytes));
  }

  async #wantedVectors(rows: Uint32Array, fields: DocumentFields) {
    if (fields.kind !== "everything" && fields.kind !== "fields") return [];
    const names = [...this.#container.schema.vectors.keys()].filter(
      (name) => fields.kind === "everything" || fields.fields.has(name),
    );
    return await Promise.all(
      names.map(async (name) => [name, (await (await this.#vectors(name))?.vectorsOf(rows)) ?? []] as const),
    );
  }

  #ids(): Promise<IdIndex> {
    return this.#opened.get("ids", () => IdIndex.open(this.#container));
  }

  async #attribute(name: string): Promise<AttributeIndex | undefined> {
    const field = this.#container.schema.attributes.get(name);
    const attribute = this.#container.section("attribute", name);
    if (field === undefined || attribute === undefined) return undefined;
    return await this.#opened.get(`attribute ${name}`, () =>
      AttributeIndex.open(field, this.rowCount, {
        attribute,
        postings: this.#container.required("postings", name),
        column: this.#container.required("column", name),
      }),
    );
  }

  async #vectors(name: string): Promise<VectorIndex | undefined> {
    const reader = this.#container.section("vector", name);
    if (reader === undefined) return undefined;
    return await this.#opened.get(`vector ${name}`, async () => {
      const index = await openVectorIndex({ reader, kernels: this.#open.kernels });
      assertFits(index.rowCount === this.rowCount);
      return index;
    });
  }

  async #sparse(name: string): Promise<SparseIndex | undefined> {
    if (!this.#container.schema.sparse.has(name)) return undefined;
    return await this.#opened.get(`sparse ${name}`, async () => {
      const readers = SPARSE_SECTIONS.map(
        (kind) => [kind, this.#container.required(`sparse-${kind}`, name)] as const,
      );
      const index = await openSparseIndex(Object.fromEntries(readers) as SparseIndexReaders);
      assertFits(index.rowCount === this.rowCount);
      return index;
    });
  }

  #text(): Promise<TextIndex> {
    return this.#opened.get("text", async () => {
      if (this.#container.section("text-head") === undefined)
        return new MemoryTextIndex([]).view(this.rowCount);
      const readers = TEXT_SECTIONS.map((kind) => [kind, this.#container.required(`text-${kind}`)] as const);
      const index = await openTextIndex(Object.fromEntries(readers) as TextIndexReaders);
      assertFits(index.rowCount === this.rowCount);
      return index;
    });
  }
}

const NO_FIELDS = { vectors: new Map(), sparse: new Map(), text: new Map(), attributes: new Map() };

/** The only ids that can pass; undefined: others may. */
function idsOf(leaf: AttributeFilter): readonly DocumentId[] | undefined {
  if (leaf.kind === "in") return leaf.values as readonly DocumentId[];
  return leaf.kind === "compare" && leaf.operator === "eq" ? [leaf.value as DocumentId] : undefined;
}

function assertFits(fits: boolean): void {
  if (!fits) throw new SearchError("data-damaged", "an index segment has a part of another number of rows");
}
