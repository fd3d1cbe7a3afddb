import { RowVersions } from "./row-versions.ts";
import type { AppliedPosition } from "./view.ts";

/** The memory through which threads that read the same state agree on where it stands. Made by the thread that applies, given to those that read. */
export interface StateMemory {
  readonly versions: SharedArrayBuffer;
  readonly position: SharedArrayBuffer;
}

export function createStateMemory(): StateMemory {
  return {
    versions: RowVersions.memory(),
    position: new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT),
  };
}

/** Where the state stands that readers may see: what was written up to there is in the store, and what was kept of before is known to be old. */
export class SharedState implements AppliedPosition {
  readonly versions: RowVersions;
  /** Index, and time in milliseconds. */
  readonly #position: BigInt64Array;

  constructor(memory: StateMemory = createStateMemory()) {
    this.versions = new RowVersions(memory.versions);
    this.#position = new BigInt64Array(memory.position);
  }

  index(): number {
    return Number(Atomics.load(this.#position, 0));
  }

  timeMs(): number {
    return Number(Atomics.load(this.#position, 1));
  }

  /** The time first: whoever sees the index sees a time that is not before it. */
  publish(index: number, timeMs: bigint): void {
    Atomics.store(this.#position, 1, timeMs);
    Atomics.store(this.#position, 0, BigInt(index));
  }
}
