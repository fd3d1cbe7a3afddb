/**
 * The S3 gateway: HTTP in, calls of `object` out, and back.
 *
 *   server.ts      sockets, framing, time limits, shutdown            (the only file with node:http)
 *     S3Request ──> gateway.ts                                   one request through the pipeline
 *        parse/       head -> one value of a closed union             pure
 *        auth/        SigV4 of the head; the chain for signed chunks
 *        (access)     may this principal do this?                     the Authorizer port
 *        handlers/    operation -> call of ObjectStore -> response
 *        body/        aws-chunked, lengths, promises about the bytes
 *        render/,xml/ results and refusals -> headers and documents
 *     S3Response <──
 *
 * Invariants:
 * - What a request is, is decided once (`operation.ts`); routing, authorization, metrics and audit all look at that value. An unknown or
 *   contradictory sub-resource, parameter or feature header is refused, never ignored.
 * - Nothing reaches `object` before the signature and the gate have passed. A copy's source passes the gate as a read of its own.
 * - Bytes of a body are handed on while they are verified, so a body counts only when it ended without an error; `object` commits nothing
 *   before that.
 * - Every refusal of `object` and every one of our own has a row in `errors.ts`. What has none is a bug: the client reads "InternalError".
 * - An answer's bytes are exactly as many as its Content-Length says, or the connection is cut.
 *
 * Refusals travel inside the gateway as thrown `S3Refusal`s and leave it as answers; callers of `S3Gateway.handle` see no rejection.
 */

export { type SignedRequest, signRequest } from "./auth/sign-request.ts";
export type { RequiredDigest } from "./body/required-digest.ts";
export type { S3ErrorCode } from "./errors.ts";
export { type AccessLogRecord, AccessLogs } from "./features/logging/delivery.ts";
export { AccessLogRecorder } from "./features/logging/recorder.ts";
export { type Answer, type GatewayOptions, type RequestFacts, S3Gateway } from "./gateway.ts";
export type { RequestHead, RequestHeaders, ResponseBody, S3Request, S3Response } from "./http.ts";
export { DEFAULT_SERVER_LIMITS, type ServerLimits } from "./http-server/server-limits.ts";
export type { S3Operation } from "./operation.ts";
export type { OperationRow } from "./operation-row.ts";
export { type S3OperationName, s3OperationRows } from "./operations.ts";
export type { ParsedRequest } from "./parse/parse-request.ts";
export type {
  Authorizer,
  CallerLimits,
  Credential,
  CredentialSource,
  GatewayHooks,
  ReplayGuard,
  RequestEvent,
} from "./ports.ts";
export { queryOperationRows } from "./query/operations.ts";
export { S3Server, type S3ServerOptions, type TlsCertificate } from "./server.ts";
