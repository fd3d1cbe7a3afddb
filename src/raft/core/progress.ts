import { Inflights } from "./inflights.ts";
import { invariant, RaftInvariantViolation } from "./invariant.ts";

export type ProgressState =
  /** How far the follower agrees is a guess: at most one message per heartbeat, until one is answered. */
  | "StateProbe"
  /** The follower keeps up: messages are pipelined within the window. */
  | "StateReplicate"
  /** The follower needs a snapshot; nothing else is sent until it has one. */
  | "StateSnapshot";

export interface ProgressInit {
  readonly match: number;
  readonly next: number;
  readonly isLearner: boolean;
  readonly recentActive: boolean;
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

/** What a leader knows and guesses of one member. Invariant: match < next. */
export class Progress {
  /** The member's log is known to agree up to here. */
  match: number;
  /** The next entry to send; those between `match` and it are in flight. */
  next: number;
  state: ProgressState = "StateProbe";
  /** Index of the snapshot on its way; 0 in other states. Advisory: any snapshot that reconnects the follower will do. */
  pendingSnapshot = 0;
  /** Something has come from it since the last check of the quorum. */
  recentActive: boolean;
  /** The same for the time between the last check and the one before. */
  #wasActive = false;
  /** No further MsgApp until a heartbeat is answered or the last one is. */
  flowPaused = false;
  isLearner: boolean;
  readonly inflights: Inflights;
  /** The greatest commit index on its way to the follower; goes back when messages are likely lost. */
  #sentCommit = 0;

  constructor(init: ProgressInit) {
    this.match = init.match;
    this.next = init.next;
    this.isLearner = init.isLearner;
    this.recentActive = init.recentActive;
    this.inflights = new Inflights(init.maxInflightMessages, init.maxInflightBytes);
    this.#check();
  }

  /** A check of the quorum has looked. */
  beginActivityInterval(): void {
    this.#wasActive = this.recentActive;
    this.recentActive = false;
  }

  /** Unlike `recentActive` it does not turn false with each check until the member answers again. */
  get activeLately(): boolean {
    return this.recentActive || this.#wasActive;
  }

  becomeProbe(): void {
    // After a snapshot that arrived, the first guess is just behind it.
    const next =
      this.state === "StateSnapshot" ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1;
    this.#enter("StateProbe");
    this.next = next;
    this.#sentCommit = Math.min(this.#sentCommit, next - 1);
  }

  becomeReplicate(): void {
    this.#enter("StateReplicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter("StateSnapshot");
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
    this.#check();
  }

  /** Whether nothing may be sent for now. */
  get paused(): boolean {
    return this.state === "StateSnapshot" || this.flowPaused;
  }

  /** A MsgApp with `count` entries from `next` on is on its way. */
  sentEntries(count: number, sizeBytes: number): void {
    switch (this.state) {
      case "StateReplicate":
        if (count > 0) {
          this.next += count;
          this.inflights.add(this.next - 1, sizeBytes);
        }
        // A full window makes this message a probe: the next one waits for a heartbeat's answer, lest a lost window stall for good.
        this.flowPaused = this.inflights.full;
        return;
      case "StateProbe":
        if (count > 0) this.flowPaused = true;
        return;
      case "StateSnapshot":
        throw new RaftInvariantViolation("no entries are sent while a snapshot is");
    }
  }

  sentCommit(commit: number): void {
    this.#sentCommit = commit;
  }

  /** Whether telling `commit` now can make the follower commit more. */
  canBumpCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  /** The follower acknowledges everything up to `index`. False: it had already. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /**
   * The follower has refused a MsgApp behind `rejected` and proposes to try behind `hint`. False: the refusal is stale (duplicated or
   * reordered) and changes nothing.
   */
  maybeDecreaseTo(rejected: number, hint: number): boolean {
    if (this.state === "StateReplicate") {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
    } else {
      // Probes go out one at a time, each from `next - 1`: an answer to anything else is old.
      if (this.next - 1 !== rejected) return false;
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
      this.flowPaused = false;
    }
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
    return true;
  }

  #enter(state: ProgressState): void {
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.clear();
  }

  #check(): void {
    invariant(
      this.match >= 0 && this.match < this.next,
      () => `match is less than next: ${this.match}, ${this.next}`,
    );
  }
}
