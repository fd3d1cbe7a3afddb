import { Deferred, packBytes, type ThreadPort, unpackBytes } from "../../base/index.ts";
import {
  type Command,
  type CommandResult,
  CommandResultSchema,
  CommandSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { DiskError, Hasher, StoreOpener, Timers } from "../../platform/index.ts";
import { MetaError } from "../errors.ts";
import { DEFAULT_BARRIER_TIMEOUT_MS, DEFAULT_SUBMIT_TIMEOUT_MS } from "../limits.ts";
import { decodeMessage } from "../message-decoder.ts";
import { MessageEncoder } from "../message-encoder.ts";
import type { CommandBody, MetadataClient, MetadataView, ProposalLog } from "../ports.ts";
import { ReadCache } from "../read-cache.ts";
import { SharedState } from "../shared-state.ts";
import { StateView } from "../view.ts";
import { FollowingStore } from "./following-store.ts";
import type { FromMetadata, ReaderStart, ToMetadata } from "./protocol.ts";

export interface RemoteMetadataOptions {
  readonly port: ThreadPort<ToMetadata, FromMetadata>;
  readonly start: ReaderStart;
  readonly stores: StoreOpener;
  readonly hasher: Pick<Hasher, "digest">;
  readonly timers: Timers;
  /** See ProposalLog. */
  readonly readIndexNow: ProposalLog["readIndexNow"];
}

/** Commands of this turn with one deadline. */
interface Batch {
  readonly ids: number[];
  readonly commands: Uint8Array[];
}

/** Those who asked in one turn share one question. */
interface BarrierRound {
  readonly passed: Deferred<void>;
  timeoutMs: number;
}

/** So many commands are sent at once, so that the other thread has something to do while this one makes more. */
const FULL_BATCH = 16;
const PASSED = Promise.resolve();

/**
 * The replicated metadata on a thread that does not apply the log: it reads the same store, looks at the same memory to know where the state stands, and
 * sends its commands to the thread that applies.
 */
export class RemoteMetadata implements MetadataClient {
  readonly view: MetadataView;
  readonly #options: RemoteMetadataOptions;
  readonly #shared: SharedState;
  readonly #store: FollowingStore;
  readonly #encoder = new MessageEncoder();
  readonly #commands = new Map<number, Deferred<CommandResult>>();
  readonly #barriers = new Map<number, Deferred<void>>();
  #lastId = 0;
  /** By timeout. */
  #next = new Map<number, Batch>();
  #nextRound: BarrierRound | undefined;
  #isClosed = false;

  private constructor(options: RemoteMetadataOptions, store: FollowingStore) {
    this.#options = options;
    this.#store = store;
    this.#shared = new SharedState(options.start.memory);
    const { versions } = this.#shared;
    const cache = new ReadCache((bytes) => options.hasher.digest("crc32c", bytes), versions);
    const onUnreadable = ({ code, path, message }: DiskError): void =>
      options.port.post({ kind: "unreadable", code, path, message });
    this.view = new StateView(store, this.#shared, { onUnreadable, cache, versions });
    options.port.onMessage((message) => this.#receive(message));
  }

  /** Rejects with DiskError when the store cannot be opened. */
  static async open(options: RemoteMetadataOptions): Promise<RemoteMetadata> {
    const { port, start, stores } = options;
    const open = (directory: string) => stores.open(directory, { isShared: true, isOpenElsewhere: true });
    const store = new FollowingStore({
      generation: start.generation,
      store: await open(start.directory),
      open,
      onReleased: () => port.post({ kind: "released" }),
    });
    return new RemoteMetadata(options, store);
  }

  submit(body: CommandBody, options?: { readonly timeoutMs?: number }): Promise<CommandResult> {
    if (this.#isClosed) return Promise.reject(stopping("unavailable"));
    const command: Command = { ...BLANK_COMMAND, body };
    const timeoutMs = options?.timeoutMs ?? DEFAULT_SUBMIT_TIMEOUT_MS;
    const id = ++this.#lastId;
    const outcome = new Deferred<CommandResult>();
    this.#commands.set(id, outcome);
    if (this.#next.size === 0) this.#options.timers.endOfTurn(() => this.#sendCommands());
    let batch = this.#next.get(timeoutMs);
    if (batch === undefined) {
      batch = { ids: [], commands: [] };
      this.#next.set(timeoutMs, batch);
    }
    batch.ids.push(id);
    batch.commands.push(this.#encoder.encode(CommandSchema, command));
    if (batch.ids.length >= FULL_BATCH) this.#sendCommands();
    return outcome.promise;
  }

  barrier(options?: { readonly timeoutMs?: number }): Promise<void> {
    if (this.isCurrent()) return PASSED;
    if (this.#isClosed) return Promise.reject(stopping("unavailable"));
    const timeoutMs = options?.timeoutMs ?? DEFAULT_BARRIER_TIMEOUT_MS;
    if (this.#nextRound === undefined) {
      this.#nextRound = { passed: new Deferred(), timeoutMs };
      this.#options.timers.endOfTurn(() => this.#sendBarrier());
    }
    const round = this.#nextRound;
    round.timeoutMs = Math.max(round.timeoutMs, timeoutMs);
    return round.passed.promise;
  }

  isCurrent(): boolean {
    const index = this.#options.readIndexNow();
    return index !== undefined && this.#shared.index() >= index;
  }

  /** Everything in flight ends with an error. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const outcome of this.#commands.values()) outcome.reject(stopping("outcome-unknown"));
    for (const passed of this.#barriers.values()) passed.reject(stopping("unavailable"));
    this.#nextRound?.passed.reject(stopping("unavailable"));
    this.#commands.clear();
    this.#barriers.clear();
    await this.#store.close();
  }

  #sendCommands(): void {
    const batches = this.#next;
    this.#next = new Map();
    if (this.#isClosed) return;
    for (const [timeoutMs, { ids, commands }] of batches) {
      const packed = packBytes(commands);
      const handOver = [packed.ends.buffer, packed.bytes.buffer];
      this.#options.port.post({ kind: "submit", ids, commands: packed, timeoutMs }, handOver);
    }
  }

  #sendBarrier(): void {
    const round = this.#nextRound;
    this.#nextRound = undefined;
    if (round === undefined || this.#isClosed) return;
    const id = ++this.#lastId;
    this.#barriers.set(id, round.passed);
    this.#options.port.post({ kind: "barrier", id, timeoutMs: round.timeoutMs });
  }

  #receive(message: FromMetadata): void {
    switch (message.kind) {
      case "results": {
        const results = unpackBytes(message.results);
        for (const [i, id] of message.ids.entries()) {
          const outcome = this.#commands.get(id);
          this.#commands.delete(id);
          outcome?.resolve(decodeMessage(CommandResultSchema, results[i] as Uint8Array));
        }
        return;
      }
      case "passed":
        this.#barriers.get(message.id)?.resolve();
        this.#barriers.delete(message.id);
        return;
      case "refused":
        this.#reject(message.id, new MetaError(message.code, message.message));
        return;
      case "threw":
        this.#reject(message.id, new Error(message.message));
        return;
      case "prepare":
        this.#store.prepare(message.directory).then(
          () => this.#options.port.post({ kind: "prepared" }),
          (error: unknown) => this.#options.port.post({ kind: "prepared", error: String(error) }),
        );
        return;
      case "switched":
        this.#store.follow();
    }
  }

  #reject(id: number, error: Error): void {
    this.#commands.get(id)?.reject(error);
    this.#barriers.get(id)?.reject(error);
    this.#commands.delete(id);
    this.#barriers.delete(id);
  }
}

/** To be spread. */
const BLANK_COMMAND: Command = {
  $typeName: "skerry.meta.v1.Command",
  version: 0,
  sessionId: 0n,
  sequence: 0n,
  acknowledgedBelow: 0n,
  proposerNodeId: 0n,
  proposalId: 0n,
  body: { case: undefined },
};

function stopping(code: "unavailable" | "outcome-unknown"): MetaError {
  return new MetaError(code, "the node is stopping");
}
