import type { Clock } from "../../platform/ports.ts";
import { checkLimit } from "../model/limits.ts";
import type { RowSet } from "../rows/row-set.ts";
import { aggregate } from "./aggregate.ts";
import { bindQuery } from "./bind-query.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { diversify } from "./diversify.ts";
import { explainQuery } from "./explain.ts";
import { countFacet } from "./facets.ts";
import { fetchHits } from "./fetch-hits.ts";
import { fuse } from "./fuse.ts";
import type { Query, QueryOptions } from "./query.ts";
import { rankByExpression } from "./rank-by-expression.ts";
import { type OrderedRow, rankByOrder } from "./rank-by-order.ts";
import type { FacetCount, Hit, QueryResult } from "./result.ts";
import { bestFirst, type LegResult, runLeg, type ScoredRow } from "./run-leg.ts";
import { Checkpoint, type RowOfUnit, type SearchSnapshot } from "./snapshot.ts";
import { firstRows } from "./sort-rows.ts";
import { Stopwatch } from "./stopwatch.ts";

/** Several queries on one snapshot, answered one after the other, in their order. */
export async function executeQueries(
  queries: readonly Query[],
  snapshot: SearchSnapshot,
  options: QueryOptions,
  clock: Clock,
): Promise<readonly QueryResult[]> {
  checkLimit("queries", queries.length);
  const path = (i: number) => (queries.length === 1 ? "" : `queries[${i}]`);
  const bound = queries.map((query, i) => bindQuery(query, snapshot.schema, path(i)));
  const results: QueryResult[] = [];
  for (const query of bound) results.push(await executeQuery(query, snapshot, options, clock));
  return results;
}

/** Runs a bound query: filter, legs, ranking, aggregation, fetching of what the answer shows. */
async function executeQuery(
  query: Query,
  snapshot: SearchSnapshot,
  options: QueryOptions,
  clock: Clock,
): Promise<QueryResult> {
  const checkpoint = new Checkpoint(clock, options);
  const watch = new Stopwatch(clock, snapshot);
  const live = await Promise.all(snapshot.units.map((unit) => unit.liveRows(options.nowMs)));
  const matching = await matchingRows(query, snapshot, live, checkpoint);
  watch.lap("filterMs");
  const legs: LegResult[] = [];
  for (const leg of query.topK === 0 ? [] : query.legs) {
    const k = candidatesOf(query, leg.candidates);
    legs.push(await runLeg(leg, { snapshot, allowed: matching, k, checkpoint }));
  }
  watch.lap("legsMs");
  const page = await rank(query, { snapshot, matching, legs, checkpoint });
  watch.lap("rankMs");
  await checkpoint.pass();
  const groups =
    query.aggregation === undefined
      ? undefined
      : await aggregate(query.aggregation, snapshot, matching, checkpoint);
  const facets = await facetsOf(query, snapshot, matching, checkpoint);
  watch.lap("aggregateMs");
  const hits = await fetchHits(query, snapshot, page.rows, checkpoint);
  watch.lap("fetchMs");
  const nextCursor = cursorAfter(query, page, hits);
  return {
    hits,
    ...(groups === undefined ? {} : { groups }),
    ...(facets === undefined ? {} : { facets }),
    ...(nextCursor === undefined ? {} : { nextCursor }),
    performance: watch.performance({
      documents: countAll(live),
      matching: countAll(matching),
      candidates: legs.reduce((sum, leg) => sum + leg.units.reduce((all, one) => all + one.candidates, 0), 0),
      exhaustive: legs.every((leg) => leg.units.every((unit) => unit.exhaustive)),
    }),
    ...(query.explain
      ? { explain: explainQuery(query, snapshot, { live, matching, legs, rows: page.rows }) }
      : {}),
  };
}

async function matchingRows(
  { filter }: Query,
  { units }: SearchSnapshot,
  live: readonly RowSet[],
  checkpoint: Checkpoint,
): Promise<readonly RowSet[]> {
  if (filter === undefined) return live;
  return await Promise.all(
    units.map(async (unit, i) => {
      await checkpoint.pass();
      return (await unit.filterRows(filter, () => checkpoint.pass())).intersectWith(live[i] as RowSet);
    }),
  );
}

/** How many hits of a leg are ranked: the page alone where its order is the leg's own; else enough of each that what is good in sum is among them. */
function candidatesOf(
  { topK, legs, ranking, diversify: diverse }: Query,
  wanted: number | undefined,
): number {
  const alone = legs.length === 1 && ranking.kind !== "expression" && diverse === undefined;
  if (alone) return topK;
  return Math.max(topK, wanted ?? Math.max(100, 4 * topK));
}

interface Page {
  readonly rows: readonly (RowOfUnit &
    Partial<Pick<ScoredRow, "score">> &
    Partial<Pick<OrderedRow, "values">>)[];
  /** Whether there are rows after them. */
  readonly more: boolean;
}

interface RankRun {
  readonly snapshot: SearchSnapshot;
  readonly matching: readonly RowSet[];
  readonly legs: readonly LegResult[];
  readonly checkpoint: Checkpoint;
}

async function rank(query: Query, run: RankRun): Promise<Page> {
  const { topK, ranking, legs } = query;
  if (topK === 0) return { rows: [], more: false };
  if (ranking.kind === "order" || (legs.length === 0 && ranking.kind !== "expression")) {
    const { keys, cursor } = orderOf(query);
    const after = cursor === undefined ? undefined : decodeCursor(keys, cursor);
    const rows = await rankByOrder(keys, { ...run, most: topK + 1, after });
    return { rows: rows.slice(0, topK), more: rows.length > topK };
  }
  const scored =
    ranking.kind === "expression"
      ? await rankByExpression(ranking.expression, run)
      : fuse(ranking, legs, run.legs);
  const most = query.diversify === undefined ? topK : candidatesOf(query, undefined);
  const best = await firstRows(run.snapshot, scored, {
    most,
    compare: bestFirst,
    checkpoint: run.checkpoint,
  });
  const rows =
    query.diversify === undefined ? best : await diversify(query.diversify, run.snapshot, best, topK);
  return { rows, more: false };
}

/** Without legs and order, documents come in the order of their ids. */
function orderOf({ ranking }: Query) {
  return ranking.kind === "order" ? ranking : { keys: [], cursor: undefined };
}

function cursorAfter(query: Query, { rows, more }: Page, hits: readonly Hit[]): string | undefined {
  const [last, hit] = [rows.at(-1), hits.at(-1)];
  if (!more || last?.values === undefined || hit === undefined) return undefined;
  return encodeCursor(orderOf(query).keys, { values: last.values, id: hit.id });
}

async function facetsOf(
  { facets }: Query,
  snapshot: SearchSnapshot,
  matching: readonly RowSet[],
  checkpoint: Checkpoint,
): Promise<ReadonlyMap<string, readonly FacetCount[]> | undefined> {
  if (facets.length === 0) return undefined;
  const counted = new Map<string, readonly FacetCount[]>();
  for (const facet of facets)
    counted.set(facet.field, await countFacet(facet, snapshot, matching, checkpoint));
  return counted;
}

function countAll(sets: readonly RowSet[]): number {
  return sets.reduce((sum, set) => sum + set.count(), 0);
}
