/**
 * BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009) with Lucene's idf, which is never negative:
 *
 *   score = weight * idf * (k1 + 1) * tf / (tf + k1 * (1 - b + b * length / average length)),   idf = ln(1 + (N - n + 0.5) / (n + 0.5))
 *
 * Each part of a score is rounded to a multiple of 2^-22. The sum of up to 4,096 parts is then exact, whatever the order of adding: a ranking that skips
 * is the same as one that adds everything, and so are scores in the memtable and in a segment.
 */

import { lengthOfCode } from "./length-codes.ts";

export const SCORE_STEP = 2 ** -22;
/** Adding and subtracting this rounds a number below 2^29 to a multiple of `SCORE_STEP`. */
const ROUNDING = 1.5 * 2 ** 30;

export function inverseDocumentFrequency(documents: number, withTerm: number): number {
  return Math.log(1 + (Math.max(documents, withTerm) - withTerm + 0.5) / (withTerm + 0.5));
}

/** By length code: 1 / (k1 * (1 - b + b * length / average)). */
export function inverseNorms(k1: number, b: number, averageTokens: number): Float64Array {
  const average = averageTokens > 0 ? averageTokens : 1;
  const norms = new Float64Array(256);
  // Made for every query: `from` with a function takes thirty times as long.
  for (let code = 0; code < 256; code++)
    norms[code] = 1 / (k1 * (1 - b + (b * lengthOfCode(code)) / average));
  return norms;
}

/**
 * What a term adds to a row's score; `weight` is all factors that do not depend on the row. Grows with the frequency and with the inverse norm,
 * also after rounding, since every step does: the bound of a block is the greatest over pairs that dominate its postings.
 */
export function contribution(weight: number, frequency: number, inverseNorm: number): number {
  return weight * (1 - 1 / (1 + frequency * inverseNorm)) + ROUNDING - ROUNDING;
}
