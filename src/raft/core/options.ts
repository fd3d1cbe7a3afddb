import type { LogStorage } from "../ports.ts";
import type { ConfChange, NodeId } from "../types.ts";
import { invariant } from "./invariant.ts";

/** How a configuration change becomes the data of an entry. The core never encodes or decodes the empty change (no data). */
export interface ConfChangeCodec {
  encode(change: ConfChange): Uint8Array;
  /** Undefined: these bytes are not a configuration change; a proposal of them is dropped. */
  decode(data: Uint8Array): ConfChange | undefined;
}

/** Chance, given from outside: a whole number in [0, bound). */
export interface ElectionRandom {
  below(bound: number): number;
}

export interface RawNodeOptions {
  /** Positive; never 0, never reused. */
  readonly id: NodeId;
  /** A follower that hears nothing for this many ticks (up to twice as many, randomized) campaigns. Ten heartbeats is a good value. */
  readonly electionTicks: number;
  /** A leader sends a heartbeat every so many ticks; fewer than `electionTicks`. */
  readonly heartbeatTicks: number;
  readonly storage: LogStorage;
  readonly confChangeCodec: ConfChangeCodec;
  /** Randomizes election timeouts; seeded in the simulator. */
  readonly random: ElectionRandom;
  /** After a restart: the last index that the state machine has applied; nothing up to it is handed out again. Default: the log's start. */
  readonly applied?: number;
  /** See the manual in `index.ts`. Default false: `ready()` and `advance()` take turns. */
  readonly asyncStorageWrites?: boolean;
  /** Greatest size of the entries in one MsgApp; a single larger entry still goes alone. 0: one entry a message. Default: no limit. */
  readonly maxMessageBytes?: number;
  /** Greatest size of committed entries handed out and not yet acknowledged as applied. Default: `maxMessageBytes`. */
  readonly maxApplyingBytes?: number;
  /** A leader drops proposals while its uncommitted entries' data is more than this. Default: no limit. */
  readonly maxUncommittedBytes?: number;
  /** Unacknowledged MsgApps a follower may have in flight, while it replicates. Default: no limit. */
  readonly maxInflightMessages?: number;
  /** The same in bytes; at least `maxMessageBytes`. Bounds the bandwidth-delay product. Default: no limit. */
  readonly maxInflightBytes?: number;
  /** A leader that has not heard from a quorum for an election timeout steps down, and voters keep to a leader they hear. */
  readonly checkQuorum?: boolean;
  /** Campaigns only when a quorum would vote for it (thesis 9.6). Always together with `checkQuorum` in production. */
  readonly preVote?: boolean;
  /**
   * Vote requests and refusals tell what is committed, as in raft-rs (etcd-io/etcd#12359): a node that does not know that a
   * configuration change is committed may otherwise ask the wrong voters for ever. Always on in production; off as in etcd.
   */
  readonly commitInVotes?: boolean;
  /**
   * A request for a vote leaves when the term, the candidate's vote for itself and the end of the log that it names are durable, like
   * the votes that answer it. A candidate that forgets them in a crash would campaign in the same term again, with a shorter log, and
   * votes that were meant for its first life would elect it. Always on in production; off as in etcd.
   */
  readonly durableVoteRequests?: boolean;
  /** "lease-based" trusts clocks: never in production; needs `checkQuorum`. Default "safe". */
  readonly readOnly?: "safe" | "lease-based";
  /** A follower drops proposals instead of sending them to the leader. */
  readonly disableProposalForwarding?: boolean;
  /** Lets every configuration change into the log: for tests, or where something above Raft orders and checks them. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that is removed or demoted becomes a follower when it applies that. */
  readonly stepDownOnRemoval?: boolean;
}

/** The options with every default filled in. */
export type ResolvedOptions = Required<RawNodeOptions>;

/** Fills in defaults. Throws when the options contradict themselves: that is a bug in the caller. */
export function resolveOptions(options: RawNodeOptions): ResolvedOptions {
  const maxMessageBytes = options.maxMessageBytes ?? Number.POSITIVE_INFINITY;
  const resolved: ResolvedOptions = {
    ...options,
    applied: options.applied ?? 0,
    asyncStorageWrites: options.asyncStorageWrites ?? false,
    maxMessageBytes,
    maxApplyingBytes: options.maxApplyingBytes ?? maxMessageBytes,
    maxUncommittedBytes: options.maxUncommittedBytes ?? Number.POSITIVE_INFINITY,
    maxInflightMessages: options.maxInflightMessages ?? Number.POSITIVE_INFINITY,
    maxInflightBytes: options.maxInflightBytes ?? Number.POSITIVE_INFINITY,
    checkQuorum: options.checkQuorum ?? false,
    preVote: options.preVote ?? false,
    commitInVotes: options.commitInVotes ?? false,
    durableVoteRequests: options.durableVoteRequests ?? false,
    readOnly: options.readOnly ?? "safe",
    disableProposalForwarding: options.disableProposalForwarding ?? false,
    disableConfChangeValidation: options.disableConfChangeValidation ?? false,
    stepDownOnRemoval: options.stepDownOnRemoval ?? false,
  };
  check(resolved);
  return resolved;
}

function check(options: ResolvedOptions): void {
  invariant(Number.isSafeInteger(options.id) && options.id > 0, "a node id is a positive whole number");
  invariant(options.heartbeatTicks > 0, "heartbeatTicks must be greater than 0");
  invariant(
    options.electionTicks > options.heartbeatTicks,
    "electionTicks must be greater than heartbeatTicks",
  );
  invariant(options.maxInflightMessages > 0, "maxInflightMessages must be greater than 0");
  invariant(options.maxApplyingBytes > 0, "maxApplyingBytes must be greater than 0");
  invariant(
    options.maxInflightBytes >= options.maxMessageBytes ||
      options.maxInflightBytes === Number.POSITIVE_INFINITY,
    "maxInflightBytes must not be less than maxMessageBytes",
  );
  invariant(options.readOnly !== "lease-based" || options.checkQuorum, "lease-based reads need checkQuorum");
}
