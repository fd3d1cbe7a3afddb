import {
  AggregationKind,
  DecayShape,
  FusionMethod,
  type Highlight,
  type Leg,
  type Query as QueryMessage,
  type QueryRequest,
  type RankExpression,
  TextMatch,
} from "../../gen/skerry/search/v1/search_pb.js";
import { LIMITS, parseQuery, type Query, SearchError } from "../../search/index.ts";
import { plainOf } from "../rest/index.ts";
import { filterToPlain } from "./requests.ts";
import { type Plain, vectorToPlain } from "./values.ts";

/** The queries of a request, at most 16. Throws SearchError. */
export function queriesOf({ queries }: Pick<QueryRequest, "queries">): readonly Query[] {
  const most = LIMITS.queries;
  if (queries.length > most) {
    const details = { limit: "queries", most, given: queries.length, path: "queries" };
    throw new SearchError("limit-exceeded", `queries is at most ${most}, not ${queries.length}`, details);
  }
  return queries.map((query, index) =>
    parseQuery(queryToPlain(query), queries.length === 1 ? "" : `queries[${index}]`),
  );
}

function queryToPlain(query: QueryMessage): Plain {
  const kept = plainOf(query);
  if (kept !== undefined) return kept;
  const { filter, fusion, rankBy, orderBy, cursor, aggregate, facets, diversify, highlight } = query;
  return {
    top_k: query.topK,
    legs: query.legs.map(legToPlain),
    filter: filter && filterToPlain(filter),
    fusion: fusion && {
      ...(fusion.method !== FusionMethod.UNSPECIFIED && { method: lowerName(FusionMethod, fusion.method) }),
      ...(fusion.k !== 0 && { k: fusion.k }),
    },
    rank_by: rankBy && expressionToPlain(rankBy),
    ...(orderBy.length > 0 && {
      order_by: orderBy.map(({ field, descending, missingFirst }) => [
        field,
        descending ? "desc" : "asc",
        missingFirst ? "missing_first" : "missing_last",
      ]),
    }),
    ...(cursor !== "" && { cursor }),
    aggregate: aggregate && {
      metrics: Object.fromEntries(
        Object.entries(aggregate.metrics).map(([name, { kind, field }]) => [
          name,
          [lowerName(AggregationKind, kind), ...(field === "" ? [] : [field])],
        ]),
      ),
      group_by: aggregate.groupBy,
      ...(aggregate.limit > 0 && { limit: aggregate.limit }),
    },
    facets: facets.map(({ field, limit }) => ({ field, ...(limit > 0 && { limit }) })),
    diversify: diversify && {
      field: diversify.field,
      ...(diversify.limit > 0 && { limit: diversify.limit }),
    },
    ...(query.onlyIds ? { include: false } : query.include.length > 0 && { include: query.include }),
    highlight: highlight && highlightToPlain(highlight),
    explain: query.explain,
  };
}

function legToPlain({ kind }: Leg): Plain {
  switch (kind.case) {
    case "vector": {
      const { field, value, exact } = kind.value;
      const vector = value === undefined ? null : vectorToPlain(value);
      return { vector: { ...(field !== "" && { field }), value: vector, exact, ...shared(kind.value) } };
    }
    case "text": {
      const { query, fields, match, lastAsPrefix } = kind.value;
      return {
        text: {
          query,
          ...(Object.keys(fields).length > 0 && { fields }),
          ...(match !== TextMatch.UNSPECIFIED && { match: lowerName(TextMatch, match) }),
          last_as_prefix: lastAsPrefix,
          ...shared(kind.value),
        },
      };
    }
    case "sparse": {
      const { field, value } = kind.value;
      const vector = value === undefined ? null : { indices: value.indices, values: value.values };
      return { sparse: { field, value: vector, ...shared(kind.value) } };
    }
    default:
      return {};
  }
}

function shared({
  weight,
  candidates,
}: {
  readonly weight?: number | undefined;
  readonly candidates: number;
}) {
  return { weight, ...(candidates > 0 && { candidates }) };
}

function expressionToPlain({ kind }: RankExpression): Plain {
  const term = (expression: RankExpression | undefined) =>
    expression === undefined ? null : expressionToPlain(expression);
  switch (kind.case) {
    case "constant":
      return kind.value;
    case "leg":
      return ["Leg", kind.value];
    case "attribute":
      return ["Attribute", kind.value.field, { missing: kind.value.missing }];
    case "filter":
      return ["Filter", filterToPlain(kind.value)];
    case "sum":
    case "product":
    case "max":
    case "min": {
      const name = `${kind.case.charAt(0).toUpperCase()}${kind.case.slice(1)}`;
      return [name, kind.value.terms.map(expressionToPlain)];
    }
    case "weighted":
      return ["Weight", kind.value.weight, term(kind.value.term)];
    case "decay": {
      const { origin, scale, shape } = kind.value;
      const named = shape !== DecayShape.UNSPECIFIED && { shape: lowerName(DecayShape, shape) };
      return ["Decay", term(kind.value.term), { origin, scale, ...named }];
    }
    case "saturate":
      return ["Saturate", term(kind.value.term), { midpoint: kind.value.midpoint }];
    default:
      return null;
  }
}

function highlightToPlain({ fields, fragments, characters, before, after }: Highlight): Plain {
  return {
    ...(fields.length > 0 && { fields }),
    ...(fragments > 0 && { fragments }),
    ...(characters > 0 && { characters }),
    before,
    after,
  };
}

/** A number that the enum does not have is refused as no name. */
function lowerName(names: Readonly<Record<number, string>>, value: number): string {
  return names[value]?.toLowerCase() ?? String(value);
}
