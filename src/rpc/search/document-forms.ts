import {
  type Document,
  type DocumentId as DocumentIdMessage,
  DocumentIdSchema,
  DocumentPatchSchema,
  DocumentSchema,
  FilterSchema,
  QuerySchema,
  type Schema,
  SchemaSchema,
  type Value,
  ValueSchema,
  type Vector,
  VectorSchema,
} from "../../gen/skerry/search/v1/search_pb.js";
import { floatJson, type Json, type JsonForm, keptForm } from "../rest/index.ts";
import { schemaToPlain } from "./requests.ts";

/**
 * Where the REST forms of namespaces differ from their messages: values are JSON values, filters are arrays, and what `src/search` parses itself is
 * handed to it as it came. docs/reference/search.md describes them all.
 */

const ANY: Json = {};
const SCALAR: Json = { type: ["string", "number", "boolean"] };

export const DOCUMENT_FORMS: readonly JsonForm[] = [
  keptForm(DocumentIdSchema, {
    schema: { type: ["string", "integer"] },
    toJson: (id) => idJson(id as DocumentIdMessage),
  }),
  keptForm(VectorSchema, {
    schema: {
      oneOf: [
        { type: "array", items: { type: "number" } },
        { type: "string", contentEncoding: "base64" },
      ],
    },
    toJson: (vector) => (vector as Vector).values,
  }),
  keptForm(ValueSchema, {
    schema: { type: ["string", "number", "boolean", "array", "null"] },
    toJson: (value) => valueJson(value as Value),
  }),
  keptForm(DocumentSchema, {
    schema: documentSchema("A document"),
    toJson: (document) => documentJson(document as Document),
  }),
  keptForm(DocumentPatchSchema, {
    schema: documentSchema("Fields to change; null removes one"),
    toJson: inputOnly,
  }),
  keptForm(FilterSchema, {
    schema: {
      type: "array",
      items: ANY,
      description: '["And",[f,...]], ["Or",[f,...]], ["Not",f], [field, operator, operand]',
    },
    toJson: inputOnly,
  }),
  keptForm(SchemaSchema, {
    schema: { type: "object" },
    toJson: (schema) => schemaToPlain(schema as Schema) as Json,
  }),
  keptForm(QuerySchema, { schema: { type: "object" }, toJson: inputOnly }),
];

/** Requests are never answered. */
export function inputOnly(): Json {
  return null;
}

function documentSchema(description: string): Json {
  return {
    type: "object",
    description,
    required: ["id"],
    properties: {
      id: { type: ["string", "integer"] },
      vector: ANY,
      vectors: { type: "object", additionalProperties: ANY },
      sparse: { type: "object", additionalProperties: ANY },
      text: { type: "object", additionalProperties: { type: ["string", "null"] } },
      attributes: {
        type: "object",
        additionalProperties: { oneOf: [SCALAR, { type: "array", items: SCALAR }] },
      },
      expires_at: { type: ["string", "integer", "null"] },
    },
  };
}

export function idJson({ id }: DocumentIdMessage): Json {
  return id.case === "number" ? numberJson(id.value) : (id.value ?? null);
}

export function numberJson(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export function valueJson({ kind }: Value): Json {
  switch (kind.case) {
    case "listValue":
      return kind.value.values.map(valueJson);
    case "datetimeMs":
      return new Date(Number(kind.value)).toISOString();
    case "intValue":
      return numberJson(kind.value);
    case "floatValue":
      return floatJson(kind.value);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}

export function valuesJson(values: Readonly<Record<string, Value>>): Record<string, Json> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, valueJson(value)]));
}

function documentJson(document: Document): Json {
  const { id, expiresAtMs } = document;
  return {
    id: id === undefined ? null : idJson(id),
    ...fieldsJson(document),
    ...(expiresAtMs !== undefined && { expires_at: new Date(Number(expiresAtMs)).toISOString() }),
  };
}

/** Kinds of fields that a document does not have are left out. */
export function fieldsJson({
  vectors,
  sparse,
  text,
  attributes,
}: Pick<Document, "vectors" | "sparse" | "text" | "attributes">) {
  const fields: Record<string, Json> = {};
  const put = (name: string, value: Readonly<Record<string, Json>>) => {
    if (Object.keys(value).length > 0) fields[name] = value;
  };
  put("vectors", Object.fromEntries(Object.entries(vectors).map(([name, { values }]) => [name, values])));
  put(
    "sparse",
    Object.fromEntries(
      Object.entries(sparse).map(([name, { indices, values }]) => [name, { indices, values }]),
    ),
  );
  put("text", text);
  put("attributes", valuesJson(attributes));
  return fields;
}
