/**
 * Errors on the wire: Connect's codes as JSON and as HTTP status, and what an HTTP/2 reset means.
 *
 * Sources: https://connectrpc.com/docs/protocol#error-codes, RFC 9113 section 7.
 */

import { constants } from "node:http2";
import type { StreamError, StreamErrorCode } from "../ports.ts";

/** The HTTP status of a unary error. The table is complete: a new code does not compile without a row. */
const STATUS_OF_CODE: Readonly<Record<StreamErrorCode, number>> = {
  canceled: 499,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
};

/** Connect's codes that Skerry's peers never send, as the nearest that they do. */
const NEAREST_CODE: Readonly<Record<string, StreamErrorCode>> = {
  unknown: "internal",
  already_exists: "failed_precondition",
  out_of_range: "invalid_argument",
};

/** What a status means when there is no Connect error with it: something in between answered. */
const CODE_OF_STATUS: Readonly<Record<number, StreamErrorCode>> = {
  400: "internal",
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  415: "unimplemented",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

const CODE_OF_RESET: Readonly<Record<number, StreamErrorCode>> = {
  [constants.NGHTTP2_REFUSED_STREAM]: "unavailable",
  [constants.NGHTTP2_CANCEL]: "canceled",
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: "resource_exhausted",
  [constants.NGHTTP2_INADEQUATE_SECURITY]: "permission_denied",
};

/** Longest message of an error that is passed on, in characters. */
const MAX_MESSAGE_LENGTH = 1_000;

export function statusOfCode(code: StreamErrorCode): number {
  return STATUS_OF_CODE[code];
}

/** The error for a response that is not 200 and says nothing more. */
export function errorOfStatus(status: number): StreamError {
  return {
    code: CODE_OF_STATUS[status] ?? "internal",
    message: `the peer answered with HTTP status ${status}`,
  };
}

/** The error for a stream that the other side reset with this HTTP/2 error code before it was complete. */
export function errorOfReset(resetCode: number): StreamError {
  if (resetCode === constants.NGHTTP2_NO_ERROR) {
    return { code: "canceled", message: "the peer left the stream before its end" };
  }
  return {
    code: CODE_OF_RESET[resetCode] ?? "internal",
    message: `the peer reset the stream (HTTP/2 error ${resetCode})`,
  };
}

/** `{"code":"...","message":"..."}`, the form of an error in Connect. */
export function errorJson(error: StreamError): { readonly code: string; readonly message: string } {
  return { code: error.code, message: error.message.slice(0, MAX_MESSAGE_LENGTH) };
}

/** Reads the JSON form of an error; undefined for anything else. Codes that peers do not use become the nearest one. */
export function parseErrorJson(value: unknown): StreamError | undefined {
  if (typeof value !== "object" || value === null || !("code" in value)) return undefined;
  const { code } = value;
  const known = typeof code === "string" ? codeOf(code) : undefined;
  if (known === undefined) return undefined;
  const message = "message" in value && typeof value.message === "string" ? value.message : "";
  return { code: known, message: message.slice(0, MAX_MESSAGE_LENGTH) };
}

/** The message of an end-of-stream envelope. */
export function endStreamJson(error: StreamError | undefined): string {
  return error === undefined ? "{}" : JSON.stringify({ error: errorJson(error) });
}

export type EndStream =
  | { readonly kind: "ok" }
  | { readonly kind: "error"; readonly error: StreamError }
  | { readonly kind: "malformed" };

/** Reads the message of an end-of-stream envelope. */
export function parseEndStream(text: string): EndStream {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { kind: "malformed" };
  if (!("error" in value) || value.error === null || value.error === undefined) return { kind: "ok" };
  const error = parseErrorJson(value.error);
  return error === undefined ? { kind: "malformed" } : { kind: "error", error };
}

/** JSON, or undefined for what is not. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(text: string): StreamErrorCode | undefined {
  if (Object.hasOwn(STATUS_OF_CODE, text)) return text as StreamErrorCode;
  return Object.hasOwn(NEAREST_CODE, text) ? NEAREST_CODE[text] : undefined;
}
