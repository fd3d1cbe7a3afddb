/** Consensus as the metadata sees it, without any: a log that commits whatever it takes, and loses what a test tells it to lose. */

import { Deferred } from "../../base/index.ts";
import type { MetaStateMachine } from "../machine.ts";
import type { CommittedEntry, LeadershipStatus, ProposalLog } from "../ports.ts";

export class FakeLog implements ProposalLog {
  readonly entries: CommittedEntry[] = [];
  /** What `propose` does with a command. */
  mode: "commit" | "lose" | "refuse" | "commit-twice" | "hold" = "commit";
  readonly proposals: Uint8Array[] = [];
  timeMs = 1_000_000;
  /** Calls of readIndex that wait for the test; undefined: they answer at once. */
  heldReads: Deferred<number>[] | undefined;
  readIndexCalls = 0;
  /** What is known without asking. */
  indexNow: number | undefined;
  /** Whether a received snapshot is installed. */
  onSnapshot: (message: Uint8Array) => Promise<boolean> = async () => true;
  #machine: MetaStateMachine | undefined;
  #listeners: ((status: LeadershipStatus) => void)[] = [];
  #isPumping = false;
  #held: Uint8Array[] = [];

  /** Entries are applied to this machine as they are committed. */
  drive(machine: MetaStateMachine): void {
    this.#machine = machine;
    this.#pump();
  }

  propose(data: Uint8Array): boolean {
    this.proposals.push(data);
    if (this.mode === "refuse") return false;
    if (this.mode === "hold") this.#held.push(data);
    if (this.mode === "commit" || this.mode === "commit-twice") this.append(data);
    if (this.mode === "commit-twice") this.append(data);
    return true;
  }

  /** Commits what was held back. */
  release(): void {
    for (const data of this.#held.splice(0)) this.append(data);
  }

  append(data: Uint8Array, type: CommittedEntry["type"] = "EntryNormal"): void {
    this.entries.push({ index: this.entries.length + 1, term: 1, type, timeMs: this.timeMs, data });
    this.#pump();
  }

  readIndex(): Promise<number> {
    this.readIndexCalls++;
    if (this.heldReads === undefined) return Promise.resolve(this.entries.length);
    const read = new Deferred<number>();
    this.heldReads.push(read);
    return read.promise;
  }

  readIndexNow(): number | undefined {
    return this.indexNow;
  }

  receivedSnapshot(message: Uint8Array): Promise<boolean> {
    return this.onSnapshot(message);
  }

  onStatus(listener: (status: LeadershipStatus) => void): void {
    this.#listeners.push(listener);
  }

  announce(status: LeadershipStatus): void {
    for (const listener of this.#listeners) listener(status);
  }

  #pump(): void {
    if (this.#isPumping || this.#machine === undefined) return;
    this.#isPumping = true;
    const machine = this.#machine;
    const next = async (): Promise<void> => {
      for (;;) {
        const applied = machine.view.appliedIndex();
        if (applied >= this.entries.length) break;
        await machine.apply(this.entries.slice(applied, applied + 64));
      }
      this.#isPumping = false;
    };
    // In another turn, as Raft does: never inside `propose`.
    queueMicrotask(() => void next());
  }
}
