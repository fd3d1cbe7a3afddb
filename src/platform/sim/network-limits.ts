/** The bounds and times of the simulated network; the meaning of each is that of `NetworkLimits` on Node. */
export interface SimNetworkLimits {
  readonly windowBytes: number;
  readonly sendBufferBytes: number;
  readonly maxWaitingStreams: number;
  readonly dialTimeoutMs: number;
  readonly leastBackoffMs: number;
  readonly greatestBackoffMs: number;
  readonly stableAfterMs: number;
  readonly keepAliveIntervalMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly drainTimeoutMs: number;
}

export const DEFAULT_SIM_NETWORK_LIMITS: SimNetworkLimits = {
  windowBytes: 16 * 1024 * 1024,
  sendBufferBytes: 4 * 1024 * 1024,
  maxWaitingStreams: 1_000,
  dialTimeoutMs: 3_000,
  leastBackoffMs: 50,
  greatestBackoffMs: 3_000,
  stableAfterMs: 5_000,
  keepAliveIntervalMs: 1_000,
  keepAliveTimeoutMs: 4_000,
  drainTimeoutMs: 5_000,
};
