import type { Prng } from "../../base/index.ts";
import { COMPARISONS, type Filter } from "../filter/filter.ts";
import type { Scalar } from "../model/document.ts";
import type { AttributeType } from "../model/schema.ts";
import type { RankExpression } from "../query/expression.ts";
import type { Leg, OrderKey, Query, Ranking } from "../query/query.ts";
import {
  EVERY_FIELD,
  randomId,
  randomScalar,
  randomSparse,
  randomText,
  randomVector,
} from "./random-documents.ts";

const FILTERABLE = [...EVERY_FIELD.attributes].filter(([, field]) => field.filterable);
const ANY_FIELD = [...FILTERABLE.map(([name]) => name), "id", "title", "body", "vector", "far", "terms"];
const STRINGS = ["color", "tags", "owner", "id"];
const ONE_VALUE = FILTERABLE.filter(([, field]) => !field.array);

/** Every operator, nested up to `depth`. Bound already. */
export function randomFilter(random: Prng, depth: number): Filter {
  const inner = () => randomFilter(random, depth - 1);
  if (depth > 0 && random.chance(0.5)) {
    const kind = random.pick(["and", "or", "not"] as const);
    if (kind === "not") return { kind, filter: inner() };
    return { kind, filters: Array.from({ length: random.below(4) }, inner) };
  }
  const [field, { type, array }] = random.pick(FILTERABLE);
  const one = () => operand(random, type);
  const several = () => Array.from({ length: random.below(4) }, one);
  switch (random.below(9)) {
    case 0:
      return { kind: random.pick(["exists", "null"] as const), field: random.pick(ANY_FIELD) };
    case 1:
      return { kind: random.pick(["in", "not-in"] as const), field, values: several() };
    case 2:
      if (!array) break;
      return { kind: random.pick(["contains-any", "contains-all"] as const), field, values: several() };
    case 3:
      if (!array) break;
      return { kind: "contains", field, value: one() };
    case 4:
      return randomPatternFilter(random);
    case 5:
      return {
        kind: random.pick(["all-tokens", "any-token", "phrase"] as const),
        field: random.pick(["title", "body"]),
        query: randomText(random, random.between(0, 3)),
      };
    case 6: {
      const id = randomId(random);
      if (random.chance(0.5))
        return { kind: random.pick(["in", "not-in"] as const), field: "id", values: [id, randomId(random)] };
      return { kind: "compare", field: "id", operator: random.pick(COMPARISONS), value: id };
    }
    default:
  }
  return { kind: "compare", field, operator: random.pick(COMPARISONS), value: one() };
}

/** A value of the field's type, or a number of the other kind. */
function operand(random: Prng, type: AttributeType): Scalar {
  if (type === "int" && random.chance(0.2)) return randomScalar(random, "float");
  if (type === "float" && random.chance(0.1)) return BigInt(random.between(-3, 3));
  return randomScalar(random, type);
}

function randomPatternFilter(random: Prng): Filter {
  const field = random.pick(STRINGS);
  const ignoreCase = random.chance(0.3);
  switch (random.below(4)) {
    case 0:
      return {
        kind: "prefix",
        field,
        prefix: random.pick(["", "b", "bl", "blue", "Bl", "0000000", "id-1", "\u{1f600}"]),
      };
    case 1:
      return {
        kind: "glob",
        field,
        pattern: random.pick(["*", "b*", "*e*", "?l*", "[a-c]*", "bl\\**", "0000000[1-3]*"]),
        ignoreCase,
      };
    case 2:
      return {
        kind: "regex",
        field,
        pattern: random.pick([".*", "bl.*", "b(l|r).*", "r[eo][dt]", ".{0,4}", "id-\\d+", ""]),
        ignoreCase,
      };
    default:
      return {
        kind: "fuzzy",
        field,
        value: random.pick(["blue", "rod", "gren", "id-100", "x"]),
        distance: random.below(3),
        prefix: random.chance(0.3),
      };
  }
}

export function randomLeg(random: Prng): Leg {
  const shared = {
    weight: random.pick([0, 0.5, 1, 2]),
    ...(random.chance(0.3) ? { candidates: random.between(1, 30) } : {}),
  };
  switch (random.below(3)) {
    case 0: {
      const field = random.pick(["vector", "far"]);
      const dimensions = EVERY_FIELD.vectors.get(field)?.dimensions ?? 0;
      return { kind: "vector", field, vector: randomVector(random, dimensions), exact: true, ...shared };
    }
    case 1:
      return {
        kind: "text",
        query: randomText(random, random.between(1, 3)),
        ...(random.chance(0.5)
          ? { fields: new Map([[random.pick(["title", "body"]), random.pick([1, 3])]]) }
          : {}),
        match: random.pick(["any", "all", "phrase"] as const),
        lastAsPrefix: random.chance(0.2),
        ...shared,
      };
    default:
      return { kind: "sparse", field: "terms", vector: randomSparse(random), ...shared };
  }
}

export function randomQuery(random: Prng): Query {
  const legs = random.chance(0.3)
    ? []
    : Array.from({ length: random.between(1, 3) }, () => randomLeg(random));
  const ranking = randomRanking(random, legs.length);
  const ranked = ranking.kind === "expression" || legs.length > 0;
  return {
    topK: random.pick([0, 1, 3, 10, 50]),
    legs,
    ranking,
    ...(random.chance(0.6) ? { filter: randomFilter(random, 3) } : {}),
    ...(random.chance(0.3) ? { aggregation: randomAggregation(random) } : {}),
    facets: random.chance(0.3) ? [{ field: random.pick(FILTERABLE)[0], limit: random.between(1, 5) }] : [],
    ...(ranked && random.chance(0.2)
      ? { diversify: { field: random.pick(FILTERABLE)[0], limit: random.between(1, 3) } }
      : {}),
    projection: { kind: "id" },
    explain: random.chance(0.1),
  };
}

function randomRanking(random: Prng, legs: number): Ranking {
  if (random.chance(0.25)) return { kind: "expression", expression: randomExpression(random, legs, 3) };
  if (legs === 0) return { kind: "order", keys: randomOrder(random) };
  return random.chance(0.5) ? { kind: "rrf", k: random.pick([1, 60]) } : { kind: "weighted" };
}

export function randomOrder(random: Prng): readonly OrderKey[] {
  return Array.from({ length: random.below(4) }, () => ({
    field: random.pick([...ONE_VALUE.map(([name]) => name), "id"]),
    direction: random.pick(["asc", "desc"] as const),
    missing: random.pick(["first", "last"] as const),
  }));
}

function randomExpression(random: Prng, legs: number, depth: number): RankExpression {
  const inner = () => randomExpression(random, legs, depth - 1);
  const leaf = (): RankExpression => {
    if (legs > 0 && random.chance(0.5)) return { kind: "leg", leg: random.below(legs) };
    if (random.chance(0.3)) return { kind: "filter", filter: randomFilter(random, 1) };
    if (random.chance(0.2)) return { kind: "constant", value: random.between(-2, 5) };
    return {
      kind: "attribute",
      field: random.pick(["year", "price", "sold", "seen"]),
      missing: random.pick([0, 7]),
    };
  };
  if (depth === 0) return leaf();
  switch (random.below(6)) {
    case 0:
    case 1:
      return { kind: random.pick(["sum", "product", "max", "min"] as const), terms: [inner(), inner()] };
    case 2:
      return { kind: "weight", weight: random.pick([-1, 0.5, 2]), term: inner() };
    case 3:
      return {
        kind: "decay",
        shape: random.pick(["exponential", "gaussian", "linear"] as const),
        term: inner(),
        origin: random.between(-2, 10),
        scale: random.between(1, 5),
      };
    case 4:
      return { kind: "saturate", term: inner(), midpoint: random.between(1, 4) };
    default:
      return leaf();
  }
}

function randomAggregation(random: Prng): NonNullable<Query["aggregation"]> {
  return {
    metrics: new Map([
      ["all", { kind: "count" }],
      ["tagged", { kind: "count", field: "tags" }],
      [
        "one",
        { kind: random.pick(["sum", "min", "max", "avg"] as const), field: random.pick(["year", "price"]) },
      ],
      ["when", { kind: random.pick(["min", "max"] as const), field: "seen" }],
    ]),
    groupBy: Array.from(new Set(Array.from({ length: random.below(3) }, () => random.pick(ONE_VALUE)[0]))),
    limit: random.pick([2, 100]),
  };
}
