import type { Simulation } from "../../platform/sim/index.ts";
import type { SimulatedCluster } from "../cluster/simulated-cluster.ts";
import type { SimulatedNode } from "../cluster/simulated-node.ts";
import type { Coverage } from "../coverage.ts";
import { CheckFailure } from "../failure.ts";
import type { Trace } from "../trace.ts";
import { failureOf, nameOf } from "./answers.ts";
import { asServed } from "./as-served.ts";
import type { Caller, Execution, Operations } from "./operations.ts";
import type { PlannedClient, PlannedOperation } from "./plan.ts";

/** A client that has heard nothing for so long gives up, in milliseconds. */
const PATIENCE_MS = 15_000;
/** How long it waits when no node answers at all. */
const NOBODY_THERE_MS = 100;

export interface ClientWorld {
  readonly simulation: Simulation;
  readonly cluster: SimulatedCluster;
  readonly operations: Operations;
  readonly trace: Trace;
  readonly coverage: Coverage;
  readonly onFailure: (error: unknown) => void;
}

/** Something that is done through a node. */
export interface Task {
  /** Unique in the run. */
  readonly id: number;
  /** For the trace. */
  readonly what: string;
  readonly isRead: boolean;
  readonly begin: (caller: Caller) => Execution;
}

/** One client: its planned operations one after the other, each on some node. */
export class SimulatedClient {
  readonly #world: ClientWorld;
  readonly #plan: PlannedClient;
  #isStopped = false;
  done = 0;
  isFinished = false;

  constructor(world: ClientWorld, plan: PlannedClient) {
    this.#world = world;
    this.#plan = plan;
  }

  start(): void {
    this.#run().then(
      () => {
        this.isFinished = true;
      },
      (error: unknown) => this.#world.onFailure(error),
    );
  }

  /** Begins no further operation. */
  stop(): void {
    this.#isStopped = true;
  }

  async #run(): Promise<void> {
    for (const operation of this.#plan.operations) {
      await this.#wait(operation.waitMs);
      let node = this.#choose(operation);
      while (node === undefined && !this.#isStopped) {
        await this.#wait(NOBODY_THERE_MS);
        node = this.#choose(operation);
      }
      if (this.#isStopped || node === undefined) return;
      await this.perform(operation, node);
    }
  }

  /** Does one operation on a node and writes down what came of it. Resolves with whether it was answered with success. */
  perform(operation: PlannedOperation, node: SimulatedNode): Promise<boolean> {
    const begin = (caller: Caller) => this.#world.operations.begin(operation, caller);
    const what = describe(operation);
    return this.attempt({ id: operation.id, what, isRead: isRead(operation), begin }, node);
  }

  /** The same for something that was not planned. */
  attempt(task: Task, node: SimulatedNode): Promise<boolean> {
    const { simulation } = this.#world;
    const life = node.life;
    const engines = life?.engines;
    if (life === undefined || engines === undefined) return Promise.resolve(false);
    const abort = new AbortController();
    const execution = task.begin({
      client: this.#plan.client,
      objects: asServed(engines.objects),
      search: engines.search.engine,
      signal: abort.signal,
    });
    this.#note(task, `-> ${node.name} ${task.what}`);
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (action: () => void): void => {
        if (isOver) return;
        isOver = true;
        forget();
        timer.cancel();
        this.done++;
        try {
          action();
        } catch (error) {
          reject(error);
        }
      };
      const lost = (why: string) => () => {
        this.#note(task, why);
        execution.lost();
        this.#world.coverage.mark("write outcome unknown");
        resolve(false);
      };
      const forget = life.onDeath(() => end(lost("its node died")));
      const timer = simulation.schedule(PATIENCE_MS, () => {
        end(lost("no answer"));
        if (life.process.isAlive) abort.abort(new Error("the client went away"));
      });
      execution.answer.then(
        (said) =>
          end(() => {
            this.#note(task, said);
            resolve(true);
          }),
        (error: unknown) =>
          end(() => {
            this.#failed(task, execution, error);
            resolve(false);
          }),
      );
    });
  }

  #failed(task: Task, execution: Execution, error: unknown): void {
    const { coverage } = this.#world;
    const failure = failureOf(error);
    this.#note(task, nameOf(error));
    if (failure === "unexpected") {
      if (error instanceof CheckFailure) throw error;
      throw new CheckFailure("answers", `${task.what} failed with ${nameOf(error)}`, {
        cause: error,
      });
    }
    execution.failed(failure);
    if (failure === "unknown") coverage.mark("write outcome unknown");
    if (failure === "refused") coverage.mark("conditional write refused");
    if (nameOf(error) === "storage-full") coverage.mark("storage full");
    if (nameOf(error) === "unavailable") {
      coverage.mark(task.isRead ? "read while unavailable" : "write refused as unavailable");
    }
  }

  #choose({ node }: PlannedOperation): SimulatedNode | undefined {
    const { serving } = this.#world.cluster;
    return serving[Math.floor(node * serving.length)];
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.simulation.schedule(ms, resolve));
  }

  #note({ id }: Task, text: string): void {
    const { simulation, trace } = this.#world;
    trace.add(simulation.nowMs, `client ${this.#plan.client} operation ${id} ${text}`);
  }
}

function isRead({ kind }: PlannedOperation): boolean {
  return kind === "get" || kind === "head" || kind === "range" || kind === "list";
}

function describe(operation: PlannedOperation): string {
  const { id: _id, waitMs: _waitMs, node: _node, ...what } = operation;
  return JSON.stringify(what);
}
