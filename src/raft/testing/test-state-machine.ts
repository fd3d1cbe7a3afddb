/** A state machine for the tests of Raft: the log it applied, in an ordered store that survives its process. */

import { assert } from "../../base/index.ts";
import type { OrderedStore, StoreChange } from "../../platform/index.ts";
import type { RestoredState, StateMachine } from "../ports.ts";
import type { ConfState, Entry, NodeId, SnapshotMetadata } from "../types.ts";

const EMPTY: SnapshotMetadata = {
  index: 0,
  term: 0,
  confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
};

/** The whole state at one index. */
export interface StateCopy {
  readonly metadata: SnapshotMetadata;
  readonly timeMs: number;
  readonly rows: readonly { readonly key: string; readonly value: Uint8Array }[];
}

export type SendCopy = (to: NodeId, copy: StateCopy, term: number) => Promise<void>;

export class TestStateMachine implements StateMachine {
  readonly #store: OrderedStore;
  readonly #sendCopy: SendCopy;
  #metadata: SnapshotMetadata;
  /** The greatest stamp applied. */
  #timeMs: number;
  #waiters: { readonly index: number; readonly resolve: () => void }[] = [];
  /** Received and verified, not installed. */
  staged: StateCopy | undefined;
  applied: Entry[] = [];
  checkpoints = 0;
  /** Called before every apply; may throw. */
  beforeApply: () => void = () => undefined;

  private constructor(store: OrderedStore, sendCopy: SendCopy, state: SnapshotMetadata & { timeMs: number }) {
    const { timeMs, ...metadata } = state;
    this.#store = store;
    this.#sendCopy = sendCopy;
    this.#metadata = metadata;
    this.#timeMs = timeMs;
  }

  static open(store: OrderedStore, sendCopy: SendCopy): TestStateMachine {
    const bytes = store.get("metadata");
    const state =
      bytes === undefined
        ? { ...EMPTY, timeMs: 0 }
        : (JSON.parse(new TextDecoder().decode(bytes)) as SnapshotMetadata & { timeMs: number });
    return new TestStateMachine(store, sendCopy, state);
  }

  get metadata(): SnapshotMetadata {
    return this.#metadata;
  }

  async apply(entries: readonly Entry[]): Promise<void> {
    this.beforeApply();
    const changes: StoreChange[] = [];
    let { index, term } = this.#metadata;
    for (const entry of entries) {
      assert(entry.index === index + 1, "every index comes exactly once, in order");
      assert(entry.term >= term, "terms do not go back along the log");
      ({ index, term } = entry);
      this.#timeMs = Math.max(this.#timeMs, entry.timeMs);
      if (entry.type === "EntryNormal" && entry.data.length > 0) {
        changes.push({ kind: "put", key: `row/${String(index).padStart(8, "0")}`, value: entry.data });
      }
    }
    await this.#write({ ...this.#metadata, index, term }, changes, false);
    this.applied.push(...entries);
    for (const waiter of this.#waiters.filter((waiter) => waiter.index <= index)) waiter.resolve();
    this.#waiters = this.#waiters.filter((waiter) => waiter.index > index);
  }

  configurationChanged(index: number, confState: ConfState): void {
    assert(index === this.#metadata.index + 1, "a configuration comes right before its entry");
    this.#metadata = { ...this.#metadata, confState };
  }

  restored(): Promise<RestoredState> {
    const installed = this.#store.get("installed");
    const isInstalled =
      installed !== undefined && new TextDecoder().decode(installed) === String(this.#metadata.index);
    return Promise.resolve({ ...this.#metadata, isInstalled, timeMs: this.#timeMs });
  }

  async checkpoint(): Promise<number> {
    await this.#write(this.#metadata, [], true);
    this.checkpoints++;
    return this.#metadata.index;
  }

  async sendSnapshot(to: NodeId, metadata: SnapshotMetadata, term: number): Promise<void> {
    assert(metadata.index <= this.#metadata.index, "nobody asks for a state that is not there yet");
    const view = this.#store.snapshot();
    const copy = {
      metadata: this.#metadata,
      timeMs: this.#timeMs,
      rows: await view.page({ gte: "row/", lt: "row0", limit: 1_000_000 }),
    };
    await view.close();
    await this.#sendCopy(to, copy, term);
  }

  async installSnapshot(metadata: SnapshotMetadata): Promise<void> {
    const { staged } = this;
    assert(staged !== undefined && staged.metadata.index === metadata.index, "what is installed has arrived");
    const old = await this.#store.page({ gte: "row/", lt: "row0", limit: 1_000_000 });
    const removals = old.map(({ key }): StoreChange => ({ kind: "delete", key }));
    const rows = staged.rows.map((row): StoreChange => ({ kind: "put", ...row }));
    const installed = new TextEncoder().encode(String(metadata.index));
    this.#timeMs = staged.timeMs;
    await this.#write(
      metadata,
      [...removals, ...rows, { kind: "put", key: "installed", value: installed }],
      true,
    );
  }

  /** What has been proposed and applied, in order. */
  async rows(): Promise<string[]> {
    const page = await this.#store.page({ gte: "row/", lt: "row0", limit: 1_000_000 });
    return page.map(({ value }) => new TextDecoder().decode(value));
  }

  untilApplied(index: number): Promise<void> {
    if (this.#metadata.index >= index) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ index, resolve }));
  }

  async #write(metadata: SnapshotMetadata, changes: readonly StoreChange[], sync: boolean): Promise<void> {
    const value = new TextEncoder().encode(JSON.stringify({ ...metadata, timeMs: this.#timeMs }));
    await this.#store.write([...changes, { kind: "put", key: "metadata", value }], { sync });
    this.#metadata = metadata;
  }
}
