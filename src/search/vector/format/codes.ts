import { floatsOf, uint32sOf } from "../elements.ts";
import type { TakenAway } from "./middle.ts";
import { CODE_BITS } from "./space.ts";

/**
 * The 1-bit codes of a list (RaBitQ; Gao and Long, SIGMOD 2024). With r = o - c the vector relative to its centroid, in the space of the index with D
 * dimensions, the code has the signs of r. For a query q, with s the signs as ±1:
 *
 *     |o - q|² = |q - c|² + |r|² - 2 <r, q - c>,   <r, q - c> ≈ f (<s, q> - <s, c>),   f = |r|² / Σ|r_i|
 *
 * an unbiased estimate over random rotations. What does not depend on the query is stored: `base` = |r|² + 2 f <s, c> (for the dot product minus
 * |o|², see `key`), `slope` = 2 f, and `spread`, the estimate's standard deviation for |q - c| = 1.
 */
export interface ListCodes {
  readonly base: Float32Array;
  readonly slope: Float32Array;
  readonly spread: Float32Array;
  /** D / 32 words for each vector. */
  readonly codes: Uint32Array;
}

const FACTORS = 3;

/** Bytes of one vector in this part, in a space with so many dimensions. */
export function codeRowBytes(dimensions: number): number {
  return FACTORS * 4 + dimensions / 8;
}

/** The block of a list: all `base`, all `slope`, all `spread`, all codes. */
export function encodeList(
  vectors: Float32Array,
  centroid: Float32Array,
  { norms, shifts }: TakenAway,
): Uint8Array {
  const dimensions = centroid.length;
  const count = norms.length;
  const block = new Uint8Array(count * codeRowBytes(dimensions));
  const factors = new Float32Array(block.buffer, 0, count * FACTORS);
  const codes = block.subarray(count * FACTORS * 4);
  for (let row = 0; row < count; row++) {
    let [squared, absolute, alongCentroid] = [0, 0, 0];
    // |o - c|² - |o|², without the |o|².
    let shifted = 0;
    for (let i = 0; i < dimensions; i++) {
      const center = centroid[i]!;
      const value = vectors[row * dimensions + i]!;
      const relative = value - center;
      shifted += center * (center - 2 * value);
      squared += relative * relative;
      absolute += Math.abs(relative);
      if (relative >= 0) {
        const bit = row * dimensions + i;
        codes[bit >>> 3] = codes[bit >>> 3]! | (1 << (bit & 7));
        alongCentroid += center;
      } else {
        alongCentroid -= center;
      }
    }
    const factor = absolute > 0 ? squared / absolute : 0;
    factors[row] =
      shifts === undefined
        ? squared + 2 * factor * alongCentroid - norms[row]!
        : shifts[row]! + shifted + 2 * factor * alongCentroid;
    factors[count + row] = 2 * factor;
    // |r|² (1 - a²) / a² with a = Σ|r_i| / (√D |r|): what of r the code does not say.
    const unsaid = Math.max(0, dimensions * factor * factor - squared);
    factors[2 * count + row] = 2 * Math.sqrt(unsaid / (dimensions - 1));
  }
  return block;
}

/** The block of `count` vectors, copied; its length is `count * codeRowBytes(dimensions)`. */
export function decodeList(block: Uint8Array, count: number): ListCodes {
  const own = new Uint8Array(block);
  const factors = floatsOf(own.subarray(0, count * FACTORS * 4));
  return {
    base: factors.subarray(0, count),
    slope: factors.subarray(count, 2 * count),
    spread: factors.subarray(2 * count),
    codes: uint32sOf(own.subarray(count * FACTORS * 4)),
  };
}

/** Levels of a number of the query: 4 bits. */
const LEVELS = 15;
/** For a query at the mean of everything. */
const SMALLEST_STEP = 2 ** -100;

/** A query as levels 0 to 15 of each number, as bit planes: number i is about `step` * (level - 7.5). */
export interface QueryLevels {
  readonly planes: Uint8Array;
  readonly step: number;
  /** Σ of the numbers that the levels stand for. */
  readonly sum: number;
}

export function levelsOf(query: Float32Array): QueryLevels {
  const dimensions = query.length;
  const planeBytes = (dimensions / CODE_BITS) * 8;
  const planes = new Uint8Array(planeBytes * 4);
  let largest = 0;
  for (const value of query) largest = Math.max(largest, Math.abs(value));
  const step = largest > 0 ? (2 * largest) / LEVELS : SMALLEST_STEP;
  let sum = 0;
  for (let at = 0; at < planeBytes; at++) {
    let [plane0, plane1, plane2, plane3] = [0, 0, 0, 0];
    for (let bit = 0; bit < 8; bit++) {
      const level = Math.max(0, Math.min(LEVELS, Math.round(query[at * 8 + bit]! / step + LEVELS / 2)));
      sum += step * (level - LEVELS / 2);
      plane0 |= (level & 1) << bit;
      plane1 |= ((level >>> 1) & 1) << bit;
      plane2 |= ((level >>> 2) & 1) << bit;
      plane3 |= (level >>> 3) << bit;
    }
    planes[at] = plane0;
    planes[planeBytes + at] = plane1;
    planes[2 * planeBytes + at] = plane2;
    planes[3 * planeBytes + at] = plane3;
  }
  return { planes, step, sum };
}
