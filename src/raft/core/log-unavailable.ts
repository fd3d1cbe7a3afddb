/** Why a piece of the log cannot be had from storage. */
export type LogUnavailableReason =
  /** It was cut from the log: a snapshot has it. */
  | "compacted"
  /** It was never there, or is not there yet. */
  | "unavailable"
  /** A snapshot is being made: ask again later. */
  | "snapshot-temporarily-unavailable";

/** The only error that a `LogStorage` may throw for a question that is in order. */
export class LogUnavailable extends Error {
  readonly reason: LogUnavailableReason;

  constructor(reason: LogUnavailableReason) {
    super(`raft log: ${reason}`);
    this.name = "LogUnavailable";
    this.reason = reason;
  }
}
