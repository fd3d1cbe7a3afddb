import { invalid } from "../errors.ts";
import { bindFilter } from "../filter/bind-filter.ts";
import { checkLimit } from "../model/limits.ts";
import { at, quoted } from "../model/plain.ts";
import { utf8Bytes } from "../model/scalar.ts";
import { type AttributeField, ID_FIELD, type Schema } from "../model/schema.ts";
import { queryVector } from "../vector/index.ts";
import { decodeCursor } from "./cursor.ts";
import { partsOfExpression } from "./evaluate-expression.ts";
import type { RankExpression } from "./expression.ts";
import type { Aggregation, Leg, Query, Ranking } from "./query.ts";
import { textQueryOf } from "./text-query.ts";

/** The query checked against the schema and the limits, with operands as their fields hold values. Refuses what cannot be answered. */
export function bindQuery(query: Query, schema: Schema, path = ""): Query {
  const where = (part: string) => (path === "" ? part : `${path}.${part}`);
  checkLimit("topK", count(query.topK, 0, where("top_k")), { path: where("top_k") });
  checkLimit("legs", query.legs.length, { path });
  const bound: Query = {
    ...query,
    legs: query.legs.map((leg) => bindLeg(leg, schema, where(leg.kind))),
    ranking: bindRanking(query, schema, where("rank_by")),
    ...(query.filter === undefined ? {} : { filter: bindFilter(query.filter, schema, where("filter")) }),
  };
  if (query.aggregation !== undefined) checkAggregation(query.aggregation, schema, where("aggregate"));
  checkLimit("facets", query.facets.length, { path: where("facets") });
  for (const { field, limit } of query.facets) {
    attributeOf(field, schema, where("facets"));
    checkLimit("facetValues", count(limit, 1, where("facets")), { path: where("facets") });
  }
  checkDiversify(query, schema, where("diversify"));
  checkFields(query, schema, where);
  return bound;
}

function bindLeg(leg: Leg, schema: Schema, path: string): Leg {
  if (!Number.isFinite(leg.weight) || leg.weight < 0)
    throw invalid(`${at(path)}a weight is a number from 0 on`, { path });
  if (leg.candidates !== undefined) checkLimit("legCandidates", count(leg.candidates, 1, path), { path });
  switch (leg.kind) {
    case "vector": {
      const field = schema.vectors.get(leg.field);
      if (field === undefined)
        throw invalid(`${at(path)}${quoted(leg.field)} is no vector field`, { path, field: leg.field });
      return { ...leg, vector: queryVector(field, leg.vector) };
    }
    case "sparse":
      if (!schema.sparse.has(leg.field))
        throw invalid(`${at(path)}${quoted(leg.field)} is no sparse vector field`, {
          path,
          field: leg.field,
        });
      checkLimit("sparseEntries", leg.vector.indices.length, { path });
      return leg;
    case "text":
      checkLimit("queryTextBytes", utf8Bytes(leg.query), { path });
      if (schema.text.size === 0) throw invalid(`${at(path)}the schema has no text field`, { path });
      // Refuses unknown fields, weights out of bounds and too many terms.
      textQueryOf(leg, schema);
      return leg;
  }
}

function bindRanking({ ranking, legs }: Query, schema: Schema, path: string): Ranking {
  switch (ranking.kind) {
    case "rrf":
      if (!(Number.isFinite(ranking.k) && ranking.k > 0))
        throw invalid(`${at(path)}k of RRF is above 0`, { path });
      return ranking;
    case "weighted":
      return ranking;
    case "expression":
      return {
        kind: "expression",
        expression: bindExpression(ranking.expression, legs.length, schema, path),
      };
    case "order": {
      if (legs.length > 0)
        throw invalid(`${at(path)}an order stands alone: rank by an expression to combine`, { path });
      checkLimit("orderKeys", ranking.keys.length, { path });
      for (const { field } of ranking.keys) if (field !== ID_FIELD) oneValue(field, schema, path);
      if (ranking.cursor !== undefined) decodeCursor(ranking.keys, ranking.cursor);
      return ranking;
    }
  }
}

function bindExpression(
  expression: RankExpression,
  legs: number,
  schema: Schema,
  path: string,
): RankExpression {
  let nodes = 0;
  for (const part of partsOfExpression(expression)) {
    checkLimit("expressionNodes", ++nodes, { path });
    checkPart(part, legs, schema, path);
  }
  return withBoundFilters(expression, schema, path);
}

function checkPart(part: RankExpression, legs: number, schema: Schema, path: string): void {
  switch (part.kind) {
    case "constant":
      finite([part.value], path);
      break;
    case "leg":
      if (!Number.isInteger(part.leg) || part.leg < 0 || part.leg >= legs)
        throw invalid(`${at(path)}there is no leg ${part.leg}`, { path });
      break;
    case "attribute": {
      const { type } = oneValue(part.field, schema, path);
      if (type === "string" || type === "uuid")
        throw invalid(`${at(path)}"${part.field}" holds no numbers`, { path, field: part.field });
      finite([part.missing], path);
      break;
    }
    case "sum":
    case "product":
    case "max":
    case "min":
      if (part.terms.length === 0) throw invalid(`${at(path)}${part.kind} has no terms`, { path });
      break;
    case "weight":
      finite([part.weight], path);
      break;
    case "decay":
      finite([part.origin, part.scale], path);
      if (part.scale <= 0) throw invalid(`${at(path)}the scale of a decay is above 0`, { path });
      break;
    case "saturate":
      finite([part.midpoint], path);
      if (part.midpoint <= 0) throw invalid(`${at(path)}the midpoint of a saturation is above 0`, { path });
      break;
    case "filter":
      break;
  }
}

function withBoundFilters(expression: RankExpression, schema: Schema, path: string): RankExpression {
  switch (expression.kind) {
    case "filter":
      return { kind: "filter", filter: bindFilter(expression.filter, schema, path) };
    case "sum":
    case "product":
    case "max":
    case "min":
      return { ...expression, terms: expression.terms.map((term) => withBoundFilters(term, schema, path)) };
    case "weight":
    case "decay":
    case "saturate":
      return { ...expression, term: withBoundFilters(expression.term, schema, path) };
    default:
      return expression;
  }
}

function checkAggregation({ metrics, groupBy, limit }: Aggregation, schema: Schema, path: string): void {
  checkLimit("aggregations", metrics.size, { path });
  checkLimit("groupKeys", groupBy.length, { path });
  checkLimit("groups", count(limit, 1, path), { path });
  for (const field of groupBy) oneValue(field, schema, path);
  for (const { kind, field } of metrics.values()) {
    if (field === undefined) continue;
    if (kind === "count") {
      attributeOf(field, schema, path);
      continue;
    }
    const { type } = oneValue(field, schema, path);
    const summed = kind === "sum" || kind === "avg";
    if (type !== "int" && type !== "float" && (summed || type !== "datetime"))
      throw invalid(`${at(path)}${kind} does not take "${field}", which holds ${type}`, { path, field });
  }
}

function checkDiversify({ diversify, ranking, legs }: Query, schema: Schema, path: string): void {
  if (diversify === undefined) return;
  if (ranking.kind === "order" || (legs.length === 0 && ranking.kind !== "expression"))
    throw invalid(`${at(path)}only ranked documents can be diversified`, { path });
  attributeOf(diversify.field, schema, path);
  checkLimit("diversifyPerValue", count(diversify.limit, 1, path), { path });
}

function checkFields(
  { projection, highlight, legs }: Query,
  schema: Schema,
  where: (part: string) => string,
): void {
  if (projection.kind === "fields") {
    const path = where("include");
    checkLimit("schemaFields", projection.fields.length, { path });
    for (const field of projection.fields) {
      const known = [schema.attributes, schema.text, schema.vectors, schema.sparse].some((fields) =>
        fields.has(field),
      );
      if (!known) throw invalid(`${at(path)}the schema has no field ${quoted(field)}`, { path, field });
    }
  }
  if (highlight === undefined) return;
  const path = where("highlight");
  if (!legs.some(({ kind }) => kind === "text"))
    throw invalid(`${at(path)}only a text leg says what to mark`, { path });
  for (const field of highlight.fields ?? [])
    if (!schema.text.has(field))
      throw invalid(`${at(path)}${quoted(field)} is no text field`, { path, field });
  checkLimit("highlightFragments", count(highlight.fragments, 1, path), { path });
  checkLimit("highlightCharacters", count(highlight.fragmentCharacters, 1, path), { path });
  for (const mark of [highlight.before, highlight.after])
    checkLimit("highlightCharacters", mark.length, { path });
}

/** A filterable attribute. */
function attributeOf(name: string, schema: Schema, path: string): AttributeField {
  const field = schema.attributes.get(name);
  if (field === undefined) throw invalid(`${at(path)}${quoted(name)} is no attribute`, { path, field: name });
  if (!field.filterable)
    throw invalid(`${at(path)}attribute "${name}" is not filterable`, { path, field: name });
  return field;
}

/** A filterable attribute that is no array. */
function oneValue(name: string, schema: Schema, path: string): AttributeField {
  const field = attributeOf(name, schema, path);
  if (field.array) throw invalid(`${at(path)}"${name}" holds an array`, { path, field: name });
  return field;
}

function count(value: number, least: number, path: string): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw invalid(`${at(path)}expected a whole number from ${least} on, not ${value}`, { path });
}

function finite(values: readonly number[], path: string): void {
  if (!values.every(Number.isFinite))
    throw invalid(`${at(path)}the numbers of an expression are finite`, { path });
}
