import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorInfo, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { formatJson, type Json } from "./json-text.ts";

/** An answer of the REST surface, before it is on a socket. */
export interface RestAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly header: Readonly<Record<string, string>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** The HTTP status of each code of Connect. Source: google/rpc/code.proto, which names one for each; 412 and 413 are ours. */
const STATUSES: Readonly<Record<Code, number>> = {
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 412,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};

/** Reasons (of `google.rpc.ErrorInfo`) that have a status of their own. */
const STATUS_OF_REASON: ReadonlyMap<string, number> = new Map([
  ["PAYLOAD_TOO_LARGE", 413],
  ["UNSUPPORTED_MEDIA_TYPE", 415],
  ["METHOD_NOT_ALLOWED", 405],
  ["SCHEMA_CONFLICT", 409],
  ["FAILED_PRECONDITION", 409],
]);

const ENCODER = new TextEncoder();

export function jsonAnswer(
  status: number,
  value: Json,
  header: Readonly<Record<string, string>>,
): RestAnswer {
  const body = ENCODER.encode(`${formatJson(value)}\n`);
  const described = { "content-type": "application/json", "content-length": String(body.length) };
  return { status, header: { ...header, ...described }, body };
}

/**
 * The one form that errors have: `{"error":{"code","message","request_id","details"}}`. The code is the reason of the error's ErrorInfo, or
 * else the code of Connect, in lower case; details are the ErrorInfo's metadata.
 */
export function errorAnswer(error: ConnectError, requestId: string): RestAnswer {
  const info = error.findDetails(ErrorInfoSchema)[0];
  const status = (info === undefined ? undefined : statusOf(info)) ?? STATUSES[error.code];
  const header = { ...Object.fromEntries(error.metadata), "x-request-id": requestId };
  const code = (info?.reason ?? snakeCase(Code[error.code])).toLowerCase();
  const details = info === undefined ? {} : info.metadata;
  return jsonAnswer(
    status,
    { error: { code, message: error.rawMessage, request_id: requestId, details } },
    header,
  );
}

/** Of limits, those on the size of the request are 413. */
const SIZE_LIMITS: ReadonlySet<string> = new Set(["batchBytes", "batchDocuments", "documentBytes"]);

function statusOf({ reason, metadata }: ErrorInfo): number | undefined {
  if (reason === "LIMIT_EXCEEDED" && SIZE_LIMITS.has(metadata["limit"] ?? "")) return 413;
  return STATUS_OF_REASON.get(reason);
}

function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, "_");
}

/** A refusal of the HTTP edge, with a reason for programs. */
export function restError(
  code: Code,
  reason: string,
  message: string,
  metadata: Readonly<Record<string, string>> = {},
): ConnectError {
  return new ConnectError(message, code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "skerry", metadata } },
  ]);
}
