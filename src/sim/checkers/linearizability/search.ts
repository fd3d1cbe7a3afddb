/** The search of Wing, Gong and Lowe in one part of a history. */

import { ConfigurationMemory } from "./configuration-memory.ts";
import { EventList } from "./event-list.ts";
import type { Operation } from "./history.ts";
import type { Model, Partition } from "./model.ts";

export interface Counterexample<Input, Output> {
  readonly partition: string;
  /** The longest order that explains all its answers. */
  readonly placed: readonly Operation<Input, Output>[];
  /** In the model's words, after `placed`. */
  readonly state: string;
  /** Its answer cannot be explained by any continuation, and all that comes later was called after it. */
  readonly stuck: Operation<Input, Output>;
  /** What else could have come next, and did not help. */
  readonly concurrent: readonly Operation<Input, Output>[];
}

export type Progress = "ok" | "false" | "searching";

export class Search<State, Input, Output> {
  readonly name: string;
  /** Steps taken so far. */
  steps = 0;
  readonly #model: Model<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #events: EventList;
  readonly #memory: ConfigurationMemory;
  readonly #states: State[];
  readonly #stateIds = new Map<string, number>();
  /** Placed operations, and the state before each. */
  readonly #placed: number[] = [];
  readonly #before: number[] = [];
  #state: number;
  #open: number;
  #event: number;
  #longest:
    | { readonly placed: readonly number[]; readonly state: number; readonly stuck: number }
    | undefined;
  #progress: Progress = "searching";

  constructor(model: Model<State, Input, Output>, { name, operations }: Partition<Input, Output>) {
    this.name = name;
    this.#model = model;
    this.#operations = [...operations].sort((a, b) => a.call - b.call);
    this.#events = new EventList(this.#operations);
    this.#memory = new ConfigurationMemory(this.#operations);
    this.#states = [];
    this.#state = this.#idOf(model.initial);
    this.#open = operations.filter(({ outcome }) => outcome.kind === "returned").length;
    this.#event = this.#events.first();
  }

  /** Goes on for at most `steps` more steps. */
  advance(steps: number): Progress {
    for (let left = steps; left > 0 && this.#progress === "searching"; left--) this.#step();
    return this.#progress;
  }

  /** Only after "false". */
  counterexample(): Counterexample<Input, Output> {
    if (this.#progress !== "false" || this.#longest === undefined) throw new Error("nothing was refuted");
    const { placed, state, stuck } = this.#longest;
    const operation = (index: number) => this.#operations[index]!;
    const stuckOutcome = operation(stuck).outcome;
    const stuckAt = stuckOutcome.kind === "returned" ? stuckOutcome.at : Number.POSITIVE_INFINITY;
    const isPlaced = new Set(placed);
    return {
      partition: this.name,
      placed: placed.map(operation),
      state: this.#model.describeState(this.#states[state]!),
      stuck: operation(stuck),
      concurrent: this.#operations.filter(
        ({ call }, index) => call <= stuckAt && index !== stuck && !isPlaced.has(index),
      ),
    };
  }

  #step(): void {
    this.steps++;
    if (this.#open === 0) {
      // What is left are unknown operations, which need not have happened.
      this.#progress = "ok";
    } else if (this.#events.isReturn(this.#event)) {
      this.#goBack();
    } else if (!this.#place(this.#events.operationOf(this.#event))) {
      this.#event = this.#events.after(this.#event);
    }
  }

  #place(index: number): boolean {
    const { input, outcome } = this.#operations[index]!;
    const isUnknown = outcome.kind === "unknown";
    const after = this.#model.step(this.#states[this.#state]!, input, isUnknown ? undefined : outcome.output);
    if (after === undefined) return false;
    const state = this.#idOf(after);
    // An unknown operation that changes nothing here is as good as none.
    if (isUnknown && state === this.#state) return false;
    this.#memory.place(index);
    if (!this.#memory.isNew(state)) {
      this.#memory.unplace(index);
      return false;
    }
    this.#placed.push(index);
    this.#before.push(this.#state);
    this.#events.lift(index);
    this.#state = state;
    if (!isUnknown) this.#open--;
    this.#event = this.#events.first();
    return true;
  }

  /** An answer is reached that nothing explains: the last placed operation was placed too early. */
  #goBack(): void {
    const stuck = this.#events.operationOf(this.#event);
    if (this.#longest === undefined || this.#placed.length > this.#longest.placed.length) {
      this.#longest = { placed: [...this.#placed], state: this.#state, stuck };
    }
    const index = this.#placed.pop();
    const before = this.#before.pop();
    if (index === undefined || before === undefined) {
      this.#progress = "false";
      return;
    }
    this.#state = before;
    this.#memory.unplace(index);
    this.#events.unlift(index);
    if (this.#operations[index]!.outcome.kind === "returned") this.#open++;
    this.#event = this.#events.after(index);
  }

  #idOf(state: State): number {
    const key = this.#model.keyOf(state);
    const known = this.#stateIds.get(key);
    if (known !== undefined) return known;
    this.#states.push(state);
    this.#stateIds.set(key, this.#states.length - 1);
    return this.#states.length - 1;
  }
}
