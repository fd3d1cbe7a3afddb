import {
  Deferred,
  loadIndex,
  packBytes,
  type SharedIndex,
  storeIndex,
  type ThreadPort,
} from "../../base/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import { RaftFatal, RaftUnavailable, type RaftUnavailableReason, WalError } from "../errors.ts";
import type { ConfigurationChange, RaftPeer, RaftStatus } from "../ports.ts";
import {
  DEFAULT_RAFT_SETTINGS,
  type RaftSettings,
  type RaftStart,
  type StartedRaft,
} from "../shell/index.ts";
import type { NodeId, SnapshotMetadata } from "../types.ts";
import { unpackEntries } from "./entry-batch.ts";
import type { CallResult, FromRaft, RaftTls, StateMachineCall, ToRaft } from "./protocol.ts";

export interface StartedRaftThread extends StartedRaft {
  /** `readIndexNow` for other threads. */
  readonly sharedReadIndex: SharedIndex;
  /** New certificates for every connection made from now on. */
  updateCredentials(tls: RaftTls): void;
}

export interface ProxyOptions extends Pick<RaftStart, "stateMachine" | "onFatal" | "onEvent" | "settings"> {
  readonly readIndex: SharedIndex;
}

/**
 * Proposals wait for those before them to be committed, but no longer than this. Waking the other thread costs more than a proposal does, and applying
 * sixteen at once costs half of what applying them in twos does; the log on the disk would let them wait for the write under way in any case. While what is
 * committed is applied here, the next are on their way.
 */
const MAX_HOLD_MS = 2;
/**
 * So many do not wait: while the log writes them, the next are made. Without that, all requests of a turn go through every step as one, and of this thread, the other one
 * and the disk two have nothing to do at any time.
 */
const FULL_BATCH = 16;

/** Those who asked in one turn, with one timeout: one question for all of them. */
interface ReadGroup {
  readonly count: number;
  readonly answer: Deferred<number>;
}

/** The main thread's side: the group as if it were here, and the state machine for the Raft thread. */
export class RaftProxy implements StartedRaftThread {
  readonly #options: ProxyOptions;
  readonly #settings: RaftSettings;
  readonly #port: ThreadPort<ToRaft, FromRaft>;
  readonly #started = new Deferred<void>();
  readonly #closed = new Deferred<void>();
  readonly #listeners: ((status: RaftStatus) => void)[] = [];
  readonly #reads = new Map<number, ReadGroup>();
  readonly #snapshots = new Map<number, Deferred<boolean>>();
  /** The last switch to a snapshot; resolves when it has ended, well or not. */
  #installing: Promise<void> = Promise.resolve();
  #status: RaftStatus | undefined;
  #address: SocketAddress = { host: "", port: 0 };
  #lastId = 0;
  #waitingReads = 0;
  /** Of this turn, by timeout. */
  #nextReads = new Map<number, { readonly answer: Deferred<number>; count: number }>();
  #nextProposals: Uint8Array[] = [];
  /** Some were sent since anything was committed last. */
  #isProposing = false;
  /** Running while proposals wait for that. */
  #hold: NodeJS.Timeout | undefined;
  /** Not yet taken by the other thread. */
  #proposals = { count: 0, bytes: 0 };
  #stateMachineError: unknown;
  #stopped = false;
  #closing = false;

  constructor(port: ThreadPort<ToRaft, FromRaft>, options: ProxyOptions) {
    this.#port = port;
    this.#options = options;
    this.#settings = { ...DEFAULT_RAFT_SETTINGS, ...options.settings };
    this.#started.promise.catch(() => undefined);
    port.onMessage((message) => this.#receive(message));
  }

  /** Rejects as `startRaftInline` does. */
  started(): Promise<void> {
    return this.#started.promise;
  }

  get sharedReadIndex(): SharedIndex {
    return this.#options.readIndex;
  }

  get address(): SocketAddress {
    return this.#address;
  }

  propose(data: Uint8Array): boolean {
    const { maxProposalBytes, maxPendingProposals, maxPendingProposalBytes } = this.#settings;
    if (data.length > maxProposalBytes) {
      throw new RangeError(`a proposal of ${data.length} bytes is over maxProposalBytes`);
    }
    const { count, bytes } = this.#proposals;
    if (this.#stopped || this.#status === undefined || this.#status.leader === 0) return false;
    if (count >= maxPendingProposals || bytes + data.length > maxPendingProposalBytes) return false;
    this.#proposals = { count: count + 1, bytes: bytes + data.length };
    this.#nextProposals.push(data);
    if (this.#nextProposals.length >= FULL_BATCH) this.#sendProposals();
    else if (this.#nextProposals.length === 1) this.#scheduleProposals();
    return true;
  }

  readIndex(timeoutMs: number): Promise<number> {
    if (this.#stopped) return Promise.reject(new RaftUnavailable("stopped", "this node has stopped"));
    if (this.#waitingReads >= this.#settings.maxWaitingReads) {
      return Promise.reject(new RaftUnavailable("overloaded", `${this.#waitingReads} reads are waiting`));
    }
    this.#waitingReads++;
    if (this.#nextReads.size === 0) setImmediate(() => this.#sendReads());
    let group = this.#nextReads.get(timeoutMs);
    if (group === undefined) {
      group = { answer: new Deferred<number>(), count: 0 };
      this.#nextReads.set(timeoutMs, group);
    }
    group.count++;
    return group.answer.promise;
  }

  readIndexNow(): number | undefined {
    return this.#stopped ? undefined : loadIndex(this.#options.readIndex);
  }

  proposeConfigurationChange(changes: readonly ConfigurationChange[]): boolean {
    if (changes.length === 0 || this.#stopped || (this.#status?.leader ?? 0) === 0) return false;
    this.#port.post({ kind: "change-configuration", changes });
    return true;
  }

  transferLeadership(to: NodeId): void {
    if (!this.#stopped) this.#port.post({ kind: "transfer-leadership", to });
  }

  receivedSnapshot(message: Uint8Array): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    const id = ++this.#lastId;
    const decision = new Deferred<boolean>();
    this.#snapshots.set(id, decision);
    this.#port.post({ kind: "received-snapshot", id, message });
    return decision.promise;
  }

  setPeers(peers: readonly RaftPeer[], refused: readonly NodeId[] = []): void {
    if (!this.#stopped) this.#port.post({ kind: "set-peers", peers, refused });
  }

  updateCredentials(tls: RaftTls): void {
    if (!this.#stopped) this.#port.post({ kind: "update-credentials", tls });
  }

  status(): RaftStatus {
    if (this.#status === undefined) throw new RaftUnavailable("stopped", "the group has not started");
    return this.#status;
  }

  onStatus(listener: (status: RaftStatus) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    // Also after a fatal error: the thread is still there, though nothing runs on it.
    if (!this.#closing) {
      this.#closing = true;
      this.#port.post({ kind: "close" });
    }
    await this.#closed.promise;
  }

  /** The thread has ended, of itself or by an exception. */
  ended(error: Error | undefined): void {
    this.#started.reject(error ?? new Error("the Raft thread has ended"));
    if (!this.#closing) {
      this.#fatal(new RaftFatal("thread", error?.message ?? "the Raft thread has ended", { cause: error }));
    }
    this.#stop("the Raft thread has ended");
    this.#giveUpSnapshots();
    this.#closed.resolve();
  }

  #receive(message: FromRaft): void {
    switch (message.kind) {
      case "started":
        this.#address = message.address;
        this.#status = message.status;
        this.#started.resolve();
        return;
      case "not-started": {
        const { error } = message;
        this.#closing = true;
        this.#started.reject(
          error.kind === "wal" ? new WalError(error.code, error.message) : new Error(error.message),
        );
        return;
      }
      case "status":
        this.#status = message.status;
        if (message.changed) for (const listener of this.#listeners) listener(message.status);
        return;
      case "event":
        this.#options.onEvent?.(message.event);
        return;
      case "proposals-taken":
        this.#proposals = {
          count: this.#proposals.count - message.count,
          bytes: this.#proposals.bytes - message.bytes,
        };
        return;
      case "read-index":
        this.#takeRead(message.id)?.resolve(message.index);
        return;
      case "read-refused":
        this.#takeRead(message.id)?.reject(new RaftUnavailable(message.reason, message.message));
        return;
      case "snapshot-decided":
        this.#snapshots.get(message.id)?.resolve(message.installed);
        this.#snapshots.delete(message.id);
        return;
      case "configuration-changed":
        this.#options.stateMachine.configurationChanged(message.index, message.confState);
        return;
      case "call":
        this.#call(message.id, message.call);
        return;
      case "fatal":
        this.#fatal(fatalOf(message, this.#stateMachineError));
        return;
      case "closed":
        this.#stop("the group is closed");
        this.#giveUpSnapshots();
        this.#closed.resolve();
    }
  }

  #call(id: number, call: StateMachineCall): void {
    this.#perform(call).then(
      (result) => this.#port.post({ kind: "returned", id, result }),
      (error: unknown) => {
        if (call.kind !== "send-snapshot") this.#stateMachineError = error;
        this.#port.post({
          kind: "threw",
          id,
          message: error instanceof Error ? error.message : String(error),
        });
      },
    );
  }

  async #perform(call: StateMachineCall): Promise<CallResult> {
    const { stateMachine } = this.#options;
    switch (call.kind) {
      case "apply":
        this.#committed();
        await stateMachine.apply(unpackEntries(call.entries));
        return undefined;
      case "restored":
        return stateMachine.restored();
      case "checkpoint":
        return stateMachine.checkpoint();
      case "send-snapshot":
        await stateMachine.sendSnapshot(call.to, call.metadata, call.term);
        return undefined;
      case "install-snapshot":
        await this.#install(call.metadata);
        return undefined;
    }
  }

  #install(metadata: SnapshotMetadata): Promise<void> {
    const call = this.#options.stateMachine.installSnapshot(metadata);
    this.#installing = call.catch(() => undefined);
    return call;
  }

  /** At the end of this turn, or with what comes until those before are committed. */
  #scheduleProposals(): void {
    if (this.#isProposing) this.#hold = setTimeout(() => this.#sendProposals(), MAX_HOLD_MS);
    else
      setImmediate(() => {
        // A full batch may have gone meanwhile; what came after it waits.
        if (this.#hold === undefined) this.#sendProposals();
      });
  }

  #committed(): void {
    this.#isProposing = false;
    if (this.#hold !== undefined) this.#sendProposals();
  }

  #sendProposals(): void {
    clearTimeout(this.#hold);
    this.#hold = undefined;
    if (this.#nextProposals.length === 0) return;
    this.#isProposing = true;
    const payloads = packBytes(this.#nextProposals);
    this.#nextProposals = [];
    if (this.#stopped) return;
    this.#port.post({ kind: "propose", payloads }, [payloads.ends.buffer, payloads.bytes.buffer]);
  }

  #sendReads(): void {
    const groups = this.#nextReads;
    this.#nextReads = new Map();
    for (const [timeoutMs, { answer, count }] of groups) {
      if (this.#stopped) {
        answer.reject(new RaftUnavailable("stopped", "this node has stopped"));
        continue;
      }
      const id = ++this.#lastId;
      this.#reads.set(id, { answer, count });
      this.#port.post({ kind: "read", id, timeoutMs });
    }
  }

  #takeRead(id: number): Deferred<number> | undefined {
    const group = this.#reads.get(id);
    if (group === undefined) return undefined;
    this.#reads.delete(id);
    this.#waitingReads -= group.count;
    return group.answer;
  }

  #fatal(error: RaftFatal): void {
    if (this.#stopped) return;
    this.#stop(error.message);
    this.#options.onFatal(error);
  }

  #stop(why: string, reason: RaftUnavailableReason = "stopped"): void {
    this.#stopped = true;
    // Others look at it without asking.
    storeIndex(this.#options.readIndex, undefined);
    for (const id of [...this.#reads.keys()]) this.#takeRead(id)?.reject(new RaftUnavailable(reason, why));
  }

  /**
   * Nobody decides any more. Not with a fatal error already: the thread, which then still waits for calls that run here, says what became of a
   * snapshot when it is no longer being installed. Where the thread is gone, that call has to end first.
   */
  #giveUpSnapshots(): void {
    const decisions = [...this.#snapshots.values()];
    this.#snapshots.clear();
    void this.#installing.finally(() => {
      for (const decision of decisions) decision.resolve(false);
    });
  }
}

function fatalOf(message: FromRaft & { readonly kind: "fatal" }, stateMachineError: unknown): RaftFatal {
  const { fatalKind, message: text, stack } = message;
  // The error itself never left this thread; of others only the text came over.
  const cause = fatalKind === "state-machine" ? stateMachineError : stack;
  return new RaftFatal(fatalKind, text, { cause });
}
