import { assert, type Prng } from "../../base/index.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

/** How the way from one machine to another behaves. */
export interface LinkProfile {
  /** One way, in milliseconds; drawn evenly between the two. */
  readonly leastDelayMs: number;
  readonly greatestDelayMs: number;
  /** How often something takes much longer, and how long at most, in milliseconds. */
  readonly slowProbability: number;
  readonly slowDelayMs: number;
  /** How often something that is sent breaks its connection: streams are reliable, so a loss that is not made good ends them. */
  readonly resetProbability: number;
  /** Infinity for a link that is never full. */
  readonly bytesPerMs: number;
}

export const DEFAULT_LINK_PROFILE: LinkProfile = {
  leastDelayMs: 0.1,
  greatestDelayMs: 0.5,
  slowProbability: 0.002,
  slowDelayMs: 20,
  resetProbability: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
};

/** The way from one machine to another, in one direction. What cannot pass waits: TCP sends it again. */
export class SimLink {
  profile: LinkProfile;
  readonly #simulation: Simulation;
  readonly #prng: Prng;
  readonly #waiting = new Set<() => void>();
  #isCut = false;
  #cloggedUntilMs = 0;
  #busyUntilMs = 0;

  constructor(simulation: Simulation, prng: Prng, profile: LinkProfile) {
    this.#simulation = simulation;
    this.#prng = prng;
    this.profile = profile;
  }

  get isOpen(): boolean {
    return !this.#isCut && this.#simulation.nowMs >= this.#cloggedUntilMs;
  }

  cut(): void {
    this.#isCut = true;
  }

  heal(): void {
    this.#isCut = false;
    this.#cloggedUntilMs = 0;
    this.#wake();
  }

  /** Nothing passes for this long; then all that waited does. */
  clog(durationMs: number): void {
    this.#cloggedUntilMs = Math.max(this.#cloggedUntilMs, this.#simulation.nowMs + durationMs);
    this.#simulation.schedule(durationMs, () => this.#wake());
  }

  /** When something of this size that is sent now arrives, if nothing holds it up. */
  arrivalMs(sizeBytes: number): number {
    const startMs = Math.max(this.#simulation.nowMs, this.#busyUntilMs);
    this.#busyUntilMs = startMs + sizeBytes / this.profile.bytesPerMs;
    return this.#busyUntilMs + this.#delayMs();
  }

  drawsReset(): boolean {
    return this.profile.resetProbability > 0 && this.#prng.chance(this.profile.resetProbability);
  }

  /** Calls `action` when the link is open again. */
  whenOpen(action: () => void): void {
    this.#waiting.add(action);
  }

  #delayMs(): number {
    const { leastDelayMs, greatestDelayMs, slowProbability, slowDelayMs } = this.profile;
    const usualMs = leastDelayMs + this.#prng.unit() * (greatestDelayMs - leastDelayMs);
    return this.#prng.chance(slowProbability) ? usualMs + this.#prng.unit() * slowDelayMs : usualMs;
  }

  #wake(): void {
    if (!this.isOpen) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const action of waiting) action();
  }
}

interface Sent<T> {
  readonly item: T;
  readonly arrivalMs: number;
}

export interface PipeOptions<T> {
  readonly simulation: Simulation;
  readonly link: SimLink;
  /** Who receives. */
  readonly process: SimProcess;
  readonly deliver: (item: T) => void;
  /** The connection broke on the way. */
  readonly onReset: () => void;
}

/** One direction of a connection: everything arrives in the order in which it was sent, or the connection breaks. */
export class SimPipe<T> {
  readonly #options: PipeOptions<T>;
  readonly #sent: Sent<T>[] = [];
  #lastArrivalMs = 0;
  /** Whether something has been arranged that will deliver the first item. */
  #isMoving = false;
  #isClosed = false;

  constructor(options: PipeOptions<T>) {
    this.#options = options;
  }

  push(item: T, sizeBytes: number): void {
    if (this.#isClosed) return;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#options.link.arrivalMs(sizeBytes));
    this.#sent.push({ item, arrivalMs: this.#lastArrivalMs });
    this.#move();
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.#isClosed = true;
    this.#sent.length = 0;
  }

  /**
   * One event at a time, always for the first item: what a paused process is given at its resumption then comes before what arrives at the
   * same moment.
   */
  #move(): void {
    const first = this.#sent[0];
    if (first === undefined || this.#isMoving) return;
    const { simulation, process } = this.#options;
    this.#isMoving = true;
    process.schedule(Math.max(0, first.arrivalMs - simulation.nowMs), () => this.#arrive());
  }

  #arrive(): void {
    assert(this.#isMoving, "what arrives was on its way");
    if (this.#isClosed) return;
    const { link, process, deliver, onReset } = this.#options;
    if (!link.isOpen) {
      link.whenOpen(() => process.schedule(0, () => this.#arrive()));
      return;
    }
    this.#isMoving = false;
    const first = this.#sent.shift();
    if (first === undefined) return;
    if (link.drawsReset()) {
      onReset();
      return;
    }
    deliver(first.item);
    this.#move();
  }
}
