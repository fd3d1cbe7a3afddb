import {
  compareIds,
  type PlainBatch,
  type PlainDocument,
  type PlainFilter,
  type PlainId,
  type PlainQuery,
} from "./documents.ts";

/** Requests in the form that the REST surface has (docs/internals/search.md), and documents out of it. */

const DIMENSIONS = 4;

export const PLAIN_SCHEMA = {
  vectors: { vector: { dimensions: DIMENSIONS, metric: "euclidean" } },
  text: { words: { language: "none" } },
  attributes: { n: "int", color: "string", mark: "int" },
};

/** Attributes that are not in the schema from the beginning: writes bring them. */
export const GROWING = ["extra-0", "extra-1"];

export function batchRequest(batch: PlainBatch, ifVersion: number | undefined): Record<string, unknown> {
  const { upserts, patches, deletes, deleteByFilter, patchByFilter, condition } = batch;
  return {
    upserts: upserts.map(({ id, attributes, words, point }) => ({
      id,
      vector: point,
      text: { words },
      attributes,
    })),
    patches,
    deletes,
    ...(deleteByFilter !== undefined && { delete_by_filter: filterRequest(deleteByFilter) }),
    ...(patchByFilter !== undefined && {
      patch_by_filter: {
        filter: filterRequest(patchByFilter.filter),
        set: { attributes: patchByFilter.attributes },
      },
    }),
    ...(condition !== undefined && { if: CONDITIONS[condition] }),
    ...(ifVersion !== undefined && { if_version: ifVersion }),
  };
}

const CONDITIONS: Readonly<Record<NonNullable<PlainBatch["condition"]>, unknown>> = {
  "insert-only": ["Not", ["id", "Exists"]],
  "update-only": ["id", "Exists"],
  newer: ["n", "Lt", { new: "n" }],
};

export function queryRequest(query: PlainQuery): Record<string, unknown> {
  const { filter, limit } = query;
  return {
    top_k: limit,
    include: false,
    ...(filter !== undefined && { filter: filterRequest(filter) }),
    ...legOf(query),
  };
}

function legOf(query: PlainQuery): Record<string, unknown> {
  switch (query.kind) {
    case "order":
      return { order_by: [["n", query.direction]] };
    case "nearest":
      return { vector: { field: "vector", value: query.point, exact: true } };
    case "word":
      return { text: { query: query.word } };
  }
}

function filterRequest({ field, operator, value }: PlainFilter): unknown {
  return operator === "Absent" ? ["Not", [field, "Exists"]] : [field, operator, value];
}

/** The order of hits says nothing where the query does not. */
export function comparable({ kind }: PlainQuery, hits: readonly PlainId[]): readonly PlainId[] {
  return kind === "word" ? hits.toSorted(compareIds) : hits;
}

/** A document of an answer. What it lacks it does not have. */
export function documentOf(answer: {
  readonly id: PlainId;
  readonly attributes?: PlainDocument["attributes"] | undefined;
  readonly words?: string | undefined;
  readonly point?: readonly number[] | undefined;
}): PlainDocument {
  const { id, attributes = {}, words = "", point = [] } = answer;
  return { id, attributes, words, point };
}
