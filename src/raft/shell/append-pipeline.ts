import type { Message, SnapshotMetadata } from "../types.ts";
import type { Wal, WalJob } from "../wal/index.ts";

export interface AppendPipelineOptions {
  readonly wal: Wal;
  readonly groupId: number;
  /** Switches the state machine to a snapshot; calls `done` when that is durable. */
  readonly install: (metadata: SnapshotMetadata, done: () => void) => void;
  /** The message's entries, hard state and snapshot are durable. In the order of the messages. */
  readonly onDurable: (message: Message) => void;
}

/**
 * Takes the core's MsgStorageAppend to the WAL, in order. A snapshot is in the state machine before the WAL says that the log begins
 * behind it: after a crash in between the state is ahead of the log, which a start repairs; the other way round would be a hole.
 */
export class AppendPipeline {
  readonly #options: AppendPipelineOptions;
  /** What waits behind a snapshot that is being installed. */
  #behindSnapshot: Message[] | undefined;

  constructor(options: AppendPipelineOptions) {
    this.#options = options;
  }

  append(message: Message): void {
    if (this.#behindSnapshot !== undefined) {
      this.#behindSnapshot.push(message);
      return;
    }
    const { snapshot } = message;
    if (snapshot === undefined) {
      this.#write(message);
      return;
    }
    this.#behindSnapshot = [];
    this.#options.install(snapshot.metadata, () => {
      this.#write(message);
      const waiting = this.#behindSnapshot ?? [];
      this.#behindSnapshot = undefined;
      for (const next of waiting) this.append(next);
    });
  }

  #write(message: Message): void {
    const { wal, groupId, onDurable } = this.#options;
    wal.append(jobOf(message, groupId, () => onDurable(message)));
  }
}

function jobOf(message: Message, groupId: number, onDurable: () => void): WalJob {
  const { term, vote, commit, snapshot, entries, responses } = message;
  const metadata = snapshot?.metadata;
  return {
    groupId,
    // Term 0: the hard state has not changed.
    hardState: term === 0 ? undefined : { term, vote, commit },
    mark: metadata && { term: metadata.term, index: metadata.index, reset: true, bootstrap: false },
    confState: metadata && { index: metadata.index, confState: metadata.confState },
    entries,
    // Nobody waits for a commit index alone: it is found again after a crash.
    urgent: responses.length > 0 || metadata !== undefined || entries.length > 0,
    onDurable,
  };
}
