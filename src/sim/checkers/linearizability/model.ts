import type { Operation } from "./history.ts";

/** What one server that does one operation at a time would do. All functions are pure, and states are never changed. */
export interface Model<State, Input, Output> {
  readonly name: string;
  readonly initial: State;
  /**
   * The state after the operation, or undefined when the operation cannot have had this output in this state. Without an output (the outcome is
   * unknown) the state after it if it takes effect here.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal for equal states, and for no others. */
  keyOf(state: State): string;
  /** Parts of the history of which none can tell what happens in another (locality: Herlihy and Wing, theorem 1). */
  partition(operations: readonly Operation<Input, Output>[]): readonly Partition<Input, Output>[];
  describeInput(input: Input): string;
  describeOutput(output: Output): string;
  describeState(state: State): string;
}

export interface Partition<Input, Output> {
  readonly name: string;
  readonly operations: readonly Operation<Input, Output>[];
}

/** Parts by a key that each operation names. */
export function partitionByKey<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  keyOf: (input: Input) => string,
): readonly Partition<Input, Output>[] {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const key = keyOf(operation.input);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [operation]);
    else part.push(operation);
  }
  return [...parts].map(([name, part]) => ({ name, operations: part }));
}
