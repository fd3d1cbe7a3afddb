/** Limits of the API's listener: defaults, each to be set by the composition root. */
export interface ListenerLimits {
  readonly maxConnections: number;
  /** Calls under way on one connection of HTTP/2. */
  readonly maxStreamsPerConnection: number;
  /** For the first bytes of a connection, for its TLS handshake, and for the head of each request over HTTP/1.1. */
  readonly headersTimeoutMs: number;
  /** A connection of HTTP/2 without a call is ended after this. */
  readonly idleTimeoutMs: number;
  /** How long a caller may take for each `minProgressBytes` of a message that is collected before its call begins. */
  readonly stallTimeoutMs: number;
  readonly minProgressBytes: number;
  /** For the rest of a body that nobody reads any more, after the answer. */
  readonly drainTimeoutMs: number;
  /** Open calls of Health/Watch, which need no key: in all, and from one address. */
  readonly maxWatches: number;
  readonly maxWatchesPerAddress: number;
}

export const DEFAULT_LISTENER_LIMITS: ListenerLimits = {
  maxConnections: 20_000,
  maxStreamsPerConnection: 256,
  headersTimeoutMs: 15_000,
  idleTimeoutMs: 300_000,
  stallTimeoutMs: 30_000,
  minProgressBytes: 16 * 1024,
  drainTimeoutMs: 10_000,
  maxWatches: 1_000,
  maxWatchesPerAddress: 100,
};
