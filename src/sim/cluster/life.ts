import type { Platform } from "../../platform/index.ts";
import type { SimBoot, SimProcess } from "../../platform/sim/index.ts";
import type { StartedInlineRaft } from "../../raft/index.ts";
import type { Engines } from "../../server/index.ts";

/** One run of the program on a simulated machine, from its start to its end. */
export class Life {
  readonly process: SimProcess;
  readonly platform: Platform;
  /** How many processes ran on this machine before. */
  readonly number: number;
  /** Undefined while it starts. */
  engines: Engines | undefined;
  raft: StartedInlineRaft | undefined;
  stopWork: (() => Promise<void>) | undefined;
  /** SIGTERM was sent. */
  isStopping = false;
  readonly #onDeath = new Set<() => void>();

  constructor({ process, platform }: SimBoot, number: number) {
    this.process = process;
    this.platform = platform;
    this.number = number;
  }

  get isServing(): boolean {
    return this.engines !== undefined && this.process.isAlive && !this.isStopping;
  }

  /** Called when the process dies, whatever the reason. Returns what ends that. */
  onDeath(action: () => void): () => void {
    this.#onDeath.add(action);
    return () => this.#onDeath.delete(action);
  }

  /** To be called once the process is dead. */
  died(): void {
    const actions = [...this.#onDeath];
    this.#onDeath.clear();
    for (const action of actions) action();
  }
}
