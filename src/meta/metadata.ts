import type { CommandResult } from "../gen/skerry/meta/v1/commands_pb.js";
import type { Clock, Random, Timers } from "../platform/index.ts";
import { Barriers } from "./barrier.ts";
import { DEFAULT_BARRIER_TIMEOUT_MS, DEFAULT_SUBMIT_TIMEOUT_MS } from "./limits.ts";
import type { MetaStateMachine } from "./machine.ts";
import type { AppliedChange, CommandBody, Metadata, MetadataView, ProposalLog } from "./ports.ts";
import { type EncodedBody, Proposer } from "./proposer.ts";

export interface ReplicatedMetadataOptions {
  readonly nodeId: number;
  readonly machine: MetaStateMachine;
  readonly log: ProposalLog;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** The replicated metadata as the rest of a node uses it: commands go through the log, reads are local behind a barrier. */
export class ReplicatedMetadata implements Metadata {
  readonly view: MetadataView;
  readonly #options: ReplicatedMetadataOptions;
  readonly #proposer: Proposer;
  readonly #barriers: Barriers;
  readonly #detach: readonly (() => void)[];

  constructor(options: ReplicatedMetadataOptions) {
    const { machine } = options;
    this.#options = options;
    this.view = machine.view;
    this.#proposer = new Proposer(options);
    this.#barriers = new Barriers(options);
    this.#detach = [
      machine.onApplied((commands) => this.#proposer.applied(commands)),
      machine.onInstalled(() => this.#proposer.snapshotInstalled()),
    ];
  }

  submit(
    body: CommandBody | EncodedBody,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<CommandResult> {
    const timeoutMs = options?.timeoutMs ?? DEFAULT_SUBMIT_TIMEOUT_MS;
    return this.#proposer.submit(body, this.#options.clock.monotonicMs() + timeoutMs, options?.signal);
  }

  barrier(options?: { readonly timeoutMs?: number }): Promise<void> {
    return this.#barriers.pass(options?.timeoutMs ?? DEFAULT_BARRIER_TIMEOUT_MS);
  }

  isCurrent(): boolean {
    return this.#barriers.isPassed();
  }

  onChange(listener: (change: AppliedChange) => void): () => void {
    return this.#options.machine.onChange(listener);
  }

  /** Everything in flight ends with an error. */
  close(): void {
    for (const detach of this.#detach) detach();
    this.#proposer.close();
    this.#barriers.close();
  }
}
