import type { Prng } from "../../../base/index.ts";
import type { Metric, VectorElement } from "../../model/schema.ts";
import type { VectorKernels } from "../kernels/kernels.ts";

/** Dimensions of codes and of what is compared with them: whole 64-bit words. */
export const CODE_BITS = 64;
const ROTATION_ROUNDS = 4;

/**
 * The space in which an index compares: vectors for cosine at length 1, minus the mean of the indexed ones, rotated at random. Distances are those of
 * the vectors (for cosine: of their directions). The rotation spreads what a vector is over all its numbers, so that their signs say much of it
 * whatever the model that made them; the mean makes the numbers small. Rounds of random signs and Hadamard transforms: Ailon and Chazelle 2009, on
 * blocks as in the RaBitQ library.
 */
export class IndexSpace {
  readonly #kernels: VectorKernels;
  readonly #metric: Metric;
  /** As many as a vector has. */
  readonly mean: Float32Array;
  /** +1 or -1: `ROTATION_ROUNDS` times `dimensions`. */
  readonly signs: Float32Array;
  /** Numbers of a vector in this space: a multiple of 64, not fewer than the vector's. */
  readonly dimensions: number;

  constructor(kernels: VectorKernels, metric: Metric, mean: Float32Array, signs: Float32Array) {
    this.#kernels = kernels;
    this.#metric = metric;
    this.mean = mean;
    this.signs = signs;
    this.dimensions = spaceDimensions(mean.length);
  }

  /** Around the mean of `sample`, rotated as `prng` says. */
  static around(
    kernels: VectorKernels,
    metric: Metric,
    sample: Float32Array,
    options: { dimensions: number; prng: Prng },
  ): IndexSpace {
    const { dimensions, prng } = options;
    const vectors = sample.slice();
    toDirections(kernels, metric, vectors, dimensions);
    const sums = new Float64Array(dimensions);
    for (let start = 0; start < vectors.length; start += dimensions) {
      for (let i = 0; i < dimensions; i++) sums[i] = sums[i]! + vectors[start + i]!;
    }
    const mean = Float32Array.from(sums, (sum) => (sum * dimensions) / vectors.length);
    const signs = Float32Array.from({ length: spaceDimensions(dimensions) * ROTATION_ROUNDS }, () =>
      prng.chance(0.5) ? 1 : -1,
    );
    return new IndexSpace(kernels, metric, mean, signs);
  }

  /** Vectors that lie one after another, in this space. */
  enter(vectors: Float32Array): Float32Array {
    const { mean, dimensions } = this;
    const own = mean.length;
    const count = vectors.length / own;
    const entered = new Float32Array(count * dimensions);
    const directions = vectors.slice();
    toDirections(this.#kernels, this.#metric, directions, own);
    for (let row = 0; row < count; row++) {
      for (let i = 0; i < own; i++) entered[row * dimensions + i] = directions[row * own + i]! - mean[i]!;
    }
    this.#kernels.rotateRows(entered, this.signs, dimensions);
    return entered;
  }

  /**
   * For the dot product and elements without a bound: |o - m|² - |o|² of vectors that lie one after another, with m the middle; otherwise undefined. Not the difference of the two: of a
   * vector that is far from the others its rounding is more than all others are apart.
   */
  shifts(vectors: Float32Array, element: VectorElement): Float64Array | undefined {
    if (this.#metric !== "dot" || element === "i8") return undefined;
    const { mean } = this;
    const own = mean.length;
    const squared = mean.reduce((sum, value) => sum + value * value, 0);
    return Float64Array.from({ length: vectors.length / own }, (_, row) => {
      let along = 0;
      for (let i = 0; i < own; i++) along += vectors[row * own + i]! * mean[i]!;
      return squared - 2 * along;
    });
  }
}

export function spaceDimensions(dimensions: number): number {
  return Math.ceil(dimensions / CODE_BITS) * CODE_BITS;
}

/** Bytes of the signs of all rounds, one bit each. */
export function signBytes(dimensions: number): number {
  return (ROTATION_ROUNDS * dimensions) / 8;
}

/** For cosine, brings every vector to length 1. */
function toDirections(
  kernels: VectorKernels,
  metric: Metric,
  vectors: Float32Array,
  dimensions: number,
): void {
  if (metric !== "cosine") return;
  const norms = new Float32Array(vectors.length / dimensions);
  kernels.squaredNormRows(vectors, dimensions, norms);
  norms.forEach((norm, row) => {
    const factor = norm > 0 ? 1 / Math.sqrt(norm) : 0;
    for (let i = row * dimensions; i < (row + 1) * dimensions; i++) vectors[i] = vectors[i]! * factor;
  });
}
