import {
  ExplainSchema,
  type FacetCounts,
  type Group,
  type Hit,
  type LegScore,
  LegScoreSchema,
  PerformanceSchema,
  QueryRequestSchema,
  type QueryResponse,
  QueryResponseSchema,
  type QueryResult,
} from "../../gen/skerry/search/v1/search_pb.js";
import {
  isObject,
  type Json,
  JsonError,
  type JsonForm,
  jsonForms,
  readMessage,
  writeMessage,
} from "../rest/index.ts";
import {
  DOCUMENT_FORMS,
  fieldsJson,
  idJson,
  inputOnly,
  numberJson,
  valueJson,
  valuesJson,
} from "./document-forms.ts";

/** What a request says beside its queries. A single query stands in the request itself. */
const REQUEST_FIELDS = [
  "org",
  "project",
  "namespace",
  "consistency",
  "at_version",
  "at_time_ms",
  "timeout_ms",
];
const FORMS = jsonForms(DOCUMENT_FORMS);

const queryRequestForm: JsonForm = {
  type: QueryRequestSchema,
  schema: { type: "object", description: "One query, or several under queries: docs/reference/search.md" },
  toJson: inputOnly,
  fromJson: (json, path) => {
    if (!isObject(json)) throw new JsonError(path, "an object is wanted here");
    const isOfRequest = (name: string) => REQUEST_FIELDS.includes(name);
    const entries = Object.entries(json);
    const query = Object.fromEntries(entries.filter(([name]) => !isOfRequest(name)));
    const { queries, ...others } = query;
    if (queries !== undefined && Object.keys(others).length > 0) {
      throw new JsonError("queries", `beside queries there is no ${Object.keys(others).join(", ")}`);
    }
    const request = Object.fromEntries(entries.filter(([name]) => isOfRequest(name)));
    const message = readMessage(
      QueryRequestSchema,
      { ...request, queries: queries === undefined ? [query] : queries, is_single: queries === undefined },
      FORMS,
      path,
    );
    return message;
  },
};

const queryResponseForm: JsonForm = {
  type: QueryResponseSchema,
  schema: { type: "object", description: "The result of a single query, or several under results" },
  fromJson: (_, path) => {
    throw new JsonError(path, "this is only answered");
  },
  toJson: (message) => {
    const { results, version, asOfMs, isSingle } = message as QueryResponse;
    const snapshot = { version: numberJson(version), as_of_ms: numberJson(asOfMs) };
    const [only] = results;
    if (isSingle && only !== undefined) return { ...resultJson(only), ...snapshot };
    return { results: results.map(resultJson), ...snapshot };
  },
};

/** A score that a hit does not have is null. */
const EXPLAIN_FORMS = jsonForms([
  {
    type: LegScoreSchema,
    schema: { type: ["number", "null"] },
    fromJson: queryResponseForm.fromJson,
    toJson: (message) => (message as LegScore).score ?? null,
  },
]);

export const SEARCH_FORMS: readonly JsonForm[] = [...DOCUMENT_FORMS, queryRequestForm, queryResponseForm];

function resultJson({ results, groups, facets, nextCursor, performance, explain }: QueryResult) {
  const json: Record<string, Json> = { results: results.map(hitJson) };
  if (groups.length > 0) json["aggregations"] = groups.map(groupJson);
  if (Object.keys(facets).length > 0) {
    json["facets"] = Object.fromEntries(
      Object.entries(facets).map(([field, counts]) => [field, facetJson(counts)]),
    );
  }
  if (nextCursor !== undefined) json["next_cursor"] = nextCursor;
  if (performance !== undefined) json["performance"] = writeMessage(PerformanceSchema, performance, FORMS);
  if (explain !== undefined) json["explain"] = writeMessage(ExplainSchema, explain, EXPLAIN_FORMS);
  return json;
}

function hitJson(hit: Hit): Json {
  const { id, score, highlights } = hit;
  return {
    id: id === undefined ? null : idJson(id),
    ...(score !== undefined && { score }),
    ...fieldsJson(hit),
    ...(Object.keys(highlights).length > 0 && {
      highlights: Object.fromEntries(
        Object.entries(highlights).map(([name, { fragments }]) => [name, fragments]),
      ),
    }),
  };
}

function groupJson({ key, values }: Group): Json {
  return { key: valuesJson(key), values: valuesJson(values) };
}

function facetJson({ counts }: FacetCounts): Json {
  return counts.map(({ value, count }) => ({
    value: value === undefined ? null : valueJson(value),
    count: numberJson(count),
  }));
}
