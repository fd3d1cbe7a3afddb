import { SearchError } from "../errors.ts";
import type { VectorField } from "../model/schema.ts";
import type { VectorKernels } from "./kernels/kernels.ts";

/**
 * Final scores of full vectors against one query. Higher is better: the cosine, in [-1, 1]; the dot product; the negative squared distance. The
 * same vector gets the same bits from every unit.
 */
export class Scorer {
  readonly #kernels: VectorKernels;
  readonly #field: VectorField;
  readonly #query: Float32Array;
  readonly #queryLength: number;
  #values = new Float32Array(0);
  #norms = new Float32Array(0);

  constructor(kernels: VectorKernels, field: VectorField, query: Float32Array) {
    this.#kernels = kernels;
    this.#field = field;
    this.#query = query;
    const norm = new Float32Array(1);
    kernels.squaredNormRows(query, query.length, norm);
    this.#queryLength = Math.sqrt(norm[0]!);
  }

  /** Scores of `count` vectors that lie one after another, valid until the next call. */
  score(vectors: Float32Array, count: number): Float32Array {
    if (this.#values.length < count) {
      this.#values = new Float32Array(count);
      this.#norms = new Float32Array(count);
    }
    const values = this.#values.subarray(0, count);
    switch (this.#field.metric) {
      case "dot":
        this.#kernels.dotRows(this.#query, vectors, values);
        break;
      case "euclidean":
        this.#kernels.squaredDistanceRows(this.#query, vectors, values);
        for (let i = 0; i < count; i++) values[i] = -values[i]!;
        break;
      case "cosine": {
        const norms = this.#norms.subarray(0, count);
        this.#kernels.dotRows(this.#query, vectors, values);
        this.#kernels.squaredNormRows(vectors, this.#query.length, norms);
        for (let i = 0; i < count; i++) {
          const cosine = values[i]! / (this.#queryLength * Math.sqrt(norms[i]!));
          values[i] = Math.max(-1, Math.min(1, cosine));
        }
      }
    }
    // Only vectors that nobody could have stored give such a score.
    for (const value of values) {
      if (Number.isNaN(value)) throw new SearchError("data-damaged", "a stored vector is not a vector");
    }
    return values;
  }
}
