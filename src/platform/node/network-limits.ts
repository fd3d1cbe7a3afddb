/** Every bound of the network on Node, by name. A composition root may change them; the values here are what Skerry is tested with. */

const KIB = 1024;
const MIB = 1024 * KIB;

export interface NetworkLimits {
  /**
   * HTTP/2 flow-control window of a stream and of a connection, in bytes. Also the most that a paused stream can have received
   * without its receiver taking it. The protocol's default of 64 KiB halves bulk throughput.
   */
  readonly windowBytes: number;
  /** `send` answers false while a stream has this much or more that has not been handed to the socket, in bytes. */
  readonly sendBufferBytes: number;
  /** Messages up to this size are copied into one piece for sending, and smaller received ones of a body put together: cheaper than one more piece. In bytes. */
  readonly copyBelowBytes: number;
  /** Streams that a peer may have open on one connection. */
  readonly maxConcurrentStreams: number;
  /** Streams that may wait for one connection to be dialled. */
  readonly maxWaitingStreams: number;
  /** Connections that one listener holds. */
  readonly maxConnections: number;
  /** Size of the headers of one request or response, uncompressed, in bytes. */
  readonly maxHeaderListBytes: number;
  readonly maxHeaderPairs: number;
  /** Size of the JSON of an error, in bytes. */
  readonly maxErrorBytes: number;
  /** What nghttp2 may hold for one connection before it refuses new streams, in megabytes. */
  readonly maxSessionMemoryMegabytes: number;
  /** Streams that a peer may reset at once and for each second after that; hedged reads cancel a lot. */
  readonly streamResetBurst: number;
  readonly streamResetsPerSecond: number;

  /** From dialling to a finished TLS handshake, in milliseconds. */
  readonly dialTimeoutMs: number;
  /** After a failed dial the next one waits for a random time between half and all of a delay that doubles from `least` to `greatest`. */
  readonly leastBackoffMs: number;
  readonly greatestBackoffMs: number;
  /** A connection that broke before it stood this long counts as a failed dial. */
  readonly stableAfterMs: number;
  /** How often a connection is probed with PING, in milliseconds. */
  readonly keepAliveIntervalMs: number;
  /** A connection on which nothing has arrived for this long is given up, in milliseconds. */
  readonly keepAliveTimeoutMs: number;
  /** How long a closing listener waits for calls in progress, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** How long a failed stream may take to tell the other side, in milliseconds. */
  readonly lingerTimeoutMs: number;
  /** How long a connection without a node's certificate may stand, in milliseconds: a join takes one call. */
  readonly anonymousLifetimeMs: number;
  /** Streams that such a connection may have open. */
  readonly maxAnonymousStreams: number;
  /** What all streams of such connections have received, from then on until they are closed, on one listener, in bytes. */
  readonly maxAnonymousBytes: number;
  /** How long the messages of such a stream may take to arrive, in milliseconds. */
  readonly anonymousBodyTimeoutMs: number;
}

export const DEFAULT_NETWORK_LIMITS: NetworkLimits = {
  windowBytes: 16 * MIB,
  sendBufferBytes: 4 * MIB,
  copyBelowBytes: 4 * KIB,
  maxConcurrentStreams: 1_000,
  maxWaitingStreams: 1_000,
  maxConnections: 10_000,
  maxHeaderListBytes: 16 * KIB,
  maxHeaderPairs: 64,
  maxErrorBytes: 16 * KIB,
  maxSessionMemoryMegabytes: 256,
  streamResetBurst: 10_000,
  streamResetsPerSecond: 2_000,
  dialTimeoutMs: 3_000,
  leastBackoffMs: 50,
  greatestBackoffMs: 3_000,
  stableAfterMs: 5_000,
  keepAliveIntervalMs: 1_000,
  keepAliveTimeoutMs: 4_000,
  drainTimeoutMs: 5_000,
  lingerTimeoutMs: 5_000,
  anonymousLifetimeMs: 60_000,
  maxAnonymousStreams: 4,
  maxAnonymousBytes: 8 * MIB,
  anonymousBodyTimeoutMs: 10_000,
};

/** Defaults with some replaced. */
export function networkLimits(changes: Partial<NetworkLimits> = {}): NetworkLimits {
  return { ...DEFAULT_NETWORK_LIMITS, ...changes };
}
