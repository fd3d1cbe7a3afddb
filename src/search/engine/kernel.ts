import type { Filter } from "../filter/filter.ts";
import type { DocumentPredicate } from "../filter/match-document.ts";
import type { Document } from "../model/document.ts";
import type { Schema } from "../model/schema.ts";
import type { RangeReader } from "../ports.ts";
import type { Query, QueryOptions } from "../query/query.ts";
import type { QueryResult } from "../query/result.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { MergedSegment } from "../unit/segment/merge-segments.ts";
import type { DamagedSection } from "../unit/segment/verify-segment.ts";

/** The file of a segment that goes into another. */
export interface MergedFile {
  readonly bytes: Uint8Array;
  /** Rows to leave out. */
  readonly deleted: RowSet;
}

/**
 * What the engine asks of indexing and of queries, so that it can be tested without either and that heavy work can run on other threads. Every row
 * of a unit that it makes lives, until it expires.
 */
export interface SearchKernel {
  /** Documents in memory; rows in the order of `documents`. */
  memoryUnit(name: string, documents: readonly Document[], schema: Schema): SearchUnit;
  /** The bytes of an index segment of these documents, whose ids are all different. Rejects with the reason of `signal` when it aborts. */
  buildSegment(documents: readonly Document[], schema: Schema, signal: AbortSignal): Promise<Uint8Array>;
  /** One segment of several: see `mergeSegments`. Takes the files over: they must not be used afterwards. */
  mergeSegments(
    sources: readonly MergedFile[],
    how: { readonly schema: Schema; readonly nowMs: number },
    signal: AbortSignal,
  ): Promise<MergedSegment>;
  /** What of the file cannot be read. "data-damaged" when that is all of it. `pause` is awaited between slices. */
  damagedSections(reader: RangeReader, pause: () => Promise<void>): Promise<readonly DamagedSection[]>;
  openSegment(name: string, reader: RangeReader, schema: Schema): Promise<SearchUnit>;
  /** All on the same units. */
  query(
    queries: readonly Query[],
    on: { readonly units: readonly SearchUnit[]; readonly schema: Schema },
    options: QueryOptions,
  ): Promise<readonly QueryResult[]>;
  /** Of a bound filter. */
  matcher(filter: Filter, schema: Schema): DocumentPredicate;
}
