/** How fast a time that is ahead of the wall clock goes on, of the speed of the monotonic clock: so slowly that the wall clock catches up. */
const SLEW_RATE = 0.5;

/** The two clocks of a machine, in milliseconds: the monotonic one never goes back, the other one may jump. */
interface TwoClocks {
  wallMs(): number;
  monotonicMs(): number;
}

/**
 * A time that goes by the wall clock, and never goes back: it has been so late as it was raised to, here or elsewhere. While it is ahead of the wall clock it
 * goes on by the monotonic clock, at half its speed, so that what waits for a time does not wait until the wall clock has caught up, and the lead shrinks. A pure
 * function of what it was told; milliseconds since the epoch.
 */
export class SlewedTime {
  #wallMs = 0;
  #monotonicMs: number | undefined;
  /** It was so late ... */
  #raisedMs = 0;
  /** ... at this monotonic time; undefined: before the clocks were first read, and nothing has passed since. */
  #sinceMs: number | undefined;

  /** What the clocks of this machine say now. */
  observe(wallMs: number, monotonicMs: number): void {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
    this.#sinceMs ??= monotonicMs;
  }

  /** It has been so late, at the latest at the last observation. */
  raise(timeMs: number): void {
    if (timeMs <= this.#raisedMs) return;
    this.#raisedMs = timeMs;
    this.#sinceMs = this.#monotonicMs;
  }

  /** The time at the last observation, whole. */
  nowMs(): number {
    return Math.floor(this.#exactMs());
  }

  /** The same, and it will not be earlier any more, wherever the wall clock goes. */
  takeMs(): number {
    // With its fraction, else times that are taken often would never go on.
    this.raise(this.#exactMs());
    return this.nowMs();
  }

  #exactMs(): number {
    const passedMs = (this.#monotonicMs ?? 0) - (this.#sinceMs ?? this.#monotonicMs ?? 0);
    return Math.max(this.#wallMs, this.#raisedMs + Math.max(0, passedMs) * SLEW_RATE);
  }
}

/**
 * The time of the cluster as a node tells it: what a command that its leader proposes now is stamped with, if their clocks agree, or a little less. Rows have that
 * time; whoever waits for something to be over by it waits by this, and not by a clock, which may be far behind. The state machine decides by its own.
 */
export class ClusterTime {
  readonly #clock: TwoClocks;
  readonly #appliedTimeMs: () => number;
  readonly #time = new SlewedTime();

  /** `appliedTimeMs`: the greatest stamp that was applied here, in milliseconds since the epoch. */
  constructor(clock: TwoClocks, appliedTimeMs: () => number) {
    this.#clock = clock;
    this.#appliedTimeMs = appliedTimeMs;
  }

  /** In whole milliseconds since the epoch. Goes back where the clock does, but never behind what was applied. */
  nowMs(): number {
    this.#time.observe(this.#clock.wallMs(), this.#clock.monotonicMs());
    this.#time.raise(this.#appliedTimeMs());
    return this.#time.nowMs();
  }
}
