import { entriesSizeBytes, isConfChange } from "../core/index.ts";
import type { StateMachine } from "../ports.ts";
import type { ConfState, Entry, SnapshotMetadata } from "../types.ts";

/** Applies that wait are joined up to this size: each call costs a write of the store, and a way to another thread and back. */
const MAX_JOINED_BYTES = 1024 * 1024;

export interface ApplyPipelineOptions {
  readonly stateMachine: StateMachine;
  /** Puts a committed change in force; returns the configuration that it makes. */
  readonly applyConfChange: (entry: Entry) => ConfState;
  /** The state machine threw, or something after it did. Nothing is called any more. */
  readonly onFatal: (error: unknown) => void;
}

/** `done` gets the configuration after the entries if one of them changed it. */
interface ApplyRequest {
  readonly kind: "apply";
  readonly entries: readonly Entry[];
  readonly done: (confState: ConfState | undefined) => void;
}

interface OtherRequest {
  readonly kind: "other";
  readonly run: () => Promise<void>;
}

/** Calls the state machine, one call at a time, in the order of the requests. */
export class ApplyPipeline {
  readonly #options: ApplyPipelineOptions;
  #requests: (ApplyRequest | OtherRequest)[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;
  #installed: SnapshotMetadata | undefined;

  constructor(options: ApplyPipelineOptions) {
    this.#options = options;
  }

  apply(entries: readonly Entry[], done: ApplyRequest["done"]): void {
    this.#enqueue({ kind: "apply", entries, done });
  }

  checkpoint(done: (durableIndex: number) => void): void {
    const run = async () => {
      const index = await this.#options.stateMachine.checkpoint();
      if (!this.#stopped) done(index);
    };
    this.#enqueue({ kind: "other", run });
  }

  /** `done` gets the greatest stamp in the snapshot. */
  install(metadata: SnapshotMetadata, done: (timeMs: number) => void): void {
    const run = async () => {
      await this.#options.stateMachine.installSnapshot(metadata);
      this.#installed = metadata;
      if (this.#stopped) return;
      const { timeMs } = await this.#options.stateMachine.restored();
      if (!this.#stopped) done(timeMs);
    };
    this.#enqueue({ kind: "other", run });
  }

  /** The snapshot that the state machine switched to last, whether that was still waited for or not. */
  get installed(): SnapshotMetadata | undefined {
    return this.#installed;
  }

  /** Begins nothing more; resolves when the call that is running has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#requests = [];
    await this.#running;
  }

  #enqueue(request: ApplyRequest | OtherRequest): void {
    if (this.#stopped) return;
    this.#requests.push(request);
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #runAll(): Promise<void> {
    try {
      while (!this.#stopped) {
        const request = this.#requests[0];
        if (request === undefined) return;
        if (request.kind === "apply") {
          await this.#applyAll(this.#takeApplies());
        } else {
          this.#requests.shift();
          await request.run();
        }
      }
    } catch (error) {
      if (this.#stopped) return;
      this.#stopped = true;
      this.#options.onFatal(error);
    }
  }

  #takeApplies(): ApplyRequest[] {
    const taken: ApplyRequest[] = [];
    let bytes = 0;
    for (const request of this.#requests) {
      if (request.kind !== "apply") break;
      bytes += entriesSizeBytes(request.entries);
      if (taken.length > 0 && bytes > MAX_JOINED_BYTES) break;
      taken.push(request);
    }
    this.#requests.splice(0, taken.length);
    return taken;
  }

  /**
   * A change is put in force when everything before it has been applied, and before it and what follows are: the state machine writes it
   * in the same batch as the entry's index.
   */
  async #applyAll(requests: readonly ApplyRequest[]): Promise<void> {
    const { stateMachine, applyConfChange } = this.#options;
    const changes = new Map<Entry, ConfState>();
    let run: Entry[] = [];
    for (const entry of requests.flatMap(({ entries }) => entries)) {
      if (isConfChange(entry)) {
        if (run.length > 0) await stateMachine.apply(run);
        if (this.#stopped) return;
        run = [];
        const confState = applyConfChange(entry);
        changes.set(entry, confState);
        stateMachine.configurationChanged(entry.index, confState);
      }
      run.push(entry);
    }
    if (run.length > 0) await stateMachine.apply(run);
    for (const { entries, done } of requests) {
      if (this.#stopped) return;
      const change = entries.findLast(isConfChange);
      done(change === undefined ? undefined : changes.get(change));
    }
  }
}
