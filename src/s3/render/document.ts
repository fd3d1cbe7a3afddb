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

/** As headers have times: RFC 9110, whole seconds. */
export function httpTime(timeMs: number): string {
  return new Date(timeMs).toUTCString();
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}
