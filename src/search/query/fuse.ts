import type { Leg, Ranking } from "./query.ts";
import type { LegResult, ScoredRow } from "./run-leg.ts";
import { rowKey } from "./snapshot.ts";

/** One score for each row that any of the legs found, in no order. */
export function fuse(
  ranking: Extract<Ranking, { readonly kind: "rrf" | "weighted" }>,
  legs: readonly Leg[],
  results: readonly LegResult[],
): readonly ScoredRow[] {
  const [only] = results;
  if (results.length === 1 && only !== undefined) return only.hits;
  const fused = new Map<number, { unit: number; row: number; score: number }>();
  for (const [i, { hits }] of results.entries()) {
    const weight = legs[i]?.weight ?? 1;
    const scoreOf = ranking.kind === "rrf" ? reciprocalRank(ranking.k) : minMax(hits);
    for (const [place, hit] of hits.entries()) {
      const score = weight * scoreOf(hit, place);
      const known = fused.get(rowKey(hit));
      if (known === undefined) fused.set(rowKey(hit), { unit: hit.unit, row: hit.row, score });
      else known.score += score;
    }
  }
  return [...fused.values()];
}

/** Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", 2009. Ranks begin at 1. */
function reciprocalRank(k: number): (hit: ScoredRow, place: number) => number {
  return (_, place) => 1 / (k + place + 1);
}

/** From 0, the worst of the hits, to 1, the best; 1 for all when they are equal. */
function minMax(hits: readonly ScoredRow[]): (hit: ScoredRow) => number {
  const most = hits[0]?.score ?? 0;
  const least = hits.at(-1)?.score ?? 0;
  return ({ score }) => (most === least ? 1 : (score - least) / (most - least));
}
