/** The path of the stream of Raft messages. */
export const EXCHANGE_METHOD = "/skerry.raft.v1.RaftService/Exchange";

/** Ends a stream whose sender is an older start of its node than one that was accepted here, and nothing else does. */
export const OLDER_START_CODE = "data_loss";

export interface TransportLimits {
  /** A frame is closed when it has reached this; a single message may be larger. */
  readonly frameBytes: number;
  /** The largest frame that is sent or accepted. */
  readonly maxFrameBytes: number;
  readonly maxQueueMessages: number;
  readonly maxQueueBytes: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
}
