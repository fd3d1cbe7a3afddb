import { type RequestHeaders, trimBlanks } from "../http.ts";
import { percentEncode, percentEncodePath } from "../parse/percent.ts";
import type { QueryParameters } from "../parse/query.ts";

/** The names of the headers that a signature covers, as they were sent: in lower case, with ";" between them. */
export interface SignedHeaders {
  readonly text: string;
  readonly names: readonly string[];
}

export function signedHeadersOf(text: string): SignedHeaders {
  return { text, names: text.split(";") };
}

export interface CanonicalInput {
  readonly method: string;
  /** Encoded, as it goes into the canonical request. */
  readonly path: string;
  readonly query: QueryParameters;
  readonly headers: RequestHeaders;
  readonly signedHeaders: SignedHeaders;
  readonly payloadHash: string;
}

/**
 * The text that a SigV4 signature covers, in characters that are bytes.
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header".
 */
export function canonicalRequest(input: CanonicalInput): string {
  let headerLines = "";
  for (const name of input.signedHeaders.names) {
    headerLines += `${name}:${canonicalValue(input.headers.get(name) ?? "")}\n`;
  }
  return `${input.method}\n${input.path}\n${canonicalQuery(input.query)}\n${headerLines}\n${input.signedHeaders.text}\n${input.payloadHash}`;
}

/** Path of S3: encoded once, each segment as it is, nothing resolved. */
export function canonicalPath(decodedPath: string): string {
  return percentEncodePath(decodedPath);
}

/** Trimmed, with single spaces. */
function canonicalValue(value: string): string {
  const trimmed = trimBlanks(value);
  return trimmed.includes("  ") ? trimmed.replace(/ +/g, " ") : trimmed;
}

/** Sorted by encoded name; the signature itself is not part of what it signs. */
export function canonicalQuery(query: QueryParameters): string {
  if (query.size === 0) return "";
  const pairs: string[] = [];
  for (const [name, value] of query) {
    if (name !== "X-Amz-Signature") pairs.push(`${percentEncode(name)}=${percentEncode(value)}`);
  }
  // "=" sorts before every character that an encoded name may hold but "-", "." and "%".
  return pairs.length === 1 ? pairs[0]! : pairs.sort(byName).join("&");
}

function byName(left: string, right: string): number {
  const leftName = left.slice(0, left.indexOf("="));
  const rightName = right.slice(0, right.indexOf("="));
  return leftName < rightName ? -1 : leftName > rightName ? 1 : 0;
}
