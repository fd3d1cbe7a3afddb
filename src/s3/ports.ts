import type { Decision, OperationRequest, Owner, Principal, RateDecision } from "../access/index.ts";
import type { S3ErrorCode } from "./errors.ts";
import type { RequestHead, S3Response } from "./http.ts";
import type { S3OperationName } from "./operations.ts";
import type { QueryName } from "./query/operations.ts";

/** The gate: the only place where it is decided whether a caller may do what it asks. */
export interface Authorizer {
  /** Pure. `undefined` is a caller without credentials. */
  authorize(principal: Principal | undefined, request: OperationRequest): Decision;
}

/** Owners by the names that grants have for them. */
export interface OwnerDirectory {
  ownerById(canonicalId: string): Owner | undefined;
  ownerByEmail(email: string): Owner | undefined;
}

export interface Credential {
  readonly principal: Principal;
  /** The secret access key in the clear. It is used for one HMAC chain and never leaves `auth`. */
  readonly secret: string;
}

/** Access keys, unsealed and cached by the composition root. A revoked key must stop being found at once. */
export interface CredentialSource {
  lookup(accessKeyId: string): Credential | undefined | Promise<Credential | undefined>;
  /** The session of a token, whether or not it is over; undefined: the token is none, or whoever it was made for is gone. */
  session?(accessKeyId: string, token: string): SessionCredential | undefined;
}

export interface SessionCredential extends Credential {
  readonly expiresAtMs: number;
}

/** Limits on callers, kept by the composition root for all surfaces together. */
export interface CallerLimits {
  /** Called after authorization: takes one of the requests that this caller may make in this second. */
  take(principal: Principal, remoteAddress: string): RateDecision;
  /** Called after authorization. Undefined: as many requests as this caller may have are under way. Otherwise called when it is over. */
  enter(principal: Principal): (() => void) | undefined;
  /** Counts a failed authentication. "limited": the caller is told to slow down instead of what was wrong. */
  failedAuthentication(remoteAddress: string, claimedKeyId: string | undefined): RateDecision;
}

/** Requests that were accepted, so that one that comes again is noticed. */
export interface ReplayGuard {
  /** Undefined: it was sent before, and must be refused. Else what forgets it again, because it came to nothing. */
  enter(signature: string, endsMs: number): (() => void) | undefined;
}

/** One finished request, for metrics, logs and audit. */
export interface RequestEvent {
  readonly requestId: string;
  /** Undefined when the request was refused before it was known what it asks for. */
  readonly operation: S3OperationName | QueryName | undefined;
  /** Of an authenticated caller only. */
  readonly principalKeyId: string | undefined;
  /** Canonical id of an authenticated caller. */
  readonly requesterId: string | undefined;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly status: number;
  /** Body bytes received and sent, without heads. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  readonly errorCode: S3ErrorCode | undefined;
  /** False when the connection was cut before the answer was out. */
  readonly completed: boolean;
  readonly remoteAddress: string;
  /** Asked for by a visitor of a website. */
  readonly isWebsite: boolean;
}

/** The request and its answer themselves: they hold secrets, so what is kept of them is chosen. */
export interface FinishedExchange {
  readonly request: RequestHead & { readonly secure: boolean };
  readonly response: S3Response;
}

/** What the gateway tells the composition root. Neither callback may throw. */
export interface GatewayHooks {
  readonly onRequest?: (event: RequestEvent, exchange: FinishedExchange) => void;
  /** A bug or an error outside the closed sets: the client was told "InternalError" and nothing else. */
  readonly onUnexpectedError?: (error: unknown, requestId: string) => void;
}
