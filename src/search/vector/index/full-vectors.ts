import type { RowSet } from "../../rows/row-set.ts";
import { decodeElements } from "../elements.ts";
import { scanExactly } from "../exact-scan.ts";
import { fullBytes, type Head } from "../format/head.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { Scorer } from "../scorer.ts";
import { TopHits } from "../top-hits.ts";
import type { VectorAnswer } from "../vector-index.ts";
import { type Records, readRecords } from "./record-reader.ts";
import type { RowPlaces } from "./row-places.ts";

/** Bytes of full vectors that a search holds at once, and scores before it lets others run: some milliseconds. */
const WAVE_BYTES = 4_194_304;

export interface FullSearch {
  readonly query: Float32Array;
  readonly k: number;
  /** Before each wave. */
  readonly pass?: (() => Promise<void>) | undefined;
}

export interface FullVectorsOptions {
  readonly head: Head;
  readonly records: Records;
  readonly places: RowPlaces;
  readonly kernels: VectorKernels;
}

/** The full vectors in the file, and the searches that look at nothing else. */
export class FullVectors {
  readonly #head: Head;
  readonly #records: Records;
  readonly #places: RowPlaces;
  readonly #kernels: VectorKernels;

  constructor({ head, records, places, kernels }: FullVectorsOptions) {
    this.#head = head;
    this.#records = records;
    this.#places = places;
    this.#kernels = kernels;
  }

  /** Compares the query with all allowed vectors. */
  async searchAll({ query, k, pass }: FullSearch, allowed: RowSet | undefined): Promise<VectorAnswer> {
    const { field, vectorCount } = this.#head;
    const positions = allowed === undefined ? undefined : this.#places.positionsOf(allowed);
    const [top, scorer] = [new TopHits(k), new Scorer(this.#kernels, field, query)];
    let [candidates, waves] = [0, 0];
    const step = this.#rowsOfWave();
    for (let first = 0; first < vectorCount; first += step) {
      const end = Math.min(vectorCount, first + step);
      const matching = positions?.countRange(first, end) ?? end - first;
      if (matching === 0) continue;
      await pass?.();
      waves++;
      if (positions !== undefined && matching * 2 < end - first) {
        await this.#scorePositions(positions.inRange(first, end), scorer, top);
      } else {
        const bytes = await this.#records.reader.read(
          this.#records.start + first * this.#records.recordBytes,
          (end - first) * this.#records.recordBytes,
        );
        const vectors = decodeElements(field.element, bytes, this.#kernels);
        const rowAt = (i: number) => this.#places.rowAt(first + i);
        scanExactly({ vectors, dimensions: field.dimensions, rowAt }, allowed, scorer, top);
      }
      candidates += matching;
    }
    return exhaustive(top, candidates, waves);
  }

  /** Compares the query with the vectors at these positions, which ascend. */
  async searchPositions({ query, k, pass }: FullSearch, positions: Uint32Array): Promise<VectorAnswer> {
    const [top, scorer] = [new TopHits(k), new Scorer(this.#kernels, this.#head.field, query)];
    const step = this.#rowsOfWave();
    let waves = 0;
    for (let first = 0; first < positions.length; first += step) {
      await pass?.();
      waves++;
      await this.#scorePositions(positions.subarray(first, first + step), scorer, top);
    }
    return exhaustive(top, positions.length, waves);
  }

  async at(positions: Uint32Array): Promise<Float32Array> {
    const bytes = await readRecords(this.#records, positions);
    return decodeElements(this.#head.field.element, bytes, this.#kernels);
  }

  async #scorePositions(positions: Uint32Array, scorer: Scorer, top: TopHits): Promise<void> {
    const vectors = await this.at(positions);
    const rowAt = (i: number) => this.#places.rowAt(positions[i]!);
    scanExactly({ vectors, dimensions: this.#head.field.dimensions, rowAt }, undefined, scorer, top);
  }

  #rowsOfWave(): number {
    return Math.max(1, Math.floor(WAVE_BYTES / fullBytes(this.#head.field)));
  }
}

function exhaustive(top: TopHits, candidates: number, waves: number): VectorAnswer {
  const hits = top.toSorted();
  return { hits, candidates, reranked: candidates, listsProbed: 0, exhaustive: true, waves };
}
