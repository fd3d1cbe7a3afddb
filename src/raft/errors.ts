/** What goes wrong in Raft around the pure core: closed sets of codes, so that every caller decides for each of them. */

export type WalErrorCode =
  /** A segment was written by a later version: nothing is read, nothing is changed. */
  | "unknown-version"
  /** A segment belongs to another cluster, node or incarnation. */
  | "foreign"
  /** The log must be there and is not: a wiped disk must not come back under its old name. */
  | "missing"
  /** The state machine is ahead of the log, and not by a snapshot: the log is an older one that was put there. */
  | "outdated"
  /** The WAL has stopped, after an error or by `close`. */
  | "stopped"
  /** Asked to write into a log that is damaged. */
  | "damaged"
  /** One job is larger than a segment may ever be. */
  | "too-large";

export class WalError extends Error {
  readonly code: WalErrorCode;

  constructor(code: WalErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "WalError";
    this.code = code;
  }
}

export type RaftUnavailableReason =
  /** No quorum answered in time. */
  | "timeout"
  /** This node's log is damaged and not yet repaired. */
  | "fenced"
  /** The group is closed, or has stopped after a fatal error. */
  | "stopped"
  /** Too many are waiting already. */
  | "overloaded";

/** A linearizable read could not be had. Nothing was changed by it: try again, here or elsewhere. */
export class RaftUnavailable extends Error {
  readonly reason: RaftUnavailableReason;

  constructor(reason: RaftUnavailableReason, message: string) {
    super(message);
    this.name = "RaftUnavailable";
    this.reason = reason;
  }
}

/** Why a node must stop at once: what is in memory may no longer be what is on disk, or what the code believes. */
export type RaftFatalKind =
  /** A write or sync of the WAL failed. Never retried: the pages may be gone although the next sync says yes. */
  | "wal"
  /** The log is an older one: a peer has heard of a later start of this node, or the leader of entries that it has acknowledged. */
  | "outdated"
  /** The core found that something impossible has happened. */
  | "core"
  /** The state machine threw. */
  | "state-machine"
  /** The thread ended, or could not be talked to. */
  | "thread";

/** Reported once through `onFatal`; in production the process exits. */
export class RaftFatal extends Error {
  readonly kind: RaftFatalKind;

  constructor(kind: RaftFatalKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "RaftFatal";
    this.kind = kind;
  }
}
