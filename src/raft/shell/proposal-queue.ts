import type { StepResult } from "../core/index.ts";
import { ENTRY_OVERHEAD_BYTES } from "../core/index.ts";
import type { RaftSettings } from "./options.ts";

export interface ProposalQueueOptions {
  readonly settings: Pick<
    RaftSettings,
    "maxPendingProposals" | "maxPendingProposalBytes" | "maxMessageBytes"
  >;
  /** All or none go into the log, or to the leader. */
  readonly propose: (payloads: readonly Uint8Array[]) => StepResult;
  /** So many were not taken; who waits for them proposes again. */
  readonly onDropped: (count: number) => void;
}

/** Gathers what is proposed in one turn, so that it makes one append and one message to each follower. */
export class ProposalQueue {
  readonly #options: ProposalQueueOptions;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(options: ProposalQueueOptions) {
    this.#options = options;
  }

  /** False: full. */
  add(data: Uint8Array): boolean {
    const { maxPendingProposals, maxPendingProposalBytes } = this.#options.settings;
    const bytes = this.#pendingBytes + data.length + ENTRY_OVERHEAD_BYTES;
    if (this.#pending.length >= maxPendingProposals || bytes > maxPendingProposalBytes) return false;
    this.#pending.push(data);
    this.#pendingBytes = bytes;
    if (this.#pending.length === 1) queueMicrotask(() => this.#flush());
    return true;
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    let batch: Uint8Array[] = [];
    let batchBytes = 0;
    let dropped = 0;
    const propose = () => {
      if (batch.length > 0 && this.#options.propose(batch) !== "accepted") dropped += batch.length;
      batch = [];
      batchBytes = 0;
    };
    for (const data of pending) {
      const sizeBytes = data.length + ENTRY_OVERHEAD_BYTES;
      if (batchBytes + sizeBytes > this.#options.settings.maxMessageBytes) propose();
      batch.push(data);
      batchBytes += sizeBytes;
    }
    propose();
    if (dropped > 0) this.#options.onDropped(dropped);
  }
}
