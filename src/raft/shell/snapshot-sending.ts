import type { StateMachine } from "../ports.ts";
import type { NodeId, SnapshotMetadata } from "../types.ts";
import type { RaftEvent } from "./options.ts";

/** Snapshots that leave at once: each costs a read of the whole state and a share of the link. */
const MAX_CONCURRENT_SNAPSHOTS = 2;

export interface SnapshotSendingOptions {
  readonly stateMachine: Pick<StateMachine, "sendSnapshot">;
  readonly onDone: (to: NodeId, succeeded: boolean) => void;
  readonly onEvent: (event: RaftEvent) => void;
}

/** Sends snapshots to followers, one at a time to each. */
export class SnapshotSending {
  readonly #options: SnapshotSendingOptions;
  readonly #targets = new Set<NodeId>();

  constructor(options: SnapshotSendingOptions) {
    this.#options = options;
  }

  /** `onDone` follows in any case, later; of one that is on its way already, when that is done. */
  send(to: NodeId, metadata: SnapshotMetadata, term: number): void {
    if (this.#targets.has(to)) return;
    if (this.#targets.size >= MAX_CONCURRENT_SNAPSHOTS) {
      queueMicrotask(() => this.#options.onDone(to, false));
      return;
    }
    this.#targets.add(to);
    const { index } = metadata;
    this.#transfer(to, metadata, term).then(
      () => this.#done(to, index, ""),
      (error: unknown) => this.#done(to, index, error instanceof Error ? error.message : String(error)),
    );
  }

  /** Also what it throws at once is a rejection. */
  async #transfer(to: NodeId, metadata: SnapshotMetadata, term: number): Promise<void> {
    await this.#options.stateMachine.sendSnapshot(to, metadata, term);
  }

  #done(to: NodeId, index: number, problem: string): void {
    this.#targets.delete(to);
    const succeeded = problem === "";
    this.#options.onEvent({ kind: "snapshot-sent", to, index, succeeded, message: problem });
    this.#options.onDone(to, succeeded);
  }
}
