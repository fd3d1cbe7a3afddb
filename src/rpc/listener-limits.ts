/** Limits of the API's listener: defaults, each to be set by the composition root. */
export interface ListenerLimits {
  readonly maxConnections: number;
  /** Calls under way on one connection of HTTP/2. */
  readonly maxStreamsPerConnection: number;
  /** Calls that a caller may cancel at once on one connection of HTTP/2, and for each second after that, before the connection is ended. */
  readonly streamResetBurst: number;
  readonly streamResetsPerSecond: number;
  /** For the first bytes of a connection, for its TLS handshake, and for the head of each request over HTTP/1.1. */
  readonly headersTimeoutMs: number;
  /** A connection of HTTP/2 without a call is ended after this. */
  readonly idleTimeoutMs: number;
  /** How long a caller may keep the node waiting for each `minProgressBytes` of a request, the last ones too. */
  readonly stallTimeoutMs: number;
  /** The same for what it reads of an answer. Longer, because how far it has read shows in leaps only: a message counts when all of it is taken. */
  readonly sendStallTimeoutMs: number;
  readonly minProgressBytes: number;
  /** Bytes of messages of calls under way: in all, of which each key has at most as much as is left for others, and on one connection. */
  readonly maxHeldBytes: number;
  readonly maxHeldBytesPerConnection: number;
  /** For the rest of a body that nobody reads any more, after the answer. */
  readonly drainTimeoutMs: number;
  /** Open calls of Health/Watch, which need no key: in all, and from one address. */
  readonly maxWatches: number;
  readonly maxWatchesPerAddress: number;
}

export const DEFAULT_LISTENER_LIMITS: ListenerLimits = {
  maxConnections: 20_000,
  maxStreamsPerConnection: 256,
  streamResetBurst: 10_000,
  streamResetsPerSecond: 2_000,
  headersTimeoutMs: 15_000,
  idleTimeoutMs: 300_000,
  stallTimeoutMs: 30_000,
  sendStallTimeoutMs: 300_000,
  minProgressBytes: 16 * 1024,
  maxHeldBytes: 512 * 1024 * 1024,
  maxHeldBytesPerConnection: 256 * 1024 * 1024,
  drainTimeoutMs: 10_000,
  maxWatches: 1_000,
  maxWatchesPerAddress: 100,
};
