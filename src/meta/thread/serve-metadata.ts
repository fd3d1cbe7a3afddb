import { assert, Deferred, packBytes, type ThreadPort, unpackBytes } from "../../base/index.ts";
import { type CommandResult, CommandResultSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { DiskError, type Timers } from "../../platform/index.ts";
import { MetaError } from "../errors.ts";
import { MessageEncoder } from "../message-encoder.ts";
import type { ReplicatedMetadata } from "../metadata.ts";
import type { StateMemory } from "../shared-state.ts";
import type { StateStoreDirectory, StoreFollower } from "../snapshot/directory.ts";
import type { FromMetadata, ReaderStart, ToMetadata } from "./protocol.ts";

/** A thread has so long to get ready for another store, in seconds: nothing is applied meanwhile. */
export const PREPARE_SECONDS = 10;

export interface MetadataServerOptions {
  readonly port: ThreadPort<FromMetadata, ToMetadata>;
  readonly metadata: Pick<ReplicatedMetadata, "submit" | "barrier">;
  readonly directory: Pick<StateStoreDirectory, "follow" | "unfollow" | "liveGeneration">;
  readonly memory: StateMemory;
  readonly timers: Timers;
  readonly onUnreadable: (error: DiskError) => void;
  /** The other thread did not get ready in time: the node cannot wait for it, nor leave it behind with a state that is gone. */
  readonly onSilent: (error: Error) => void;
}

/** The applying thread's side of a RemoteMetadata. */
export class MetadataServer implements StoreFollower {
  readonly #options: MetadataServerOptions;
  readonly #encoder = new MessageEncoder();
  #ids: number[] = [];
  #results: Uint8Array[] = [];
  #prepared: Deferred<void> | undefined;
  readonly #released: Deferred<void>[] = [];
  #isClosed = false;

  constructor(options: MetadataServerOptions) {
    this.#options = options;
    options.port.onMessage((message) => this.#receive(message));
  }

  /** `begin` starts the other thread, and resolves when it has opened the store. */
  start(begin: (start: ReaderStart) => Promise<void>): Promise<void> {
    const { directory, memory } = this.#options;
    const generation = directory.liveGeneration;
    return directory.follow(this, (path) => begin({ memory, generation, directory: path }));
  }

  async prepare(directory: string): Promise<void> {
    assert(this.#prepared === undefined, "one store is got ready at a time");
    const prepared = new Deferred<void>();
    this.#prepared = prepared;
    this.#post({ kind: "prepare", directory });
    const over = new AbortController();
    void this.#expectPrepared(prepared, over.signal);
    try {
      await prepared.promise;
    } finally {
      over.abort();
    }
  }

  switch(): Promise<void> {
    const released = new Deferred<void>();
    this.#released.push(released);
    this.#post({ kind: "switched" });
    return released.promise;
  }

  /** The other thread has ended, or is about to. */
  close(): void {
    this.#isClosed = true;
    this.#options.directory.unfollow(this);
    this.#prepared?.resolve();
    for (const released of this.#released) released.resolve();
  }

  async #expectPrepared(prepared: Deferred<void>, over: AbortSignal): Promise<void> {
    // Second by second: a time in which this thread, or the whole machine, stood still counts as one.
    for (let second = 0; second < PREPARE_SECONDS && !over.aborted; second++)
      await this.#options.timers.sleep(1000, over).catch(() => undefined);
    if (over.aborted) return;
    const error = new Error(`a thread did not open the received state within ${PREPARE_SECONDS} s`);
    this.#prepared = undefined;
    prepared.reject(error);
    this.#options.onSilent(error);
  }

  #receive(message: ToMetadata): void {
    switch (message.kind) {
      case "submit": {
        const commands = unpackBytes(message.commands);
        for (const [i, id] of message.ids.entries())
          this.#submit(id, commands[i] as Uint8Array, message.timeoutMs);
        return;
      }
      case "barrier": {
        const { id, timeoutMs } = message;
        this.#options.metadata.barrier({ timeoutMs }).then(
          () => this.#post({ kind: "passed", id }),
          (error: unknown) => this.#refuse(id, error),
        );
        return;
      }
      case "prepared": {
        const { error } = message;
        const prepared = this.#prepared;
        this.#prepared = undefined;
        if (error === undefined) prepared?.resolve();
        else prepared?.reject(new Error(`a thread cannot read the received state: ${error}`));
        return;
      }
      case "released":
        this.#released.shift()?.resolve();
        return;
      case "unreadable":
        this.#options.onUnreadable(new DiskError(message.code, message.path, message.message));
    }
  }

  #submit(id: number, command: Uint8Array, timeoutMs: number): void {
    this.#options.metadata.submit(command, { timeoutMs }).then(
      (result) => this.#answer(id, result),
      (error: unknown) => this.#refuse(id, error),
    );
  }

  /** What one batch of the log came to goes over as one message. */
  #answer(id: number, result: CommandResult): void {
    if (this.#ids.length === 0) this.#options.timers.endOfTurn(() => this.#sendResults());
    this.#ids.push(id);
    this.#results.push(this.#encoder.encode(CommandResultSchema, result));
  }

  #sendResults(): void {
    const results = packBytes(this.#results);
    const ids = this.#ids;
    this.#ids = [];
    this.#results = [];
    this.#post({ kind: "results", ids, results }, [results.ends.buffer, results.bytes.buffer]);
  }

  #refuse(id: number, error: unknown): void {
    if (error instanceof MetaError) {
      this.#post({ kind: "refused", id, code: error.code, message: error.message });
      return;
    }
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#post({ kind: "threw", id, message });
  }

  #post(message: FromMetadata, handOver?: readonly ArrayBuffer[]): void {
    if (!this.#isClosed) this.#options.port.post(message, handOver);
  }
}
