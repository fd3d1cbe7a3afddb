/**
 * Vectors of texts by latent semantic analysis: texts that use words which occur in like company get vectors that point the same way, though they share
 * none. Small and plain, for the demo and for benchmarks; a real service asks a language model.
 *
 * Texts become rows of a sparse matrix A of words, weighted by (1 + ln tf) * ln(N / df) and of length 1. The k directions of the space of words along which the rows
 * spread most are the dominant eigenvectors of A'A (Deerwester et al., 1990). They are found by subspace iteration, Q <- orthonormal(A'(A Q)), from a
 * random start (Halko, Martinsson and Tropp, 2011, algorithm 4.4). Any basis of that space gives the same angles, so no eigenvalue is ever computed. The
 * vector of a text is its row times Q, scaled to length 1.
 */
import { createPrng, type Prng } from "../../src/base/index.ts";
import { analyzerOf } from "../../src/search/text/index.ts";

export interface TrainingOptions {
  readonly dimensions: number;
  readonly seed?: string;
  /** Words of fewer texts say nothing about their company. */
  readonly leastTexts?: number;
  readonly iterations?: number;
  readonly onIteration?: (done: number, of: number) => void;
}

/** Rows of a sparse matrix: row r has terms[starts[r]] to terms[starts[r + 1] - 1]. */
interface SparseRows {
  readonly starts: Uint32Array;
  readonly terms: Uint32Array;
  readonly weights: Float32Array;
}

const analyzer = analyzerOf({ language: "english", stemming: true, stopWords: true });

export class LatentVectors {
  readonly dimensions: number;
  readonly #vocabulary: Vocabulary;
  /** Words by dimensions. */
  readonly #basis: Float32Array;

  private constructor(vocabulary: Vocabulary, basis: Float32Array, dimensions: number) {
    this.#vocabulary = vocabulary;
    this.#basis = basis;
    this.dimensions = dimensions;
  }

  static train(texts: readonly string[], options: TrainingOptions): LatentVectors {
    const { dimensions, seed = "latent", leastTexts = 3, iterations = 4, onIteration } = options;
    const vocabulary = new Vocabulary(texts, leastTexts);
    const rows = vocabulary.rowsOf(texts);
    let basis = randomMatrix(createPrng(seed), vocabulary.size * dimensions);
    orthonormalize(basis, dimensions);
    for (let done = 1; done <= iterations; done++) {
      basis = throughRows(rows, basis, dimensions);
      orthonormalize(basis, dimensions);
      onIteration?.(done, iterations);
    }
    return new LatentVectors(vocabulary, basis, dimensions);
  }

  /** Of length 1; undefined: no word of the text is known. */
  vectorOf(text: string): Float32Array | undefined {
    const vector = new Float32Array(this.dimensions);
    for (const [term, weight] of this.#vocabulary.weightsOf(text)) {
      addScaled(vector, 0, this.#basis, term * this.dimensions, weight, this.dimensions);
    }
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    return length < 1e-6 ? undefined : vector.map((value) => value / length);
  }
}

class Vocabulary {
  readonly #numbers = new Map<string, number>();
  readonly #rarity: number[] = [];

  constructor(texts: readonly string[], leastTexts: number) {
    const counts = new Map<string, number>();
    for (const text of texts)
      for (const term of new Set(termsOf(text))) counts.set(term, (counts.get(term) ?? 0) + 1);
    for (const [term, count] of counts) {
      if (count < leastTexts) continue;
      this.#numbers.set(term, this.#numbers.size);
      this.#rarity.push(Math.log(texts.length / count));
    }
  }

  get size(): number {
    return this.#numbers.size;
  }

  /** Of length 1 together. */
  weightsOf(text: string): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const term of termsOf(text)) {
      const number = this.#numbers.get(term);
      if (number !== undefined) counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    let squares = 0;
    for (const [number, count] of counts) {
      const weight = (1 + Math.log(count)) * (this.#rarity[number] ?? 0);
      counts.set(number, weight);
      squares += weight * weight;
    }
    for (const [number, weight] of counts) counts.set(number, weight / Math.sqrt(squares));
    return counts;
  }

  rowsOf(texts: readonly string[]): SparseRows {
    const starts = new Uint32Array(texts.length + 1);
    const terms: number[] = [];
    const weights: number[] = [];
    for (const [row, text] of texts.entries()) {
      for (const [term, weight] of this.weightsOf(text)) {
        terms.push(term);
        weights.push(weight);
      }
      starts[row + 1] = terms.length;
    }
    return { starts, terms: Uint32Array.from(terms), weights: Float32Array.from(weights) };
  }
}

function termsOf(text: string): readonly string[] {
  return analyzer.analyze(text).map(({ term }) => term);
}

/** A'(A Q), a row of A at a time. */
function throughRows(
  { starts, terms, weights }: SparseRows,
  basis: Float32Array,
  width: number,
): Float32Array {
  const result = new Float32Array(basis.length);
  const projected = new Float32Array(width);
  for (let row = 0; row + 1 < starts.length; row++) {
    projected.fill(0);
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      addScaled(projected, 0, basis, terms[at]! * width, weights[at]!, width);
    }
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      addScaled(result, terms[at]! * width, projected, 0, weights[at]!, width);
    }
  }
  return result;
}

function addScaled(
  into: Float32Array,
  to: number,
  values: Float32Array,
  from: number,
  scale: number,
  width: number,
): void {
  for (let i = 0; i < width; i++) into[to + i]! += scale * values[from + i]!;
}

/** Columns of length 1, at right angles: Y R^-1 with R'R = Y'Y (Cholesky). */
function orthonormalize(matrix: Float32Array, width: number): void {
  const factor = cholesky(gram(matrix, width), width);
  for (let start = 0; start < matrix.length; start += width) {
    for (let i = 0; i < width; i++) {
      let value = matrix[start + i]!;
      for (let j = 0; j < i; j++) value -= factor[i * width + j]! * matrix[start + j]!;
      matrix[start + i] = value / factor[i * width + i]!;
    }
  }
}

/** The lower half of Y'Y. */
function gram(matrix: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width * width);
  for (let start = 0; start < matrix.length; start += width) {
    for (let i = 0; i < width; i++) {
      const value = matrix[start + i]!;
      for (let j = 0; j <= i; j++) sums[i * width + j]! += value * matrix[start + j]!;
    }
  }
  return sums;
}

function cholesky(sums: Float64Array, width: number): Float64Array {
  const factor = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let value = sums[i * width + j]!;
      for (let k = 0; k < j; k++) value -= factor[i * width + k]! * factor[j * width + k]!;
      if (i === j && value <= 0) throw new Error(`${width} dimensions are more than the texts have`);
      factor[i * width + j] = i === j ? Math.sqrt(value) : value / factor[j * width + j]!;
    }
  }
  return factor;
}

/** Numbers of a normal distribution (Box and Muller, 1958). */
function randomMatrix(prng: Prng, length: number): Float32Array {
  return Float32Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(1 - prng.unit())) * Math.cos(2 * Math.PI * prng.unit()),
  );
}
