import type { Authentication, Decision, OperationRequest, Principal } from "../access/index.ts";

/** What the services ask of the rest of the node, beside the `ObjectStore`. */
export interface RpcGate {
  authorize(principal: Principal | undefined, request: OperationRequest): Decision;
}

export interface RpcAuthenticator {
  /** From the Authorization header; `source` is the caller's address, for the limit on failures. */
  authenticate(header: string | undefined, source: string): RpcAuthentication;
}

export type RpcAuthentication = Authentication | { readonly kind: "limited"; readonly retryAfterMs: number };

/** One finished call, for metrics, logs and audit. */
export interface RpcEvent {
  readonly requestId: string;
  readonly operation: string;
  readonly principalKeyId: string | undefined;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  /** "ok" or the Connect code. */
  readonly outcome: string;
  readonly durationMs: number;
  readonly remoteAddress: string;
}

export interface RpcHooks {
  readonly onCall?: (event: RpcEvent) => void;
  /** A bug: the caller was told "internal" and nothing else. */
  readonly onUnexpectedError?: (error: unknown, requestId: string) => void;
}
