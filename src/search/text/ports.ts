import type { RangeReader } from "../ports.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { TextQuery } from "./query.ts";

/** The text fields of one unit: of an index segment (`openTextIndex`) or of the memtable (`MemoryTextIndex`). */
export interface TextIndex {
  readonly rowCount: number;
  readonly fields: readonly IndexedTextField[];
  /** Looks the terms of a query up: one wave on a cold index. "failed-precondition" when a field was built with another analyzer. */
  prepare(query: TextQuery): Promise<PreparedTextQuery>;
  /**
   * The rows that match, exactly, whatever their scores: for filters. Expansions are not cut. Regardless of which rows live. `pass` is awaited between
   * slices of work.
   */
  matchingRows(query: TextQuery, pass?: () => Promise<void>): Promise<RowSet>;
}

export interface IndexedTextField {
  readonly name: string;
  /** `analyzerName` of what it was built with. */
  readonly analyzer: string;
  /** Rows that have a term in the field. */
  readonly documents: number;
  /** Of all of them together. */
  readonly tokens: number;
}

/** A query whose terms are known to one index. */
export interface PreparedTextQuery {
  /** Of this index alone; the caller adds those of all units of the snapshot (`addTextStatistics`). */
  readonly statistics: TextStatistics;
  /** One wave on a cold index. */
  search(request: TextSearchRequest): Promise<TextSearchResult>;
}

export interface TextSearchRequest {
  /** Of the whole snapshot, so that scores do not depend on how documents lie in units. */
  readonly statistics: TextStatistics;
  readonly k: number;
  /** Only these rows. Not changed. */
  readonly allowed: RowSet;
  /** Only hits of at least this score are wanted: for example the k-th best of other units. */
  readonly leastScore?: number;
  /** Awaited between slices of work: the place to let others run, or to reject when the answer is no longer wanted. */
  readonly pass?: () => Promise<void>;
}

export interface TextSearchResult {
  /** Best first, ties by row. */
  readonly hits: readonly TextHit[];
  /** Postings whose score was calculated. */
  readonly scoredPostings: number;
  /** Postings of the query's terms. */
  readonly totalPostings: number;
}

export interface TextHit {
  readonly row: number;
  /** A multiple of 2^-22: adding such numbers is exact, so the order of adding never shows. */
  readonly score: number;
}

/** Additive over units. */
export interface TextStatistics {
  readonly fields: ReadonlyMap<string, TextFieldStatistics>;
}

export interface TextFieldStatistics {
  /** Rows that have a term in the field. */
  readonly documents: number;
  /** Of all of them together. */
  readonly tokens: number;
  /** Rows by term: of the query's terms and of the terms that they were expanded to. */
  readonly documentFrequencies: ReadonlyMap<string, number>;
}

/** What is read of a text index when it is opened (`head`), at the first query (`lengths`) and by range afterwards. */
export const TEXT_SECTIONS = ["head", "lengths", "terms", "postings", "positions"] as const;
export type TextSection = (typeof TEXT_SECTIONS)[number];

/** A built index: each section lies in the container as it is. Formats: docs/internals/search-text.md. */
export type TextIndexSections = Readonly<Record<TextSection, Uint8Array>>;

/** The same sections to read from. The readers verify what they return. */
export type TextIndexReaders = Readonly<Record<TextSection, RangeReader>>;
