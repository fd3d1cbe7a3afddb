import { assert } from "../../base/index.ts";
import type { VectorField } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import { scanExactly } from "./exact-scan.ts";
import { ExactSteps, type VectorSteps } from "./joint-search.ts";
import type { VectorKernels } from "./kernels/kernels.ts";
import { Scorer } from "./scorer.ts";
import { TopHits } from "./top-hits.ts";
import type { VectorAnswer, VectorSearch } from "./vector-index.ts";

const FIRST_CAPACITY_VECTORS = 64;

/** Vectors of a growing unit in memory, searched exactly: the same hits and scores as an index of them gives with `exact`. */
export class MemoryVectors {
  readonly field: VectorField;
  readonly #kernels: VectorKernels;
  #vectors: Float32Array;
  #rows: Uint32Array;
  #count = 0;

  constructor(field: VectorField, kernels: VectorKernels) {
    this.field = field;
    this.#kernels = kernels;
    this.#vectors = new Float32Array(FIRST_CAPACITY_VECTORS * field.dimensions);
    this.#rows = new Uint32Array(FIRST_CAPACITY_VECTORS);
  }

  get vectorCount(): number {
    return this.#count;
  }

  /** Adds what `storedVector` made, for a row above all rows so far. */
  append(row: number, vector: Float32Array): void {
    assert(vector.length === this.field.dimensions, "search.vector-dimensions");
    assert(this.#count === 0 || row > this.#rows[this.#count - 1]!, "search.vectors-in-row-order");
    if (this.#count === this.#rows.length) this.#grow();
    this.#vectors.set(vector, this.#count * this.field.dimensions);
    this.#rows[this.#count++] = row;
  }

  search({ query, k, allowed }: VectorSearch): VectorAnswer {
    const top = new TopHits(k);
    const dimensions = this.field.dimensions;
    const vectors = this.#vectors.subarray(0, this.#count * dimensions);
    const scanned = { vectors, dimensions, rowAt: (index: number) => this.#rows[index]! };
    const scorer = new Scorer(this.#kernels, this.field, query);
    const candidates = scanExactly(scanned, allowed, scorer, top);
    return {
      hits: top.toSorted(),
      candidates,
      reranked: candidates,
      listsProbed: 0,
      exhaustive: true,
      waves: 0,
    };
  }

  /** The same search as a part of one of several indexes. */
  steps(search: VectorSearch): VectorSteps {
    const on = { metric: this.field.metric, query: search.query };
    return new ExactSteps(on, () => Promise.resolve(this.search(search)));
  }

  /** Of a unit with `rowCount` rows. */
  rowsWithVector(rowCount: number): RowSet {
    return RowSet.of(rowCount, this.#rows.subarray(0, this.#count));
  }

  #grow(): void {
    const vectors = new Float32Array(this.#vectors.length * 2);
    vectors.set(this.#vectors);
    this.#vectors = vectors;
    const rows = new Uint32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
