import type { DescMethod, Message } from "@bufbuild/protobuf";
import { JsonError } from "./json-error.ts";
import type { JsonForms } from "./json-form.ts";
import type { Json } from "./json-text.ts";
import { isObject, readMessage } from "./read-message.ts";
import type { Route } from "./route-table.ts";

/** What of a request becomes the message, beside its body. */
export interface RequestLine {
  readonly variables: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
}

/**
 * The message of a request. A field comes from one place: the path, the body, or (with no "*" body) the query, where a list is a parameter
 * that is repeated. Throws JsonError.
 */
export function requestMessage(
  { method, body: bodyIs }: Route,
  { variables, query }: RequestLine,
  body: Json | undefined,
  forms: JsonForms,
): Message {
  const fields = new Map<string, Json>(variables);
  if (bodyIs === "*") {
    if (body !== undefined && !isObject(body)) throw new JsonError("", "the body is one JSON object");
    for (const [name, value] of Object.entries(body ?? {})) putOnce(fields, name, value);
  } else if (bodyIs !== "" && body !== undefined) {
    fields.set(bodyIs, body);
  }
  if (bodyIs === "*" && query.size > 0) {
    throw new JsonError(
      [...query.keys()][0] ?? "",
      "this request has its parameters in the body, not in the query",
    );
  }
  for (const [name, value] of queryFields(method, query)) putOnce(fields, name, value);
  return readMessage(method.input, Object.fromEntries(fields), forms);
}

function putOnce(fields: Map<string, Json>, name: string, value: Json): void {
  if (fields.has(name)) throw new JsonError(name, "this is given in the path");
  fields.set(name, value);
}

function queryFields({ input }: DescMethod, query: URLSearchParams): Map<string, Json> {
  const fields = new Map<string, Json>();
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    const isList = input.fields.some((field) => field.name === name && field.fieldKind === "list");
    if (!isList && values.length > 1) throw new JsonError(name, "this is given more than once");
    fields.set(name, isList ? values : (values[0] ?? ""));
  }
  return fields;
}
