import { assert, firstIndex } from "../../base/index.ts";
import { evaluateFilter, type LeafFilter } from "../filter/evaluate-filter.ts";
import type { Filter } from "../filter/filter.ts";
import { documentPredicate, valuesOf } from "../filter/match-document.ts";
import { type ValueFilter, valuePredicate } from "../filter/match-scalar.ts";
import { Slices, scanValues } from "../filter/slices.ts";
import { textFilterQuery } from "../filter/text-filter-query.ts";
import { compareIds, type Document, type DocumentId } from "../model/document.ts";
import type { Schema } from "../model/schema.ts";
import type { SparseLeg, VectorLeg } from "../query/query.ts";
import { RowSet } from "../rows/row-set.ts";
import {
  MemoryTextIndex,
  type PreparedTextQuery,
  STEP_WORDS,
  type TextIndex,
  type TextQuery,
} from "../text/index.ts";
import { MemoryVectors, type VectorKernels, type VectorSteps } from "../vector/index.ts";
import { MemorySparse } from "./memory-sparse.ts";
import type {
  Column,
  DocumentFields,
  IdPage,
  IdRow,
  LegHits,
  LegOptions,
  ReadCounters,
  SearchUnit,
} from "./ports.ts";
import { projectDocument } from "./project-document.ts";

/** Documents in memory as a unit: row i is the i-th. What is not searched is not indexed: each field's index is made when it is first asked for. */
export class MemoryUnit implements SearchUnit {
  readonly name: string;
  readonly keptBytes = 0;
  readonly counters: ReadCounters = { waves: 0, reads: 0, bytes: 0 };
  readonly #documents: readonly Document[];
  readonly #schema: Schema;
  readonly #kernels: VectorKernels;
  readonly #vectors = new Map<string, MemoryVectors>();
  readonly #sparse = new Map<string, MemorySparse>();
  #rows: ReadonlyMap<DocumentId, number> | undefined;
  /** The rows in the order of their ids, once it was asked for. */
  #byId: Uint32Array | undefined;
  #text: TextIndex | undefined;
  /** Makes `#text`, a step for each of its values. */
  #indexing: Iterator<void, TextIndex> | undefined;

  constructor(name: string, documents: readonly Document[], schema: Schema, kernels: VectorKernels) {
    this.name = name;
    this.#documents = documents;
    this.#schema = schema;
    this.#kernels = kernels;
  }

  get rowCount(): number {
    return this.#documents.length;
  }

  liveRows(nowMs: number): Promise<RowSet> {
    const live = RowSet.full(this.rowCount);
    for (const [row, { expiresAtMs }] of this.#documents.entries())
      if (expiresAtMs !== undefined && expiresAtMs <= nowMs) live.remove(row);
    return Promise.resolve(live);
  }

  filterRows(filter: Filter, pass?: () => Promise<void>): Promise<RowSet> {
    return evaluateFilter(filter, this.rowCount, (leaf) => this.#leafRows(leaf, pass));
  }

  async #leafRows(leaf: LeafFilter, pass: (() => Promise<void>) | undefined): Promise<RowSet> {
    switch (leaf.kind) {
      case "all-tokens":
      case "any-token":
      case "phrase":
        return (await this.#textIndex(pass)).matchingRows(textFilterQuery(leaf, this.#schema), pass);
      case "glob":
      case "regex":
      case "fuzzy":
        return await scanValues(leaf, pass, (slices) => this.#rowsWithValue(leaf, slices));
      default: {
        const passes = documentPredicate(leaf, () => false);
        const rows = RowSet.empty(this.rowCount);
        const slices = new Slices(pass);
        for (const [row, document] of this.#documents.entries()) {
          const turn = slices.before(document.id);
          if (turn !== undefined) await turn;
          if (passes(document)) rows.add(row);
        }
        return rows;
      }
    }
  }

  /** Value by value: an array may have a mebibyte of them. */
  async #rowsWithValue(leaf: ValueFilter, slices: Slices): Promise<RowSet> {
    const passes = valuePredicate(leaf);
    const rows = RowSet.empty(this.rowCount);
    for (const [row, document] of this.#documents.entries()) {
      for (const value of valuesOf(document, leaf.field) ?? []) {
        const turn = slices.before(value);
        if (turn !== undefined) await turn;
        if (!passes(value)) continue;
        rows.add(row);
        break;
      }
    }
    return rows;
  }

  documentIds(rows: Uint32Array): Promise<readonly DocumentId[]> {
    return Promise.resolve(Array.from(rows, (row) => this.#at(row).id));
  }

  rowsOf(ids: readonly DocumentId[]): Promise<readonly (number | undefined)[]> {
    this.#rows ??= new Map(this.#documents.map(({ id }, row) => [id, row]));
    const rows = this.#rows;
    return Promise.resolve(ids.map((id) => rows.get(id)));
  }

  rowsAfter({ after, limit, nowMs, gone }: IdPage): Promise<readonly IdRow[]> {
    this.#byId ??= Uint32Array.from(this.#documents.keys()).sort((left, right) =>
      compareIds(this.#at(left).id, this.#at(right).id),
    );
    const order = this.#byId;
    const from =
      after === undefined
        ? 0
        : firstIndex(order.length, (at) => compareIds(this.#at(order[at]!).id, after) > 0);
    const page: IdRow[] = [];
    for (let at = from; at < order.length && page.length < limit; at++) {
      const row = order[at]!;
      const { id, expiresAtMs } = this.#at(row);
      const isExpired = expiresAtMs !== undefined && expiresAtMs <= nowMs;
      if (!isExpired && gone?.has(row) !== true) page.push({ id, row });
    }
    return Promise.resolve(page);
  }

  vectorSteps({ field, vector }: VectorLeg, { k, allowed }: LegOptions): Promise<VectorSteps | undefined> {
    return Promise.resolve(this.#vectorsOf(field)?.steps({ query: vector, k, allowed }));
  }

  vectorsApart(): Promise<readonly number[]> {
    return Promise.resolve([]);
  }

  sparseHits({ field, vector }: SparseLeg, { k, allowed }: LegOptions): Promise<LegHits> {
    const known = this.#sparse.get(field) ?? new MemorySparse(this.#documents, field);
    this.#sparse.set(field, known);
    return Promise.resolve(known.search(vector, k, allowed));
  }

  async prepareText(query: TextQuery, pass?: () => Promise<void>): Promise<PreparedTextQuery> {
    return (await this.#textIndex(pass)).prepare(query);
  }

  column(field: string): Promise<Column> {
    return Promise.resolve({ valueAt: (row) => this.#at(row).attributes.get(field) });
  }

  documents(rows: Uint32Array, fields: DocumentFields): Promise<readonly Document[]> {
    return Promise.resolve(Array.from(rows, (row) => projectDocument(this.#at(row), fields)));
  }

  #at(row: number): Document {
    const document = this.#documents[row];
    assert(document !== undefined, "search.row-in-range");
    return document;
  }

  #vectorsOf(name: string): MemoryVectors | undefined {
    const known = this.#vectors.get(name);
    if (known !== undefined) return known;
    const field = this.#schema.vectors.get(name);
    if (field === undefined) return undefined;
    const vectors = new MemoryVectors(field, this.#kernels);
    for (const [row, document] of this.#documents.entries()) {
      const vector = document.vectors.get(name);
      if (vector !== undefined) vectors.append(row, vector);
    }
    this.#vectors.set(name, vectors);
    return vectors;
  }

  /** Whoever asks first begins it, and all who wait for it go on with it: one that is given up takes nothing from the others. */
  async #textIndex(pass: (() => Promise<void>) | undefined): Promise<TextIndex> {
    this.#indexing ??= indexTexts(this.#documents, this.#schema);
    while (this.#text === undefined) {
      if (pass !== undefined) await pass();
      // Another query may have ended it meanwhile.
      if (this.#text !== undefined) break;
      const step = this.#indexing.next();
      if (step.done === true) this.#text = step.value;
    }
    return this.#text;
  }
}

/** The texts of all documents; others may run between its steps of a few milliseconds. */
function* indexTexts(documents: readonly Document[], { text }: Schema): Generator<void, TextIndex> {
  const index = new MemoryTextIndex(Array.from(text, ([name, settings]) => ({ name, settings })));
  let words = 0;
  for (const document of documents) {
    // A document without words takes some time as well.
    words += 1 + (yield* index.addInSteps(document.text));
    if (words < STEP_WORDS) continue;
    words = 0;
    yield;
  }
  return index.view(documents.length);
}
