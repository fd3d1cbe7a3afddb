import type { S3Response } from "../http.ts";

const XML_HEADERS: readonly string[] = ["Content-Type", "application/xml"];

/** 200 with a document. */
export function xmlResponse(text: string, headers: readonly string[] = []): S3Response {
  return {
    status: 200,
    headers: headers.length === 0 ? XML_HEADERS : [...XML_HEADERS, ...headers],
    body: { kind: "text", text },
  };
}

/** As listings and copies write times: ISO 8601 with milliseconds. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** By second: what is read often has few times, and writing one takes longer than finding it. */
const HTTP_TIMES = new Map<number, string>();
const MAX_HTTP_TIMES = 1_000;

/** As headers have times: RFC 9110, whole seconds. */
export function httpTime(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  const known = HTTP_TIMES.get(second);
  if (known !== undefined) return known;
  const text = new Date(second * 1000).toUTCString();
  if (HTTP_TIMES.size >= MAX_HTTP_TIMES) HTTP_TIMES.clear();
  HTTP_TIMES.set(second, text);
  return text;
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}
