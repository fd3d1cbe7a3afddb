import { invalid } from "../errors.ts";
import { checkLimit } from "../model/limits.ts";
import { at, entriesOf, readArray, readChoice, readCount, readObject, readString } from "../model/plain.ts";
import type { Aggregation, AggregationMetric, Facet } from "./query.ts";

const METRIC_KINDS = ["count", "sum", "min", "max", "avg"] as const;
const DEFAULT_FACET_VALUES = 10;
const DEFAULT_GROUPS = 100;

/** `{"metrics": {"documents": ["count"], "newest": ["max", "year"]}, "group_by": ["color"], "limit": 100}`. */
export function parseAggregation(plain: unknown, path: string): Aggregation {
  const { metrics, group_by: groupBy, limit } = readObject(plain, ["metrics", "group_by", "limit"], path);
  const named = entriesOf(metrics, `${path}.metrics`);
  checkLimit("aggregations", named.length, { path });
  return {
    metrics: new Map(
      named.map(([name, metric]) => [metricName(name, path), parseMetric(metric, `${path}.metrics.${name}`)]),
    ),
    groupBy:
      groupBy === undefined
        ? []
        : readArray(groupBy, `${path}.group_by`, "groupKeys").map((field) =>
            readString(field, `${path}.group_by`),
          ),
    limit: limit === undefined ? DEFAULT_GROUPS : readCount(limit, `${path}.limit`, 1, "groups"),
  };
}

/** `["tags", {"field": "color", "limit": 5}]`. */
export function parseFacets(plain: unknown, path: string): readonly Facet[] {
  const facets = readArray(plain, path, "facets").map((facet, i) => {
    const where = `${path}[${i}]`;
    if (typeof facet === "string") return { field: facet, limit: DEFAULT_FACET_VALUES };
    const { field, limit } = readObject(facet, ["field", "limit"], where);
    return {
      field: readString(field, `${where}.field`),
      limit:
        limit === undefined ? DEFAULT_FACET_VALUES : readCount(limit, `${where}.limit`, 1, "facetValues"),
    };
  });
  const twice = facets.find(({ field }, i) => facets.findIndex((other) => other.field === field) < i);
  if (twice !== undefined)
    throw invalid(`${at(path)}"${twice.field}" stands twice`, { path, field: twice.field });
  return facets;
}

function metricName(name: string, path: string): string {
  checkLimit("fieldNameCharacters", name.length, { path });
  return name;
}

function parseMetric(plain: unknown, path: string): AggregationMetric {
  const [kind, field, ...rest] = readArray(plain, path);
  const known = readChoice(kind, METRIC_KINDS, `${path}[0]`);
  if (rest.length > 0) throw invalid(`${at(path)}expected [kind, field]`, { path });
  if (known === "count")
    return field === undefined ? { kind: known } : { kind: known, field: readString(field, `${path}[1]`) };
  return { kind: known, field: readString(field, `${path}[1]`) };
}
