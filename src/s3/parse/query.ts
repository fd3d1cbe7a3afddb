import { isSecretHeader, REDACTED } from "../auth/secret-values.ts";
import { invalidArgument, S3Refusal } from "../errors.ts";
import { MAX_QUERY_PARAMETERS } from "../limits.ts";
import { percentDecode } from "./percent.ts";

/** The parameters of a query string, decoded, in the order in which they were sent. No name occurs twice. */
export type QueryParameters = ReadonlyMap<string, string>;

const NONE: QueryParameters = new Map();

/**
 * Decodes a query string without its "?". "a" and "a=" both are the parameter "a" with an empty value; "+" is a space, as in forms.
 * Refuses names that occur twice (whoever signs one and means the other must not have a choice) and bytes that are not UTF-8.
 */
export function parseQuery(query: string): QueryParameters {
  if (query === "") return NONE;
  const parameters = new Map<string, string>();
  let start = 0;
  while (start <= query.length) {
    let end = query.indexOf("&", start);
    if (end < 0) end = query.length;
    if (end > start) addParameter(parameters, query, start, end);
    start = end + 1;
  }
  return parameters;
}

function addParameter(parameters: Map<string, string>, query: string, start: number, end: number): void {
  const equals = query.indexOf("=", start);
  const nameEnd = equals < 0 || equals > end ? end : equals;
  const name = decode(query.slice(start, nameEnd));
  const value = nameEnd === end ? "" : decode(query.slice(nameEnd + 1, end));
  if (parameters.has(name)) {
    const shown = isSecretHeader(name) ? REDACTED : value;
    throw invalidArgument("A query parameter may be given only once.", name, shown);
  }
  if (parameters.size === MAX_QUERY_PARAMETERS) {
    throw new S3Refusal("InvalidURI", "The query string has too many parameters.");
  }
  parameters.set(name, value);
}

function decode(text: string): string {
  return percentDecode(text.includes("+") ? text.replaceAll("+", " ") : text);
}
