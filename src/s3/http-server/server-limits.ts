/** Limits of the HTTP server: defaults, each to be set by the composition root. */
export interface ServerLimits {
  /** Request line and header fields together. */
  readonly maxHeaderBytes: number;
  readonly maxHeaderFields: number;
  readonly maxConnections: number;
  /** From the first byte of a request to the end of its head. */
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** How long a client may keep us waiting for each `minProgressBytes` that it sends. There is no limit on total time. */
  readonly stallTimeoutMs: number;
  /**
   * The same for what it reads. Longer, because how far it has read shows in leaps only: a full send buffer, of some MiB where the system lets it grow, takes
   * nothing more before a third of it is free, and a piece of an object, of up to 1 MiB, counts when all of it is taken.
   */
  readonly sendStallTimeoutMs: number;
  readonly minProgressBytes: number;
  /** What is left of a body after an early answer is read up to this, so that the connection can be used again. */
  readonly keepAliveDrainBytes: number;
  /** Beyond that the connection is closed, after reading up to this, so that the client sees the answer before the reset. */
  readonly lingerDrainBytes: number;
  /** And no longer than this, in either case. */
  readonly drainTimeoutMs: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  maxHeaderBytes: 32 * 1024,
  maxHeaderFields: 256,
  maxConnections: 20_000,
  headersTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  stallTimeoutMs: 30_000,
  sendStallTimeoutMs: 300_000,
  minProgressBytes: 16 * 1024,
  keepAliveDrainBytes: 256 * 1024,
  lingerDrainBytes: 8 * 1024 * 1024,
  drainTimeoutMs: 10_000,
};
