/**
 * The replicated state machine of a node: applies committed entries to the store, publishes what changed, and takes part in snapshots.
 * It has the shape of Raft's StateMachine port.
 *
 * Order: a batch of entries is applied in one turn without waiting, its changes go into the store in one write with the applied index, and
 * only when that write is done the index is published, waiters are woken and listeners are called. The write is not synced: after a crash the
 * log replays from whatever index the store has.
 */

import { assert, Deferred, Mutex, toHex } from "../base/index.ts";
import { DiskError } from "../platform/index.ts";
import { type AppliedCommand, applyEntry } from "./apply.ts";
import { type AppliedBatch, type ApplyHasher, ApplyState } from "./apply-state.ts";
import { discardOrderRange, TABLES, tableRange, trailingBlobId, unlinkOrderRange } from "./keys.ts";
import { MAX_ENTRIES_PER_WRITE, MAX_ROWS_PER_WRITE } from "./limits.ts";
import type { LiveStore } from "./live-store.ts";
import { NewBlobIds } from "./new-blob-ids.ts";
import type {
  AppliedChange,
  CommittedEntry,
  ConfigurationState,
  MetadataView,
  SnapshotMark,
  StateHash,
} from "./ports.ts";
import { ReadCache } from "./read-cache.ts";
import { SharedState, type StateMemory } from "./shared-state.ts";
import { INSTALLED_KEY } from "./snapshot/staging.ts";
import { StateView } from "./view.ts";

/** How the machine sends its state to a peer. */
export interface SnapshotSource {
  send(to: number, mark: SnapshotMark, term: number): Promise<void>;
  /** What is kept of the state for other attempts is given up. */
  close(): Promise<void>;
}

/** Where a received snapshot lies, and how it takes the place of the live state. */
export interface SnapshotTarget {
  /** Switches `live` durably to the verified snapshot at exactly this mark. */
  install(mark: SnapshotMark): Promise<void>;
}

/** Pure functions of bytes. */
export interface MachineHasher extends ApplyHasher {
  /** 4 bytes. */
  crc32c(bytes: Uint8Array): Uint8Array;
}

export interface MetaStateMachineOptions {
  readonly nodeId: number;
  readonly store: LiveStore;
  readonly hasher: MachineHasher;
  readonly snapshots: SnapshotTarget;
  /** What tells other threads where the state stands. Default: there are none. */
  readonly memory?: StateMemory;
  /** Somebody who asked for rows, or for all of them, was refused, because the disk did not give them. */
  readonly onUnreadable?: (error: DiskError) => void;
}

/** Commands that this node proposed, with what they came to. */
export type AppliedListener = (commands: readonly AppliedCommand[]) => void;

interface IndexWaiter {
  readonly index: number;
  readonly reached: Deferred<void>;
}

/** Greater than anything in hexadecimal: no blob is known to be new. */
const ABOVE_ALL_IDS = "g";

interface ConfigurationAt {
  readonly index: number;
  readonly state: ConfigurationState;
}

export class MetaStateMachine {
  readonly view: MetadataView;
  readonly #options: MetaStateMachineOptions;
  readonly #shared: SharedState;
  readonly #changeListeners = new Set<(change: AppliedChange) => void>();
  readonly #appliedListeners = new Set<AppliedListener>();
  readonly #installListeners = new Set<() => void>();
  readonly #waiters = new Set<IndexWaiter>();
  #state: ApplyState;
  #source: SnapshotSource | undefined;
  /** Configurations whose entries have not been applied yet. */
  #configurations: ConfigurationAt[] = [];
  #configurationIsUnwritten = false;
  /** One change of the state at a time: snapshots are sent while entries are applied. */
  readonly #turn = new Mutex();

  constructor(options: MetaStateMachineOptions) {
    this.#options = options;
    this.#state = new ApplyState(options.store, options.hasher);
    this.#shared = new SharedState(options.memory);
    this.#shared.publish(this.#state.appliedIndex, this.#state.nowMs);
    const { versions } = this.#shared;
    const cache = new ReadCache((bytes) => options.hasher.crc32c(bytes), versions);
    this.view = new StateView(options.store, this.#shared, {
      ...(options.onUnreadable && { onUnreadable: options.onUnreadable }),
      cache,
      versions,
    });
  }

  /** Without it, `sendSnapshot` rejects. */
  sendSnapshotsWith(source: SnapshotSource): void {
    this.#source = source;
  }

  // What Raft calls: ordered and never overlapping, but for sendSnapshot.

  /** Entries at or below the applied index, which a log that replays may hold, are passed over. A throw is a bug and stops the node. */
  apply(entries: readonly CommittedEntry[]): Promise<void> {
    return this.#turn.run(async () => {
      this.#state.newBlobIds ??= new NewBlobIds(await this.#greatestBlobId());
      let next = 0;
      while (next < entries.length && entries[next]!.index <= this.#state.appliedIndex) next++;
      while (next < entries.length) next = await this.#applyBatch(entries, next);
    });
  }

  /** To be called before the entry at `index` is applied, or after; it is written with the applied index. */
  configurationChanged(index: number, confState: ConfigurationState): void {
    if (index > this.#state.appliedIndex) {
      this.#configurations.push({ index, state: confState });
      return;
    }
    this.#state.configuration = confState;
    this.#configurationIsUnwritten = true;
  }

  async restored(): Promise<SnapshotMark & { readonly isInstalled: boolean; readonly timeMs: number }> {
    const installed = this.#options.store.get(INSTALLED_KEY);
    const isInstalled =
      installed !== undefined && new TextDecoder().decode(installed) === String(this.#state.appliedIndex);
    return { ...this.#mark(), isInstalled, timeMs: Number(this.#state.nowMs) };
  }

  /** Makes everything applied so far durable; returns its index. */
  checkpoint(): Promise<number> {
    return this.#turn.run(async () => {
      const index = this.#state.appliedIndex;
      // With a synced write, everything before it is durable too.
      await this.#options.store.write(this.#takeBatch().changes, { sync: true });
      return index;
    });
  }

  async sendSnapshot(to: number, metadata: SnapshotMark, term: number): Promise<void> {
    if (this.#source === undefined) throw new Error("this node has no way to send snapshots");
    await this.#writeLateConfiguration();
    try {
      await this.#source.send(to, metadata, term);
    } catch (error) {
      if (error instanceof DiskError) this.#options.onUnreadable?.(error);
      throw error;
    }
  }

  /** The state becomes that of the received snapshot; whatever was applied before is gone. */
  installSnapshot(metadata: SnapshotMark): Promise<void> {
    return this.#turn.run(() => this.#install(metadata));
  }

  async #install(metadata: SnapshotMark): Promise<void> {
    // The same index again: a node whose log is lost gets a snapshot in any case.
    assert(metadata.index >= this.#state.appliedIndex, "a snapshot never goes backwards");
    await this.#options.snapshots.install(metadata);
    this.#state = new ApplyState(this.#options.store, this.#options.hasher);
    assert(this.#state.appliedIndex === metadata.index, "an installed snapshot stands at its index");
    this.#configurations = this.#configurations.filter(({ index }) => index > metadata.index);
    this.#configurationIsUnwritten = false;
    this.#shared.versions.changedAll();
    for (const listener of this.#installListeners) listener();
    await this.#source?.close();
    this.#publish({
      cluster: true,
      keys: true,
      maintenance: true,
      unlinkOrders: true,
      underReplicated: true,
      namespaces: true,
    });
  }

  // What the rest of the node calls

  /** Resolves once everything up to `index` is applied and visible. */
  async waitForApplied(index: number, signal?: AbortSignal): Promise<void> {
    if (this.#shared.index() >= index) return;
    signal?.throwIfAborted();
    const waiter: IndexWaiter = { index, reached: new Deferred() };
    this.#waiters.add(waiter);
    const abort = (): void => waiter.reached.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      await waiter.reached.promise;
    } finally {
      this.#waiters.delete(waiter);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** The Raft configuration in force where the state is. */
  configuration(): ConfigurationState {
    return this.#state.configuration;
  }

  /** The running hash at the last few multiples of STATE_HASH_INTERVAL, to be compared between replicas. */
  stateHashes(): readonly StateHash[] {
    return this.#state.stateHashes();
  }

  /** Called after every published batch. Returns what ends it. */
  onChange(listener: (change: AppliedChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Called with this node's commands in every batch, before the change listeners. */
  onApplied(listener: AppliedListener): () => void {
    this.#appliedListeners.add(listener);
    return () => this.#appliedListeners.delete(listener);
  }

  /** Called when a snapshot took the place of the state: commands of this node may have been applied without being seen here. */
  onInstalled(listener: () => void): () => void {
    this.#installListeners.add(listener);
    return () => this.#installListeners.delete(listener);
  }

  /** In hexadecimal; "" when there is no blob. Nothing is staged: the store has all blobs. */
  async #greatestBlobId(): Promise<string> {
    const last = { ...tableRange("blob"), reverse: true, limit: 1 };
    try {
      const [row] = await this.#options.store.use((store) => store.page(last));
      return row === undefined ? "" : toHex(trailingBlobId(row.key));
    } catch (error) {
      // Whoever needs that row will meet the damage; new blobs do not.
      if (error instanceof DiskError) return ABOVE_ALL_IDS;
      throw error;
    }
  }

  /** Applies entries from `first` on until the batch is full; returns where the next batch begins. */
  async #applyBatch(entries: readonly CommittedEntry[], first: number): Promise<number> {
    const own: AppliedCommand[] = [];
    const end = Math.min(entries.length, first + MAX_ENTRIES_PER_WRITE);
    let isReconfigured = false;
    let next = first;
    while (next < end && this.#state.stagedRows < MAX_ROWS_PER_WRITE) {
      const applied = applyEntry(this.#state, entries[next]!);
      if (applied !== undefined && Number(applied.command.proposerNodeId) === this.#options.nodeId)
        own.push(applied);
      // At its entry and not at the end of the batch: commands behind it see it, however replicas cut their batches.
      if (this.#takeConfiguration()) isReconfigured = true;
      next++;
    }
    const batch = this.#takeBatch();
    const { versions } = this.#shared;
    versions.beginWrite(batch.rows.keys(), batch.tables);
    await this.#options.store.write(batch.changes);
    versions.endWrite();
    const changed = this.#changeOf(batch);
    this.#publish(isReconfigured ? { ...changed, cluster: true } : changed, own);
    return next;
  }

  #takeBatch(): AppliedBatch {
    this.#configurationIsUnwritten = false;
    return this.#state.takeBatch();
  }

  /** Whether there was one for what is applied now. */
  #takeConfiguration(): boolean {
    let isTaken = false;
    while (
      this.#configurations[0] !== undefined &&
      this.#configurations[0].index <= this.#state.appliedIndex
    ) {
      this.#state.configuration = this.#configurations.shift()!.state;
      isTaken = true;
    }
    return isTaken;
  }

  /** A configuration that came after its entry had been written must not be missing in a snapshot. */
  async #writeLateConfiguration(): Promise<void> {
    if (this.#configurationIsUnwritten) await this.checkpoint();
  }

  #changeOf(batch: AppliedBatch): ChangedTables {
    const { tables } = batch;
    const nodeId = BigInt(this.#options.nodeId);
    const orders = unlinkOrderRange(nodeId).gte;
    const discards = discardOrderRange(nodeId).gte;
    const has = (table: string, prefix: string): boolean =>
      tables.has(table) && batch.changes.some(({ kind, key }) => kind === "put" && key.startsWith(prefix));
    return {
      cluster: tables.has(TABLES.cluster) || tables.has(TABLES.node) || tables.has(TABLES.copyset),
      keys: tables.has(TABLES.key) || tables.has(TABLES.identity),
      maintenance: tables.has(TABLES.maintenance),
      unlinkOrders: has(TABLES.unlinkOrder, orders) || has(TABLES.discardOrder, discards),
      underReplicated: tables.has(TABLES.underReplicated),
      namespaces: tables.has(TABLES.namespace) || tables.has(TABLES.namespaceName),
    };
  }

  #publish(changed: ChangedTables, own: readonly AppliedCommand[] = []): void {
    const appliedIndex = this.#state.appliedIndex;
    assert(appliedIndex >= this.#shared.index(), "the published index never goes back");
    this.#shared.publish(appliedIndex, this.#state.nowMs);
    for (const waiter of this.#waiters) {
      if (waiter.index <= appliedIndex) waiter.reached.resolve();
    }
    if (own.length > 0) for (const listener of this.#appliedListeners) listener(own);
    const change = { appliedIndex, ...changed, oplogSequence: this.#state.nextOplogSequence - 1n };
    for (const listener of this.#changeListeners) listener(change);
  }

  #mark(): SnapshotMark {
    const state = this.#state;
    return { index: state.appliedIndex, term: state.appliedTerm, confState: state.configuration };
  }
}

type ChangedTables = Omit<AppliedChange, "appliedIndex" | "oplogSequence">;
