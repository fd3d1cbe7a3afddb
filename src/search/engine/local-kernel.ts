import { createPrng } from "../../base/index.ts";
import type { Clock, Timers } from "../../platform/index.ts";
import type { Filter } from "../filter/filter.ts";
import { type DocumentPredicate, documentPredicate } from "../filter/match-document.ts";
import { textPredicate } from "../filter/text-predicate.ts";
import type { Document } from "../model/document.ts";
import type { Schema } from "../model/schema.ts";
import type { RangeReader } from "../ports.ts";
import { executeQueries } from "../query/execute.ts";
import type { Query, QueryOptions } from "../query/query.ts";
import type { QueryResult } from "../query/result.ts";
import { MemoryUnit } from "../unit/memory-unit.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { Checksum } from "../unit/segment/blocks.ts";
import { buildSegment } from "../unit/segment/build-segment.ts";
import { type MergedSegment, mergeSegments } from "../unit/segment/merge-segments.ts";
import { openSegment } from "../unit/segment/segment-unit.ts";
import { type DamagedSection, damagedSections } from "../unit/segment/verify-segment.ts";
import type { VectorKernels } from "../vector/index.ts";
import type { MergedFile, SearchKernel } from "./kernel.ts";

export interface LocalKernelOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly vectors: VectorKernels;
  /** Continues from a seed: blocks of segments are told apart by it. */
  readonly hasher: Checksum;
}

/** Indexing and queries on the calling thread. Indexing lets others run between slices of its work. */
export class LocalKernel implements SearchKernel {
  readonly #options: LocalKernelOptions;

  constructor(options: LocalKernelOptions) {
    this.#options = options;
  }

  memoryUnit(name: string, documents: readonly Document[], schema: Schema): SearchUnit {
    return new MemoryUnit(name, documents, schema, this.#options.vectors);
  }

  buildSegment(documents: readonly Document[], schema: Schema, signal: AbortSignal): Promise<Uint8Array> {
    return buildSegment({ documents, schema, ...this.#building(signal) });
  }

  mergeSegments(
    sources: readonly MergedFile[],
    { schema, nowMs }: { readonly schema: Schema; readonly nowMs: number },
    signal: AbortSignal,
  ): Promise<MergedSegment> {
    const files = sources.map(({ bytes, deleted }) => ({ file: bytes, deleted }));
    return mergeSegments({ sources: files, schema, nowMs, ...this.#building(signal) });
  }

  #building(signal: AbortSignal) {
    const { vectors, hasher, timers } = this.#options;
    return {
      kernels: vectors,
      checksum: hasher,
      // The same documents give the same segment, whoever indexes them.
      prng: createPrng("segment"),
      pause: async () => {
        signal.throwIfAborted();
        await new Promise<void>((resolve) => timers.endOfTurn(resolve));
      },
    };
  }

  damagedSections(reader: RangeReader, pause: () => Promise<void>): Promise<readonly DamagedSection[]> {
    return damagedSections(reader, this.#options.hasher, pause);
  }

  openSegment(name: string, reader: RangeReader, schema: Schema): Promise<SearchUnit> {
    const { vectors, hasher } = this.#options;
    return openSegment({ name, reader, schema, kernels: vectors, checksum: hasher });
  }

  query(
    queries: readonly Query[],
    on: { readonly units: readonly SearchUnit[]; readonly schema: Schema },
    options: QueryOptions,
  ): Promise<readonly QueryResult[]> {
    const { clock, timers } = this.#options;
    const pause = () => new Promise<void>((resolve) => timers.endOfTurn(resolve));
    return executeQueries(queries, on, { ...options, pause }, clock);
  }

  matcher(filter: Filter, schema: Schema): DocumentPredicate {
    return documentPredicate(filter, textPredicate(schema));
  }
}
