import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type QueryResponseSchema,
  QueryResultSchema,
  type QueryService,
} from "../../gen/skerry/search/v1/search_pb.js";
import type { NamespaceService as Namespaces, QueryResult, Scalar, Schema } from "../../search/index.ts";
import type { Guard } from "../guard.ts";
import { consistencyOf } from "./document-service.ts";
import { fieldMessages, mapped } from "./messages.ts";
import { namespaceName } from "./names.ts";
import { at, named } from "./namespace-service.ts";
import { queriesOf } from "./queries.ts";
import { idMessage, valueMessage } from "./values.ts";

export function queryService(namespaces: Namespaces, guard: Guard): ServiceImpl<typeof QueryService> {
  return {
    query: (request, context) =>
      guard.unary("QueryService/Query", context, named(request), async ({ principal }) => {
        const name = namespaceName(principal, request);
        const queries = queriesOf(request);
        const answer = await namespaces.query(name, queries, {
          consistency: consistencyOf(request.consistency),
          ...at(request),
          ...(request.timeoutMs !== undefined && { timeoutMs: request.timeoutMs }),
          signal: context.signal,
        });
        return {
          results: answer.results.map((result) => resultMessage(result, answer.schema)),
          version: answer.version,
          asOfMs: BigInt(answer.asOfMs),
          isSingle: request.isSingle,
        } satisfies MessageInitShape<typeof QueryResponseSchema>;
      }),
  };
}

function resultMessage(result: QueryResult, schema: Schema) {
  const { hits, groups = [], facets, nextCursor, performance, explain } = result;
  return create(QueryResultSchema, {
    results: hits.map((hit) => ({
      id: idMessage(hit.id),
      score: hit.score,
      ...fieldMessages(hit, schema),
      highlights: mapped(hit.highlights ?? new Map<string, readonly string[]>(), (fragments) => ({
        fragments: [...fragments],
      })),
    })),
    groups: groups.map(({ key, values }) => ({
      key: Object.fromEntries(
        [...key].flatMap(([field, value]) => (value === null ? [] : [[field, scalar(value, field, schema)]])),
      ),
      values: Object.fromEntries(
        [...values].flatMap(([metric, value]) => (value === null ? [] : [[metric, metricMessage(value)]])),
      ),
    })),
    facets: Object.fromEntries(
      [...(facets ?? [])].map(([field, counts]) => [
        field,
        {
          counts: counts.map(({ value, count }) => ({
            value: scalar(value, field, schema),
            count: BigInt(count),
          })),
        },
      ]),
    ),
    nextCursor,
    performance: {
      ...performance,
      documents: BigInt(performance.documents),
      matching: BigInt(performance.matching),
      candidates: BigInt(performance.candidates),
      readBytes: BigInt(performance.readBytes),
    },
    ...(explain !== undefined && { explain: explainMessage(explain) }),
  });
}

function explainMessage({ ranking, filter = "", legs, units }: NonNullable<QueryResult["explain"]>) {
  return {
    ranking,
    filter,
    legs: legs.map(({ leg, candidates, found, scores }) => ({
      leg,
      candidates: BigInt(candidates),
      found: BigInt(found),
      scores: scores.map((score) => (score === null ? {} : { score })),
    })),
    units: units.map((unit) => ({
      unit: unit.unit,
      rows: BigInt(unit.rows),
      live: BigInt(unit.live),
      matching: BigInt(unit.matching),
      legs: unit.legs.map(({ candidates, exhaustive }) => ({ candidates: BigInt(candidates), exhaustive })),
    })),
  };
}

function scalar(value: Scalar, field: string, schema: Schema) {
  return valueMessage(value, schema.attributes.get(field)?.type);
}

/** A bigint is a whole number; a number keeps its fraction. */
function metricMessage(value: number | bigint) {
  return valueMessage(value, typeof value === "bigint" ? "int" : "float");
}
