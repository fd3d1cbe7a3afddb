/** A unit of search: the memtable or one index segment. The executor (`query/`) sees nothing else of them. */

import type { Filter } from "../filter/filter.ts";
import type { AttributeValue, Document, DocumentId } from "../model/document.ts";
import type { SparseLeg, VectorLeg } from "../query/query.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { PreparedTextQuery, TextQuery } from "../text/index.ts";
import type { VectorSteps } from "../vector/index.ts";

/**
 * A unit as one snapshot sees it: its content and which rows of it live never change. Rows are 0 to `rowCount` - 1 in the unit's own order; no live
 * id stands twice in the units of a snapshot. Every call may wait for bytes and rejects with `SearchError` ("data-damaged", "unavailable", ...).
 */
export interface SearchUnit {
  /** For people: "memtable", "segment 17". */
  readonly name: string;
  readonly rowCount: number;
  /** What it keeps in memory of its file at most, about, once everything was asked for; 0 for what is not of a file. */
  readonly keptBytes: number;
  /** Rows that were neither deleted nor written again by newer units, nor expire at or before `nowMs`. */
  liveRows(nowMs: number): Promise<RowSet>;
  /** Of a bound filter, exactly; regardless of which rows live. The caller may change the set. `pass` is awaited between slices of work. */
  filterRows(filter: Filter, pass?: () => Promise<void>): Promise<RowSet>;
  /** In the order of `rows`. */
  documentIds(rows: Uint32Array): Promise<readonly DocumentId[]>;
  /** The row of each id, live or not; undefined: not in this unit. */
  rowsOf(ids: readonly DocumentId[]): Promise<readonly (number | undefined)[]>;
  /** Rows that live, in the order of their ids. Looks at those that it gives and at those between them that do not live, and at no others. */
  rowsAfter(page: IdPage): Promise<readonly IdRow[]>;
  /** This unit's part in a search for the best `k` of `allowed`; undefined: none of its rows has such a vector. */
  vectorSteps(leg: VectorLeg, options: LegOptions): Promise<VectorSteps | undefined>;
  /** Rows for which what a search looks at first is not what their vectors give: none in memory. `pass` is awaited between slices of work. */
  vectorsApart(field: string, pass: () => Promise<void>): Promise<readonly number[]>;
  /** The best `k` of `allowed`, best first; ties by row. */
  sparseHits(leg: SparseLeg, options: LegOptions): Promise<LegHits>;
  /** Looks the terms up: what this unit knows of them goes into the statistics of the snapshot, with which it is then searched. `pass` is awaited between slices of work. */
  prepareText(query: TextQuery, pass?: () => Promise<void>): Promise<PreparedTextQuery>;
  /** The values of an attribute, by row. */
  column(field: string): Promise<Column>;
  /** In the order of `rows`. Only what `fields` asks for is read; the others are absent. */
  documents(rows: Uint32Array, fields: DocumentFields): Promise<readonly Document[]>;
  /** What reads of this unit have cost so far, the same numbers for all queries that share it. */
  readonly counters: ReadCounters;
}

/** Some rows in the order of their ids. */
export interface IdPage {
  /** Undefined: from the beginning. */
  readonly after: DocumentId | undefined;
  readonly limit: number;
  /** Without those that expire by then. */
  readonly nowMs: number;
  /** Nor these. Not changed. */
  readonly gone?: RowSet;
}

export interface IdRow {
  readonly id: DocumentId;
  readonly row: number;
}

export interface LegOptions {
  readonly k: number;
  /** Only these rows: live and passing the filter. Not changed. */
  readonly allowed: RowSet;
  /** Awaited between slices of work: the place to let others run, or to reject when the answer is no longer wanted. */
  readonly pass?: () => Promise<void>;
}

export interface LegHits {
  /** Best first. */
  readonly hits: readonly RowHit[];
  /** Rows that were scored. */
  readonly candidates: number;
  /** Whether no row outside the hits can be better than the last of them. */
  readonly exhaustive: boolean;
}

export interface RowHit {
  readonly row: number;
  /** Higher is better. */
  readonly score: number;
}

/** An attribute by row. */
export interface Column {
  /** Undefined: the row does not have it. */
  valueAt(row: number): AttributeValue | undefined;
}

export type DocumentFields =
  | { readonly kind: "none" }
  /** Attributes and text. */
  | { readonly kind: "all" }
  /** Attributes, text, vectors and sparse vectors. */
  | { readonly kind: "everything" }
  | { readonly kind: "fields"; readonly fields: ReadonlySet<string> };

/** Counts that only grow. */
export interface ReadCounters {
  readonly waves: number;
  readonly reads: number;
  readonly bytes: number;
}
