import type { Prng } from "../../../base/index.ts";

/** Whoever waits for something outside goes on when it is drawn: one seed, one order of events, whatever the machine does. */
export class Turns {
  readonly #prng: Prng;
  readonly #waiting: (() => void)[] = [];

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets one after the other go on until all of `tasks` have ended. Rejects when they wait for something that nobody does. */
  async run(tasks: readonly Promise<unknown>[]): Promise<void> {
    let isDone = false;
    const all = Promise.all(tasks).finally(() => {
      isDone = true;
    });
    // Looked at below; until then it is nobody's.
    all.catch(() => undefined);
    for (let idle = 0; !isDone; ) {
      await quiet();
      if (this.#waiting.length === 0) {
        if (++idle > 100) throw new Error("everybody waits, for nothing");
        continue;
      }
      idle = 0;
      const [go] = this.#waiting.splice(this.#prng.below(this.#waiting.length), 1);
      go?.();
    }
    await all;
  }
}

/** When every promise that could has gone on. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
