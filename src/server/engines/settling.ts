import type { Logger } from "../../observe/index.ts";
import type { Timers } from "../../platform/index.ts";

/** Between attempts: at first, and when the same fault goes on, in milliseconds. */
const RETRY_MS = 200;
const LONGEST_RETRY_MS = 1_000;

export interface SettlingOptions {
  readonly timers: Timers;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** What a started node owes the cluster: it is tried until it is done or the node stops. */
export class Settling {
  readonly #options: SettlingOptions;
  #isDone = false;
  #lastFault: string | undefined;

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  /** Why it is not done yet; undefined: it is. */
  get notDoneReason(): string | undefined {
    if (this.#isDone) return undefined;
    return this.#lastFault === undefined ? "starting" : `starting: ${this.#lastFault}`;
  }

  /** `attempt` may be made again after it has failed anywhere. Resolves when it is done or the signal aborted; rejects with the signal's reason when that is while it waits. */
  async run(attempt: () => Promise<void>): Promise<void> {
    const { timers, signal } = this.#options;
    for (let delayMs = RETRY_MS; !signal.aborted; ) {
      try {
        await attempt();
        this.#isDone = true;
        return;
      } catch (error) {
        delayMs = this.#failed(error) ? RETRY_MS : Math.min(2 * delayMs, LONGEST_RETRY_MS);
        await timers.sleep(delayMs, signal);
      }
    }
  }

  /** Whether it is another fault than the one before; only then it is logged. */
  #failed(error: unknown): boolean {
    const message = error instanceof Error ? error.message : String(error);
    const isNew = message !== this.#lastFault;
    this.#lastFault = message;
    if (isNew) this.#options.logger.info("waiting for the cluster", { error });
    return isNew;
  }
}
