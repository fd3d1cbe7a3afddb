import type { ConnectError, HandlerContext } from "@connectrpc/connect";
import type {
  Authentication,
  CallerRateDecision,
  Decision,
  OperationRequest,
  Principal,
} from "../access/index.ts";

/** What the services ask of the rest of the node, beside the `ObjectStore`. */
export interface RpcGate {
  authorize(principal: Principal | undefined, request: OperationRequest): Decision;
}

export interface RpcAuthenticator {
  /** From the Authorization header; `source` is the caller's address, for the limit on failures. */
  authenticate(header: string | undefined, source: string): RpcAuthentication;
}

/** Limits on callers, shared with the other surfaces. */
export interface RpcLimits {
  /** Takes one of the requests that this caller, and then each of the organizations, may make in this second. */
  take(principal: Principal, source: string, organizations: readonly string[]): CallerRateDecision;
  /** Undefined: as many requests as this caller may have are under way. Otherwise called when it is over. */
  enter(principal: Principal): (() => void) | undefined;
}

export type RpcAuthentication = Authentication | { readonly kind: "limited"; readonly retryAfterMs: number };

/** One finished call, for metrics, logs and audit. */
export interface RpcEvent {
  readonly requestId: string;
  readonly operation: string;
  readonly principalKeyId: string | undefined;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  /** "org/project/name". */
  readonly namespace: string | undefined;
  /** "ok" or the Connect code. */
  readonly outcome: string;
  readonly durationMs: number;
  readonly remoteAddress: string;
}

export interface RpcHooks {
  readonly onCall?: (event: RpcEvent) => void;
  /** A bug: the caller was told "internal" and nothing else. */
  readonly onUnexpectedError?: (error: unknown, requestId: string) => void;
  /** A connection could not be accepted; the listener goes on. */
  readonly onListenerFault?: (error: Error) => void;
}

/** What the REST surface asks of the guard, beside what every method does by itself. */
export interface RestAdmission {
  /** Throws ConnectError when the call comes with no valid key. Whether the key may do this is decided by the method. */
  refuseStrangers(operation: string, context: HandlerContext): void;
  /** The error for the caller. Reported here unless the method was reached, which reports for itself. */
  refused(operation: string, context: HandlerContext, error: unknown): ConnectError;
}
