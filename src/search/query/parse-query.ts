import { invalid } from "../errors.ts";
import { parseFilter } from "../filter/parse-filter.ts";
import { readSparse, readVector } from "../model/parse-document.ts";
import {
  at,
  entriesOf,
  quoted,
  readArray,
  readBoolean,
  readChoice,
  readCount,
  readNumber,
  readObject,
  readString,
} from "../model/plain.ts";
import { DEFAULT_VECTOR_FIELD } from "../model/schema.ts";
import { parseAggregation, parseFacets } from "./parse-aggregation.ts";
import { parseExpression } from "./parse-expression.ts";
import {
  DEFAULT_RRF_K,
  type Highlight,
  type Leg,
  type OrderKey,
  type Projection,
  type Query,
  type Ranking,
  type SparseLeg,
  type TextLeg,
  type VectorLeg,
} from "./query.ts";

const KEYS = [
  "top_k",
  "vector",
  "text",
  "sparse",
  "legs",
  "filter",
  "fusion",
  "rank_by",
  "order_by",
  "cursor",
  "aggregate",
  "facets",
  "diversify",
  "include",
  "highlight",
  "explain",
] as const;

/** A query from its plain form (docs/internals/search.md, Queries). `bindQuery` checks it against the schema. */
export function parseQuery(plain: unknown, path = ""): Query {
  const given = readObject(plain, KEYS, path);
  const where = (key: string) => (path === "" ? key : `${path}.${key}`);
  const legs: Leg[] = [];
  if (given.vector !== undefined) legs.push(parseVectorLeg(given.vector, where("vector")));
  if (given.text !== undefined) legs.push(parseTextLeg(given.text, where("text")));
  if (given.sparse !== undefined) legs.push(parseSparseLeg(given.sparse, where("sparse")));
  if (given.legs !== undefined) {
    const more = readArray(given.legs, where("legs"), "legs");
    legs.push(...more.map((leg, i) => parseLeg(leg, `${where("legs")}[${i}]`)));
  }
  const { diversify, highlight, aggregate } = given;
  return {
    topK: given.top_k === undefined ? 10 : readCount(given.top_k, where("top_k"), 0, "topK"),
    legs,
    ranking: parseRanking(given, path, where),
    ...(given.filter === undefined ? {} : { filter: parseFilter(given.filter, where("filter")) }),
    ...(aggregate === undefined ? {} : { aggregation: parseAggregation(aggregate, where("aggregate")) }),
    facets: given.facets === undefined ? [] : parseFacets(given.facets, where("facets")),
    ...(diversify === undefined ? {} : { diversify: parseDiversify(diversify, where("diversify")) }),
    projection: parseProjection(given.include, where("include")),
    ...(highlight === undefined ? {} : { highlight: parseHighlight(highlight, where("highlight")) }),
    explain: given.explain === undefined ? false : readBoolean(given.explain, where("explain")),
  };
}

/** One leg with its kind as the key: `{"vector": {...}}`. */
function parseLeg(plain: unknown, path: string): Leg {
  const { vector, text, sparse } = readObject(plain, ["vector", "text", "sparse"], path);
  const legs: Leg[] = [];
  if (vector !== undefined) legs.push(parseVectorLeg(vector, `${path}.vector`));
  if (text !== undefined) legs.push(parseTextLeg(text, `${path}.text`));
  if (sparse !== undefined) legs.push(parseSparseLeg(sparse, `${path}.sparse`));
  const [leg, ...others] = legs;
  if (leg === undefined || others.length > 0)
    throw invalid(`${at(path)}a leg is one of vector, text and sparse`, { path });
  return leg;
}

/** `[0.1, ...]` of the default field, or `{"field", "value", "exact", "weight", "candidates"}`. */
function parseVectorLeg(plain: unknown, path: string): VectorLeg {
  if (isVector(plain))
    return {
      kind: "vector",
      field: DEFAULT_VECTOR_FIELD,
      vector: readVector(plain, path),
      exact: false,
      weight: 1,
    };
  const { field, value, exact, ...shared } = readObject(
    plain,
    ["field", "value", "exact", "weight", "candidates"],
    path,
  );
  return {
    kind: "vector",
    field: field === undefined ? DEFAULT_VECTOR_FIELD : readString(field, `${path}.field`),
    vector: readVector(value, `${path}.value`),
    exact: exact === undefined ? false : readBoolean(exact, `${path}.exact`),
    ...sharedOf(shared, path),
  };
}

function isVector(plain: unknown): boolean {
  return Array.isArray(plain) || plain instanceof Float32Array || typeof plain === "string";
}

/** `"words"`, or `{"query", "fields": {"title": 2} or ["title"], "match", "last_as_prefix", "weight", "candidates"}`. */
function parseTextLeg(plain: unknown, path: string): TextLeg {
  if (typeof plain === "string")
    return { kind: "text", query: readString(plain, path), match: "any", lastAsPrefix: false, weight: 1 };
  const { query, fields, match, last_as_prefix, ...shared } = readObject(
    plain,
    ["query", "fields", "match", "last_as_prefix", "weight", "candidates"],
    path,
  );
  return {
    kind: "text",
    query: readString(query, `${path}.query`),
    ...(fields === undefined ? {} : { fields: fieldWeights(fields, `${path}.fields`) }),
    match: match === undefined ? "any" : readChoice(match, ["any", "all", "phrase"], `${path}.match`),
    lastAsPrefix:
      last_as_prefix === undefined ? false : readBoolean(last_as_prefix, `${path}.last_as_prefix`),
    ...sharedOf(shared, path),
  };
}

function fieldWeights(plain: unknown, path: string): ReadonlyMap<string, number> {
  if (Array.isArray(plain)) return new Map(plain.map((name, i) => [readString(name, `${path}[${i}]`), 1]));
  return new Map(
    entriesOf(plain, path).map(([name, weight]) => [name, readNumber(weight, `${path}.${name}`)]),
  );
}

/** `{"field", "value": {"indices", "values"}, "weight", "candidates"}`. */
function parseSparseLeg(plain: unknown, path: string): SparseLeg {
  const { field, value, ...shared } = readObject(plain, ["field", "value", "weight", "candidates"], path);
  return {
    kind: "sparse",
    field: readString(field, `${path}.field`),
    vector: readSparse(value, `${path}.value`),
    ...sharedOf(shared, path),
  };
}

function sharedOf({ weight, candidates }: { weight?: unknown; candidates?: unknown }, path: string) {
  return {
    weight: weight === undefined ? 1 : readNumber(weight, `${path}.weight`),
    ...(candidates === undefined
      ? {}
      : { candidates: readCount(candidates, `${path}.candidates`, 1, "legCandidates") }),
  };
}

function parseRanking(
  given: Partial<Record<(typeof KEYS)[number], unknown>>,
  path: string,
  where: (key: string) => string,
): Ranking {
  const { fusion, rank_by: rankBy, order_by: orderBy, cursor } = given;
  const named = [fusion, rankBy, orderBy].filter((one) => one !== undefined);
  if (named.length > 1) throw invalid(`${at(path)}only one of fusion, rank_by and order_by`, { path });
  if (cursor !== undefined && orderBy === undefined && named.length > 0)
    throw invalid(`${at(path)}only documents in an order have a cursor`, { path });
  if (orderBy !== undefined || cursor !== undefined) {
    const keys = orderBy === undefined ? [] : parseOrder(orderBy, where("order_by"));
    return {
      kind: "order",
      keys,
      ...(cursor === undefined ? {} : { cursor: readString(cursor, where("cursor")) }),
    };
  }
  if (rankBy !== undefined)
    return { kind: "expression", expression: parseExpression(rankBy, where("rank_by")) };
  return parseFusion(fusion, where("fusion"));
}

/** `"rrf"`, `"weighted"`, `{"method": "rrf", "k": 60}`. */
function parseFusion(plain: unknown, path: string): Ranking {
  if (plain === undefined) return { kind: "rrf", k: DEFAULT_RRF_K };
  const { method, k } =
    typeof plain === "string" ? { method: plain } : readObject(plain, ["method", "k"], path);
  const kind = method === undefined ? "rrf" : readChoice(method, ["rrf", "weighted"], `${path}.method`);
  if (kind === "rrf") return { kind, k: k === undefined ? DEFAULT_RRF_K : readNumber(k, `${path}.k`) };
  if (k !== undefined) throw invalid(`${at(path)}only rrf has a k`, { path });
  return { kind };
}

/** `[["year", "desc"], ["name", "asc", "missing_first"], ["id", "asc"]]`. Missing values come last unless said. */
function parseOrder(plain: unknown, path: string): readonly OrderKey[] {
  return readArray(plain, path, "orderKeys").map((key, i) => {
    const where = `${path}[${i}]`;
    const [field, direction = "asc", missing = "missing_last", ...rest] = readArray(key, where);
    if (rest.length > 0) throw invalid(`${at(where)}expected [field, direction, missing]`, { path: where });
    return {
      field: readString(field, `${where}[0]`),
      direction: readChoice(direction, ["asc", "desc"], `${where}[1]`),
      missing:
        readChoice(missing, ["missing_first", "missing_last"], `${where}[2]`) === "missing_first"
          ? "first"
          : "last",
    };
  });
}

/** `{"field": "author", "limit": 2}`. */
function parseDiversify(plain: unknown, path: string) {
  const { field, limit } = readObject(plain, ["field", "limit"], path);
  return {
    field: readString(field, `${path}.field`),
    limit: limit === undefined ? 1 : readCount(limit, `${path}.limit`, 1, "diversifyPerValue"),
  };
}

/** Nothing or true: attributes and text; false: only ids; names of fields. */
function parseProjection(plain: unknown, path: string): Projection {
  if (plain === undefined || plain === true) return { kind: "all" };
  if (plain === false) return { kind: "id" };
  if (!Array.isArray(plain))
    throw invalid(`${at(path)}expected names of fields, true or false, not ${quoted(plain)}`, { path });
  return {
    kind: "fields",
    fields: readArray(plain, path, "schemaFields").map((name, i) => readString(name, `${path}[${i}]`)),
  };
}

/** true, or `{"fields": ["body"], "fragments": 3, "characters": 160, "before": "<em>", "after": "</em>"}`. */
function parseHighlight(plain: unknown, path: string): Highlight {
  const keys = ["fields", "fragments", "characters", "before", "after"] as const;
  const given = plain === true ? {} : readObject(plain, keys, path);
  const { fields, fragments, characters, before, after } = given;
  return {
    ...(fields === undefined
      ? {}
      : {
          fields: readArray(fields, `${path}.fields`, "schemaFields").map((name) =>
            readString(name, `${path}.fields`),
          ),
        }),
    fragments:
      fragments === undefined ? 3 : readCount(fragments, `${path}.fragments`, 1, "highlightFragments"),
    fragmentCharacters:
      characters === undefined ? 160 : readCount(characters, `${path}.characters`, 1, "highlightCharacters"),
    before: before === undefined ? "<em>" : readString(before, `${path}.before`),
    after: after === undefined ? "</em>" : readString(after, `${path}.after`),
  };
}
