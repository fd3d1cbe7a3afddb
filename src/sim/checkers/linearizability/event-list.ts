/** Calls and returns in order, as a list from which an operation can be lifted out and put back in the opposite order, at once. */

import type { Operation } from "./history.ts";

/** One end of the list: no event. */
const NONE = -1;

interface Event {
  readonly at: number;
  readonly isReturn: boolean;
  readonly operation: number;
}

/** Events are numbers: `operation` is its call, `count + operation` its return; an unknown operation has no return. */
export class EventList {
  readonly #count: number;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #hasReturn: readonly boolean[];

  constructor(operations: readonly Operation<unknown, unknown>[]) {
    this.#count = operations.length;
    // The element after the last event is the head.
    this.#next = new Int32Array(2 * this.#count + 1).fill(NONE);
    this.#previous = new Int32Array(2 * this.#count + 1).fill(NONE);
    this.#hasReturn = operations.map(({ outcome }) => outcome.kind === "returned");
    let last = 2 * this.#count;
    for (const { isReturn, operation } of inOrder(operations)) {
      const event = isReturn ? this.#count + operation : operation;
      this.#next[last] = event;
      this.#previous[event] = last;
      last = event;
    }
  }

  first(): number {
    return this.#next[2 * this.#count]!;
  }

  after(event: number): number {
    return this.#next[event]!;
  }

  isReturn(event: number): boolean {
    return event >= this.#count;
  }

  operationOf(event: number): number {
    return event >= this.#count ? event - this.#count : event;
  }

  lift(operation: number): void {
    this.#take(operation);
    if (this.#hasReturn[operation]) this.#take(this.#count + operation);
  }

  /** Operations come back in the reverse of the order in which they were lifted. */
  unlift(operation: number): void {
    if (this.#hasReturn[operation]) this.#put(this.#count + operation);
    this.#put(operation);
  }

  #take(event: number): void {
    const before = this.#previous[event]!;
    const after = this.#next[event]!;
    this.#next[before] = after;
    if (after !== NONE) this.#previous[after] = before;
  }

  #put(event: number): void {
    const after = this.#next[event]!;
    this.#next[this.#previous[event]!] = event;
    if (after !== NONE) this.#previous[after] = event;
  }
}

/** Intervals are closed: at the same number calls come before returns. */
function inOrder(operations: readonly Operation<unknown, unknown>[]): readonly Event[] {
  const events = operations.flatMap(({ call, outcome }, operation): Event[] => [
    { at: call, isReturn: false, operation },
    ...(outcome.kind === "returned" ? [{ at: outcome.at, isReturn: true, operation }] : []),
  ]);
  return events.sort(
    (a, b) => a.at - b.at || Number(a.isReturn) - Number(b.isReturn) || a.operation - b.operation,
  );
}
