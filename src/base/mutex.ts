import { type Permit, WeightedSemaphore } from "./semaphore.ts";

/** Lets one at a time in, in the order of arrival. */
export class Mutex {
  readonly #semaphore = new WeightedSemaphore(1);

  get isLocked(): boolean {
    return this.#semaphore.held > 0;
  }

  /** Rejects with the signal's reason when aborted first. */
  lock(signal?: AbortSignal): Promise<Permit> {
    return this.#semaphore.acquire(1, signal);
  }

  /** Runs `action` alone and resolves, or rejects, as it does. */
  async run<T>(action: () => Promise<T> | T, signal?: AbortSignal): Promise<T> {
    const permit = await this.lock(signal);
    try {
      return await action();
    } finally {
      permit.release();
    }
  }
}
