/**
 * Puts commands through Raft and waits for their local apply. Every command has a place (session, sequence) that it keeps however often it is
 * proposed, so that it is applied once. One timer watches over all that is in flight; there is none per command.
 */

import { create } from "@bufbuild/protobuf";
import { assert, Deferred, SequenceWindow } from "../base/index.ts";
import {
  type Command,
  type CommandResult,
  CommandSchema,
  OpenSessionSchema,
  RefusalCode,
} from "../gen/skerry/meta/v1/commands_pb.js";
import type { Clock, Random, Timer, Timers } from "../platform/index.ts";
import type { AppliedCommand } from "./apply.ts";
import { MetaError } from "./errors.ts";
import {
  COMMAND_VERSION,
  MAX_COMMAND_BYTES,
  MAX_IN_FLIGHT_BYTES,
  MAX_IN_FLIGHT_COMMANDS,
  MAX_SESSION_RESULTS,
  RETRY_AFTER_MS,
  SWEEP_INTERVAL_MS,
} from "./limits.ts";
import { MessageEncoder } from "./message-encoder.ts";
import type { CommandBody, LeadershipStatus, ProposalLog } from "./ports.ts";
import { refused } from "./result.ts";

export interface ProposerOptions {
  readonly nodeId: number;
  readonly log: ProposalLog;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** A command with nothing but its body, encoded: another thread did that. */
export type EncodedBody = Uint8Array;

interface Pending {
  readonly body: CommandBody | EncodedBody;
  readonly outcome: Deferred<CommandResult>;
  readonly deadlineMs: number;
  sizeBytes: number;
  /** Undefined until it has a place in a session. */
  place: { readonly sessionId: bigint; readonly sequence: number; readonly encoded: Uint8Array } | undefined;
  proposedAtMs: number;
  /** Whether the log ever took it: only then it may have been applied. */
  wasTaken: boolean;
  /** Whether it may have been applied inside a snapshot that was installed here. */
  mayBeHidden: boolean;
}

const NO_BODY: Command["body"] = { case: undefined };

interface Session {
  readonly sessionId: bigint;
  nextSequence: number;
  readonly inFlight: SequenceWindow<Pending>;
}

interface Opening {
  readonly proposalId: number;
  readonly encoded: Uint8Array;
  proposedAtMs: number;
}

export class Proposer {
  readonly #options: ProposerOptions;
  readonly #encoder = new MessageEncoder();
  #session: Session | undefined;
  #opening: Opening | undefined;
  /** Commands without a place: they wait for a session. */
  readonly #waiting = new Set<Pending>();
  #count = 0;
  #sizeBytes = 0;
  #sweep: Timer | undefined;
  #leadership: LeadershipStatus = { leader: 0, term: 0 };
  #isClosed = false;

  constructor(options: ProposerOptions) {
    this.#options = options;
    options.log.onStatus((status) => this.#leadershipChanged(status));
  }

  /** See Metadata.submit. */
  submit(body: CommandBody | EncodedBody, deadlineMs: number, signal?: AbortSignal): Promise<CommandResult> {
    if (this.#isClosed) return Promise.reject(new MetaError("unavailable", "the node is stopping"));
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#isFull()) {
      return Promise.reject(new MetaError("overloaded", "too many commands are in flight"));
    }
    const pending: Pending = {
      body,
      outcome: new Deferred(),
      deadlineMs,
      sizeBytes: 0,
      place: undefined,
      proposedAtMs: 0,
      wasTaken: false,
      mayBeHidden: false,
    };
    this.#count++;
    if (this.#session === undefined) this.#waitForSession(pending);
    else this.#proposeFirst(this.#session, pending);
    this.#watch();
    return signal === undefined ? pending.outcome.promise : this.#untilAborted(pending, signal);
  }

  /** Of the machine: what this node's commands came to. */
  applied(commands: readonly AppliedCommand[]): void {
    for (const { command, result } of commands) {
      if (command.sessionId === 0n) this.#sessionMayBeOpen(command, result);
      else if (command.sessionId === this.#session?.sessionId) this.#answer(this.#session, command, result);
    }
  }

  /** Of the machine: entries may have been applied without being seen here. The session knows; ask it. */
  snapshotInstalled(): void {
    if (this.#session === undefined) return;
    for (const pending of this.#session.inFlight.values()) {
      pending.mayBeHidden = pending.wasTaken;
      this.#propose(pending);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const pending of this.#everything()) this.#giveUp(pending, "the node is stopping");
  }

  /** Also when one command that nothing comes of keeps the session from forgetting the results of all that came after it. */
  #isFull(): boolean {
    if (this.#count >= MAX_IN_FLIGHT_COMMANDS || this.#sizeBytes >= MAX_IN_FLIGHT_BYTES) return true;
    const session = this.#session;
    if (session === undefined) return false;
    const lowest = session.inFlight.first ?? session.nextSequence;
    return session.nextSequence - lowest >= Number(MAX_SESSION_RESULTS);
  }

  // Sessions

  #waitForSession(pending: Pending): void {
    this.#waiting.add(pending);
    if (this.#opening === undefined) this.#open();
  }

  #open(): void {
    const { random, nodeId } = this.#options;
    // Nothing but this number tells the answer: it must not be one that an earlier process on this node has used.
    const proposalId = random.below(2 ** 32) * 2 ** 20 + random.below(2 ** 20);
    const command = create(CommandSchema, {
      version: COMMAND_VERSION,
      proposerNodeId: BigInt(nodeId),
      proposalId: BigInt(proposalId),
      body: { case: "openSession", value: create(OpenSessionSchema, { nodeId: BigInt(nodeId) }) },
    });
    this.#opening = { proposalId, encoded: this.#encoder.encode(CommandSchema, command), proposedAtMs: 0 };
    this.#proposeOpening(this.#opening);
  }

  #proposeOpening(opening: Opening): void {
    const isTaken = this.#options.log.propose(opening.encoded);
    opening.proposedAtMs = isTaken ? this.#options.clock.monotonicMs() : Number.NEGATIVE_INFINITY;
  }

  #sessionMayBeOpen(command: Command, result: CommandResult): void {
    if (this.#opening === undefined || Number(command.proposalId) !== this.#opening.proposalId) return;
    assert(result.result.case === "sessionOpened", "a session that is asked for is opened");
    this.#opening = undefined;
    const session: Session = {
      sessionId: result.result.value.sessionId,
      nextSequence: 1,
      inFlight: new SequenceWindow(),
    };
    this.#session = session;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const pending of waiting) this.#proposeFirst(session, pending);
  }

  /**
   * The session was closed: none of its commands will be applied any more. Those that were surely not applied go into a new session. The first
   * answer that this node sees for a command is about its first copy in the log, unless a snapshot went over it.
   */
  #sessionIsGone(session: Session): void {
    this.#session = undefined;
    for (const pending of session.inFlight.values()) {
      session.inFlight.delete(this.#placeOf(pending).sequence);
      if (pending.mayBeHidden) {
        this.#settle(pending);
        pending.outcome.reject(outcomeUnknown("the session was closed while the command was under way"));
        continue;
      }
      pending.place = undefined;
      pending.wasTaken = false;
      this.#waitForSession(pending);
    }
  }

  // Commands

  #proposeFirst(session: Session, pending: Pending): void {
    const sequence = session.nextSequence++;
    // What the session may forget the results below of.
    const lowest = session.inFlight.first ?? sequence;
    const { body } = pending;
    const isEncoded = body instanceof Uint8Array;
    const command: Command = {
      $typeName: "skerry.meta.v1.Command",
      version: COMMAND_VERSION,
      sessionId: session.sessionId,
      sequence: BigInt(sequence),
      acknowledgedBelow: BigInt(lowest),
      proposerNodeId: BigInt(this.#options.nodeId),
      proposalId: BigInt(sequence),
      body: isEncoded ? NO_BODY : body,
    };
    const encoded = isEncoded
      ? this.#encoder.encodeBefore(CommandSchema, command, body)
      : this.#encoder.encode(CommandSchema, command);
    pending.place = { sessionId: session.sessionId, sequence, encoded };
    this.#sizeBytes += encoded.length - pending.sizeBytes;
    pending.sizeBytes = encoded.length;
    if (encoded.length > MAX_COMMAND_BYTES) {
      this.#settle(pending);
      pending.outcome.resolve(refused(RefusalCode.TOO_LARGE, "the command"));
      return;
    }
    session.inFlight.add(sequence, pending);
    this.#propose(pending);
  }

  #propose(pending: Pending): void {
    const isTaken = this.#options.log.propose(this.#placeOf(pending).encoded);
    pending.wasTaken ||= isTaken;
    pending.proposedAtMs = isTaken ? this.#options.clock.monotonicMs() : Number.NEGATIVE_INFINITY;
  }

  #answer(session: Session, command: Command, result: CommandResult): void {
    const sequence = Number(command.sequence);
    const pending = session.inFlight.get(sequence);
    if (pending === undefined) return;
    if (isSessionUnknown(result)) {
      this.#sessionIsGone(session);
      return;
    }
    session.inFlight.delete(sequence);
    this.#settle(pending);
    pending.outcome.resolve(result);
  }

  #giveUp(pending: Pending, reason: string): void {
    this.#waiting.delete(pending);
    if (pending.place !== undefined) this.#session?.inFlight.delete(pending.place.sequence);
    this.#settle(pending);
    pending.outcome.reject(pending.wasTaken ? outcomeUnknown(reason) : new MetaError("unavailable", reason));
  }

  #settle(pending: Pending): void {
    this.#count--;
    this.#sizeBytes -= pending.sizeBytes;
  }

  #placeOf(pending: Pending): NonNullable<Pending["place"]> {
    assert(pending.place !== undefined, "a command in flight has a place in a session");
    return pending.place;
  }

  async #untilAborted(pending: Pending, signal: AbortSignal): Promise<CommandResult> {
    const abort = (): void => {
      if (!pending.outcome.settled) this.#giveUp(pending, "the request was given up");
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await pending.outcome.promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  // Time

  *#everything(): Generator<Pending> {
    yield* [...this.#waiting];
    if (this.#session !== undefined) yield* this.#session.inFlight.values();
  }

  #watch(): void {
    if (this.#sweep !== undefined || this.#isClosed) return;
    this.#sweep = this.#options.timers.after(SWEEP_INTERVAL_MS, () => {
      this.#sweep = undefined;
      this.#sweepOnce();
      if (this.#count > 0) this.#watch();
    });
  }

  /** Ends what is overdue and proposes again what nothing came of. */
  #sweepOnce(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const pending of this.#everything()) {
      if (pending.deadlineMs <= nowMs) this.#giveUp(pending, "no answer in time");
    }
    this.#retry((proposedAtMs) => proposedAtMs + RETRY_AFTER_MS <= nowMs);
  }

  /** A new leader does not have what the old one had not committed. */
  #leadershipChanged(status: LeadershipStatus): void {
    const changed = status.leader !== this.#leadership.leader || status.term !== this.#leadership.term;
    this.#leadership = { leader: status.leader, term: status.term };
    if (changed && status.leader !== 0) this.#retry(() => true);
  }

  #retry(isDue: (proposedAtMs: number) => boolean): void {
    if (this.#isClosed) return;
    if (this.#opening !== undefined) {
      if (this.#waiting.size === 0) this.#opening = undefined;
      else if (isDue(this.#opening.proposedAtMs)) this.#proposeOpening(this.#opening);
    }
    if (this.#session === undefined) return;
    for (const pending of this.#session.inFlight.values()) {
      if (isDue(pending.proposedAtMs)) this.#propose(pending);
    }
  }
}

function isSessionUnknown(result: CommandResult): boolean {
  return result.result.case === "refusal" && result.result.value.code === RefusalCode.SESSION_UNKNOWN;
}

function outcomeUnknown(reason: string): MetaError {
  return new MetaError("outcome-unknown", `${reason}: the command may have been applied`);
}
