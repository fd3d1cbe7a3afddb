import { assert } from "../../base/index.ts";
import { entriesSizeBytes } from "../core/index.ts";
import type { Entry } from "../types.ts";
import type { Wal } from "../wal/index.ts";
import type { ApplyPipeline } from "./apply-pipeline.ts";
import type { LogCache } from "./log-cache.ts";
import type { RaftEvent, RaftSettings } from "./options.ts";

export interface CompactionOptions {
  readonly settings: Pick<
    RaftSettings,
    "checkpointEntries" | "checkpointBytes" | "trailingEntries" | "trailingBytes"
  >;
  readonly groupId: number;
  readonly wal: Pick<Wal, "append" | "removeObsolete">;
  readonly log: Pick<LogCache, "applied" | "firstIndex" | "entries" | "compactionPoint" | "compact">;
  readonly apply: Pick<ApplyPipeline, "checkpoint">;
  readonly onEvent: (event: RaftEvent) => void;
}

/**
 * Keeps the log short: when enough has been applied the state machine makes itself durable, then a mark says in the WAL that the log
 * begins later, and only when the mark is durable are entries and segments let go.
 */
export class Compaction {
  readonly #options: CompactionOptions;
  #entries = 0;
  #bytes = 0;
  #running = false;
  /** Rises when the log began anew: what was begun before does not count. */
  #epoch = 0;

  constructor(options: CompactionOptions) {
    this.#options = options;
    // What earlier lives have applied and not cut counts too: else a node that is started often would never cut its log.
    const { log, settings } = options;
    const from = log.firstIndex();
    const uncut =
      log.applied.index < from ? [] : log.entries(from, log.applied.index + 1, Number.POSITIVE_INFINITY);
    this.#entries = Math.max(0, uncut.length - settings.trailingEntries);
    this.#bytes = Math.max(0, entriesSizeBytes(uncut) - settings.trailingBytes);
  }

  applied(entries: readonly Entry[]): void {
    this.#entries += entries.length;
    this.#bytes += entriesSizeBytes(entries);
    this.#begin();
  }

  #begin(): void {
    const { checkpointEntries, checkpointBytes } = this.#options.settings;
    if (this.#running || (this.#entries < checkpointEntries && this.#bytes < checkpointBytes)) return;
    this.#running = true;
    this.#entries = 0;
    this.#bytes = 0;
    const epoch = this.#epoch;
    this.#options.apply.checkpoint((durableIndex) => {
      if (epoch === this.#epoch) this.#cut(durableIndex);
      else this.#running = false;
    });
  }

  reset(): void {
    this.#epoch++;
    this.#entries = 0;
    this.#bytes = 0;
    this.#running = false;
  }

  #cut(durableIndex: number): void {
    const { log, wal, groupId, settings, onEvent } = this.#options;
    assert(durableIndex <= log.applied.index, "only what was applied is durable in the state machine");
    const trailing = { entries: settings.trailingEntries, bytes: settings.trailingBytes };
    const to = log.compactionPoint(durableIndex, trailing);
    if (to.index < log.firstIndex()) {
      this.#end();
      return;
    }
    const epoch = this.#epoch;
    const { confState, index } = log.applied;
    wal.append({
      groupId,
      mark: { term: to.term, index: to.index, reset: false, bootstrap: false },
      confState: { index, confState },
      onDurable: () => {
        if (epoch !== this.#epoch) return;
        log.compact(to);
        this.#end();
        void wal.removeObsolete().then((removedSegments) => {
          onEvent({ kind: "log-compacted", firstIndex: to.index + 1, removedSegments });
        });
      },
    });
  }

  /** What was applied meanwhile may be enough for the next one, and nothing else may come. */
  #end(): void {
    this.#running = false;
    this.#begin();
  }
}
