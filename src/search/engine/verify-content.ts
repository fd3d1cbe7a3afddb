/**
 * What the parts of an index segment say about each other. Every row: its id, its document, its columns, and the codes and bytes of its vectors. Of some documents, spread over the segment: whether the
 * indexes of attributes and texts answer for all rows as the documents do; and for every field, which rows have it.
 */

import type { Filter } from "../filter/filter.ts";
import type { DocumentPredicate } from "../filter/match-document.ts";
import type { AttributeValue, Document, DocumentId } from "../model/document.ts";
import type { Schema } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import type { FindingKind } from "../service.ts";
import type { Column, SearchUnit } from "../unit/ports.ts";

/** Documents that are read before others have a turn. */
const PAGE_ROWS = 256;
/** Documents whose values are asked for. */
const PROBED_DOCUMENTS = 3;
/** A score of 32-bit numbers, added in another order. */
const ROUNDING = 1e-3;

export interface ContentFinding {
  readonly kind: FindingKind;
  readonly section: string;
  readonly field: string;
  readonly document?: DocumentId;
  readonly problem: string;
}

export interface ContentCheck {
  readonly unit: SearchUnit;
  readonly schema: Schema;
  readonly matcher: (filter: Filter, schema: Schema) => DocumentPredicate;
  /** Between pages: the place to let others run, or to stop. */
  readonly pause: () => Promise<void>;
}

/** Of every document: its row and id, for whoever compares segments. */
export type OnDocuments = (rows: Uint32Array, ids: readonly DocumentId[]) => Promise<void>;

export async function* contentFindings(
  check: ContentCheck,
  onDocuments: OnDocuments,
): AsyncGenerator<ContentFinding> {
  const { unit, schema, pause } = check;
  const probes = await probesOf(check);
  const columns = new Map<string, Column>();
  for (const field of indexedAttributes(schema)) columns.set(field, await unit.column(field));
  for (let at = 0; at < unit.rowCount; at += PAGE_ROWS) {
    await pause();
    const rows = Uint32Array.from({ length: Math.min(PAGE_ROWS, unit.rowCount - at) }, (_, i) => at + i);
    const [documents, ids] = await Promise.all([
      unit.documents(rows, { kind: "everything" }),
      unit.documentIds(rows),
    ]);
    const found = await unit.rowsOf(ids);
    for (const [i, row] of rows.entries()) {
      const [document, id] = [documents[i] as Document, ids[i] as DocumentId];
      if (found[i] !== row) yield idFinding(id, `row ${row} is not found by its id`);
      if (document.id !== id) yield idFinding(id, `the stored document of row ${row} has another id`);
      yield* valueFindings(document, row, columns);
      for (const probe of probes) if (probe.matches(document)) probe.expected.add(row);
    }
    await onDocuments(rows, ids);
  }
  for (const probe of probes) {
    await pause();
    yield* await probeFindings(probe, unit);
  }
  yield* vectorFindings(check);
  yield* await sparseFindings(check);
}

/** The codes and bytes that a search looks at first, of every vector. */
async function* vectorFindings({ unit, schema, pause }: ContentCheck): AsyncGenerator<ContentFinding> {
  for (const field of schema.vectors.keys()) {
    const rows = Uint32Array.from(await unit.vectorsApart(field, pause));
    for (const document of await unit.documentIds(rows))
      yield {
        kind: "vector",
        section: "vector",
        field,
        document,
        problem: "the codes or bytes of the vector are not those that the vector gives",
      };
  }
}

/** The others are only stored. */
function indexedAttributes({ attributes }: Schema): readonly string[] {
  return [...attributes].flatMap(([field, { filterable }]) => (filterable ? [field] : []));
}

function idFinding(document: DocumentId, problem: string): ContentFinding {
  return { kind: "id", section: "ids", field: "", document, problem };
}

function* valueFindings(
  document: Document,
  row: number,
  columns: ReadonlyMap<string, Column>,
): Generator<ContentFinding> {
  const { id, attributes, vectors } = document;
  for (const [field, column] of columns)
    if (!isSame(column.valueAt(row), attributes.get(field)))
      yield {
        kind: "column",
        section: "column",
        field,
        document: id,
        problem: "the column has another value than the document",
      };
  for (const [field, vector] of vectors)
    if (!vector.every(Number.isFinite))
      yield { kind: "vector", section: "vector", field, document: id, problem: "the vector is none" };
}

function isSame(left: AttributeValue | undefined, right: AttributeValue | undefined): boolean {
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((value, i) => isSame(value, right[i]));
  if (typeof left === "bigint" && typeof right === "number") return isSame(right, left);
  if (typeof left === "number" && typeof right === "bigint")
    return Number.isInteger(left) && BigInt(left) === right;
  return left === right;
}

/** A filter, and the rows that pass it as the documents say. */
interface Probe {
  readonly filter: Filter;
  readonly section: string;
  readonly field: string;
  readonly matches: DocumentPredicate;
  readonly expected: RowSet;
}

async function probesOf({ unit, schema, matcher }: ContentCheck): Promise<readonly Probe[]> {
  const filters: { readonly filter: Filter; readonly section: string; readonly field: string }[] = [];
  for (const [section, fields] of [
    ["vector", schema.vectors.keys()],
    ["present", schema.sparse.keys()],
    ["present", schema.text.keys()],
    ["attribute", indexedAttributes(schema)],
  ] as const)
    for (const field of fields) filters.push({ filter: { kind: "exists", field }, section, field });
  for (const { attributes, text } of await probedDocuments(unit)) {
    for (const [field, value] of attributes) {
      if (schema.attributes.get(field)?.filterable !== true) continue;
      for (const one of (Array.isArray(value) ? value : [value]).slice(0, 1))
        filters.push({
          filter: { kind: "compare", field, operator: "eq", value: one },
          section: "postings",
          field,
        });
    }
    for (const [field, words] of text) {
      const query = words.slice(0, PROBED_CHARACTERS);
      filters.push({ filter: { kind: "any-token", field, query }, section: "text", field });
      for (const phrase of phrasesOf(words))
        filters.push({ filter: { kind: "phrase", field, query: phrase }, section: "text", field });
    }
  }
  return filters.map((probe) => ({
    ...probe,
    matches: matcher(probe.filter, schema),
    expected: RowSet.empty(unit.rowCount),
  }));
}

/** Of a text: some words. */
const PROBED_CHARACTERS = 32;

/** Its beginning and its end, whose positions are the largest, without words that are cut. */
function phrasesOf(text: string): ReadonlySet<string> {
  if (text.length <= PROBED_CHARACTERS) return new Set([text]);
  const first = text.slice(0, PROBED_CHARACTERS).replace(/\S*$/u, "");
  const last = text.slice(-PROBED_CHARACTERS).replace(/^\S*/u, "");
  return new Set([first, last].filter((phrase) => phrase.trim() !== ""));
}

async function probedDocuments(unit: SearchUnit): Promise<readonly Document[]> {
  const step = Math.max(1, Math.floor(unit.rowCount / PROBED_DOCUMENTS));
  const count = Math.min(PROBED_DOCUMENTS, unit.rowCount);
  return await unit.documents(
    Uint32Array.from({ length: count }, (_, i) => i * step),
    { kind: "everything" },
  );
}

async function probeFindings(probe: Probe, unit: SearchUnit): Promise<readonly ContentFinding[]> {
  const { filter, expected, section, field } = probe;
  const passing = await unit.filterRows(filter);
  const missing = expected.copy().subtract(passing).toRows();
  const beyond = passing.copy().subtract(expected).toRows();
  const [lost, extra] = await Promise.all([unit.documentIds(missing), unit.documentIds(beyond)]);
  const finding = (document: DocumentId, problem: string): ContentFinding => ({
    kind: "index",
    section,
    field,
    document,
    problem,
  });
  return [
    ...lost.map((id) => finding(id, `the index does not have what the document has (${filter.kind})`)),
    ...extra.map((id) => finding(id, `the index has what the document does not have (${filter.kind})`)),
  ];
}

/** A sparse vector has with itself the sum of its squares. */
async function sparseFindings({ unit, schema }: ContentCheck): Promise<readonly ContentFinding[]> {
  const findings: ContentFinding[] = [];
  for (const { id, sparse } of await probedDocuments(unit)) {
    const [row] = await unit.rowsOf([id]);
    if (row === undefined) continue;
    for (const [field, vector] of sparse) {
      const allowed = RowSet.of(unit.rowCount, [row]);
      const leg = { kind: "sparse", field, vector, weight: 1 } as const;
      const { hits } = await unit.sparseHits(leg, { k: 1, allowed });
      const squares = vector.values.reduce((sum, value) => sum + value * value, 0);
      const isRight = Math.abs((hits[0]?.score ?? 0) - squares) <= ROUNDING * squares;
      if (schema.sparse.has(field) && !isRight)
        findings.push({
          kind: "index",
          section: "sparse",
          field,
          document: id,
          problem: "the index has another sparse vector than the document",
        });
    }
  }
  return findings;
}
