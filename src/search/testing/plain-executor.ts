import { documentPredicate } from "../filter/match-document.ts";
import { textPredicate } from "../filter/text-predicate.ts";
import {
  type AttributeValue,
  compareIds,
  type Document,
  type DocumentId,
  type Scalar,
} from "../model/document.ts";
import { compareScalars } from "../model/order.ts";
import { ID_FIELD, type Schema } from "../model/schema.ts";
import { evaluateExpression } from "../query/evaluate-expression.ts";
import type { Aggregation, Facet, Leg, Query } from "../query/query.ts";
import type { FacetCount, Group } from "../query/result.ts";
import { textQueryOf } from "../query/text-query.ts";
import { RowSet } from "../rows/row-set.ts";
import { MemoryTextIndex } from "../text/index.ts";

/** What a query answers, without what it cost. */
export interface PlainResult {
  readonly hits: readonly { readonly id: DocumentId; readonly score?: number }[];
  readonly groups?: readonly Group[];
  readonly facets?: ReadonlyMap<string, readonly FacetCount[]>;
}

interface Scored {
  readonly document: Document;
  readonly score: number;
}

/**
 * The definition of a query over documents in a list: every document is looked at, everything is sorted. What the executor answers over any division
 * into units must be the same, to the last bit of the scores.
 */
export async function executePlainly(
  query: Query,
  documents: readonly Document[],
  schema: Schema,
  nowMs: number,
): Promise<PlainResult> {
  const live = documents.filter(({ expiresAtMs }) => expiresAtMs === undefined || expiresAtMs > nowMs);
  const passes =
    query.filter === undefined ? () => true : documentPredicate(query.filter, textPredicate(schema));
  const matching = live.filter((document) => passes(document));
  return {
    hits: query.topK === 0 ? [] : await rank(query, documents, matching, schema),
    ...(query.aggregation === undefined ? {} : { groups: groupsOf(query.aggregation, matching) }),
    ...(query.facets.length === 0
      ? {}
      : { facets: new Map(query.facets.map((facet) => [facet.field, facetOf(facet, matching)])) }),
  };
}

async function rank(query: Query, all: readonly Document[], matching: readonly Document[], schema: Schema) {
  const { ranking, legs, topK } = query;
  if (ranking.kind === "order" || (legs.length === 0 && ranking.kind !== "expression")) {
    const keys = ranking.kind === "order" ? ranking.keys : [];
    const sorted = matching.toSorted((a, b) => {
      for (const { field, direction, missing } of keys) {
        const [x, y] = [keyOf(a, field), keyOf(b, field)];
        if (x === undefined && y === undefined) continue;
        if (x === undefined) return missing === "first" ? -1 : 1;
        if (y === undefined) return missing === "first" ? 1 : -1;
        const order = field === ID_FIELD ? compareIds(a.id, b.id) : (compareScalars(x, y) ?? 0);
        if (order !== 0) return direction === "asc" ? order : -order;
      }
      return compareIds(a.id, b.id);
    });
    return sorted.slice(0, topK).map(({ id }) => ({ id }));
  }
  const lists: (readonly Scored[])[] = [];
  for (const leg of legs) {
    const alone = legs.length === 1 && ranking.kind !== "expression" && query.diversify === undefined;
    const depth = alone ? topK : Math.max(topK, leg.candidates ?? Math.max(100, 4 * topK));
    lists.push(best(await legScores(leg, all, matching, schema), depth));
  }
  const fused = best(combine(query, lists, matching, schema), Infinity);
  const { diversify } = query;
  if (diversify === undefined) return shown(fused.slice(0, topK));
  const pool = fused.slice(0, Math.max(topK, 100, 4 * topK));
  const taken: Scored[] = [];
  for (const one of pool) {
    const same = taken.filter(
      (other) => firstValue(other.document, diversify.field) === firstValue(one.document, diversify.field),
    );
    if (same.length < diversify.limit && taken.length < topK) taken.push(one);
  }
  return shown(taken);
}

function shown(scored: readonly Scored[]) {
  return scored.map(({ document, score }) => ({ id: document.id, score }));
}

function keyOf(document: Document, field: string): Scalar | undefined {
  if (field === ID_FIELD) return document.id;
  const value = document.attributes.get(field);
  return typeof value === "object" ? undefined : value;
}

function firstValue(document: Document, field: string): Scalar | undefined {
  const value: AttributeValue | undefined = document.attributes.get(field);
  return typeof value === "object" ? value[0] : value;
}

function best(scored: readonly Scored[], most: number): readonly Scored[] {
  return scored
    .toSorted((a, b) => b.score - a.score || compareIds(a.document.id, b.document.id))
    .slice(0, most);
}

async function legScores(
  leg: Leg,
  all: readonly Document[],
  matching: readonly Document[],
  schema: Schema,
): Promise<readonly Scored[]> {
  switch (leg.kind) {
    case "vector": {
      const metric = schema.vectors.get(leg.field)?.metric;
      return matching.flatMap((document) => {
        const vector = document.vectors.get(leg.field);
        return vector === undefined ? [] : [{ document, score: vectorScore(leg.vector, vector, metric) }];
      });
    }
    case "sparse":
      return matching.flatMap((document) => {
        const vector = document.sparse.get(leg.field);
        const common = Array.from(leg.vector.indices).filter((index) => vector?.indices.includes(index));
        if (vector === undefined || common.length === 0) return [];
        const at = ({ indices, values }: typeof vector, index: number) => values[indices.indexOf(index)] ?? 0;
        const score = common.reduce((sum, index) => sum + at(leg.vector, index) * at(vector, index), 0);
        return [{ document, score }];
      });
    case "text": {
      // One index of everything: the ranking of text has a twin of its own in text/.
      const index = new MemoryTextIndex(Array.from(schema.text, ([name, settings]) => ({ name, settings })));
      for (const document of all) index.add(document.text);
      const prepared = await index.view(all.length).prepare(textQueryOf(leg, schema));
      const allowed = RowSet.of(
        all.length,
        matching.map((document) => all.indexOf(document)),
      );
      const k = all.length + 1;
      const { hits } = await prepared.search({
        statistics: prepared.statistics,
        k,
        allowed,
      });
      return hits.map(({ row, score }) => ({ document: all[row] as Document, score }));
    }
  }
}

/** In 32-bit floats as they are shown; the sums of the tests' small whole numbers are exact. */
function vectorScore(query: Float32Array, vector: Float32Array, metric: string | undefined): number {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  if (metric === "dot") return dot(query, vector);
  if (metric === "euclidean") {
    const distance = vector.reduce((sum, value, i) => sum + (value - (query[i] ?? 0)) ** 2, 0);
    return distance === 0 ? -0 : -distance;
  }
  const cosine = dot(query, vector) / (Math.sqrt(dot(query, query)) * Math.sqrt(dot(vector, vector)));
  return Math.fround(Math.max(-1, Math.min(1, cosine)));
}

function combine(
  { ranking, legs }: Query,
  lists: readonly (readonly Scored[])[],
  matching: readonly Document[],
  schema: Schema,
): readonly Scored[] {
  if (ranking.kind === "order") return [];
  if (ranking.kind !== "expression" && lists.length === 1) return lists[0] ?? [];
  const found = legs.length === 0 ? matching : [...new Set(lists.flat().map(({ document }) => document))];
  return found.map((document) => {
    const inLeg = (leg: number) => lists[leg]?.find((one) => one.document === document);
    if (ranking.kind === "expression") {
      const score = evaluateExpression(ranking.expression, {
        legScore: (leg) => inLeg(leg)?.score ?? 0,
        attribute: (field) => document.attributes.get(field),
        passes: (filter) => documentPredicate(filter, textPredicate(schema))(document),
      });
      return { document, score };
    }
    let score = 0;
    for (const [i, list] of lists.entries()) {
      const place = list.findIndex((one) => one.document === document);
      if (place < 0) continue;
      const weight = legs[i]?.weight ?? 1;
      if (ranking.kind === "rrf") score += weight * (1 / (ranking.k + place + 1));
      else {
        const scores = list.map((one) => one.score);
        const [least, most] = [Math.min(...scores), Math.max(...scores)];
        score += weight * (most === least ? 1 : ((list[place]?.score ?? 0) - least) / (most - least));
      }
    }
    return { document, score };
  });
}

function groupsOf({ metrics, groupBy, limit }: Aggregation, matching: readonly Document[]): readonly Group[] {
  const keyName = (document: Document) =>
    groupBy.map((field) => `${typeof keyOf(document, field)} ${String(keyOf(document, field))}`).join("|");
  const groups = Map.groupBy(matching, keyName);
  if (groupBy.length === 0 && groups.size === 0) groups.set("", []);
  return [...groups.values()]
    .toSorted((a, b) => b.length - a.length || compareGroups(a[0], b[0], groupBy))
    .slice(0, limit)
    .map((members) => ({
      key: new Map(
        groupBy.map((field) => [field, members[0] === undefined ? null : (keyOf(members[0], field) ?? null)]),
      ),
      values: new Map(
        Array.from(metrics, ([name, { kind, field }]) => {
          if (field === undefined) return [name, members.length];
          const values = members.flatMap((document) =>
            document.attributes.get(field) === undefined ? [] : [document.attributes.get(field) as Scalar],
          );
          return [name, metricOf(kind, values)];
        }),
      ),
    }));
}

function compareGroups(a: Document | undefined, b: Document | undefined, groupBy: readonly string[]): number {
  for (const field of groupBy) {
    const [x, y] = [a && keyOf(a, field), b && keyOf(b, field)];
    if (x === y) continue;
    if (x === undefined) return 1;
    if (y === undefined) return -1;
    return compareScalars(x, y) ?? 0;
  }
  return 0;
}

function metricOf(kind: string, values: readonly Scalar[]): number | bigint | null {
  if (kind === "count") return values.length;
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => compareScalars(a, b) ?? 0) as (number | bigint)[];
  if (kind === "min") return sorted[0] ?? null;
  if (kind === "max") return sorted.at(-1) ?? null;
  const sum = exactSum(sorted);
  return kind === "avg" ? Number(sum) / values.length : sum;
}

/** As a fraction with the denominator 2^100, which every number of the tests has: exact. */
function exactSum(values: readonly (number | bigint)[]): number | bigint {
  const scaled = values.map((value) => {
    if (typeof value === "bigint") return value << 100n;
    const whole = Math.trunc(value);
    return (BigInt(whole) << 100n) + BigInt((value - whole) * 2 ** 100);
  });
  const sum = scaled.reduce((total, value) => total + value, 0n);
  if (sum % (1n << 100n) !== 0n) return Number(sum) / 2 ** 100;
  const small = Number(sum >> 100n);
  return Number.isSafeInteger(small) ? small : sum >> 100n;
}

function facetOf({ field, limit }: Facet, matching: readonly Document[]): readonly FacetCount[] {
  const counts = new Map<Scalar, number>();
  for (const document of matching) {
    const value = document.attributes.get(field);
    if (value === undefined) continue;
    for (const one of new Set(typeof value === "object" ? value : [value]))
      counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  return Array.from(counts, ([value, count]) => ({ value, count }))
    .toSorted((a, b) => b.count - a.count || (compareScalars(a.value, b.value) ?? 0))
    .slice(0, limit);
}
