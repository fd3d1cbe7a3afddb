import type { Verdict } from "./check.ts";
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";

/** How much of the placed operations is printed: what comes before rarely matters. */
const MAX_PLACED_LINES = 20;
const MAX_CONCURRENT_LINES = 20;

/** The verdict in lines for people: for a refutation the end of the longest order that explains its answers, and what cannot follow. */
export function describeVerdict<State, Input, Output>(
  model: Model<State, Input, Output>,
  verdict: Verdict<Input, Output>,
): string {
  const cost = `${verdict.partitions} parts, ${verdict.steps} steps`;
  switch (verdict.kind) {
    case "ok":
      return `linearizable as ${model.name} (${cost})`;
    case "unknown":
      return `UNKNOWN whether linearizable as ${model.name} (${cost}); undecided: ${verdict.undecided.join(", ")}`;
    case "false": {
      const { partition, placed, state, stuck, concurrent } = verdict.counterexample;
      const line = (operation: Operation<Input, Output>) => `  ${describeOperation(model, operation)}`;
      const hidden = placed.length - MAX_PLACED_LINES;
      return [
        `NOT linearizable as ${model.name} (${cost}), part ${partition}`,
        `the longest order that explains its answers has ${placed.length} operations:`,
        ...(hidden > 0 ? [`  ... ${hidden} before`] : []),
        ...placed.slice(-MAX_PLACED_LINES).map(line),
        `then the state is: ${state}`,
        "and this cannot be placed:",
        line(stuck),
        ...(concurrent.length > 0 ? ["nor does any of these help before it:"] : []),
        ...concurrent.slice(0, MAX_CONCURRENT_LINES).map(line),
        ...(concurrent.length > MAX_CONCURRENT_LINES
          ? [`  ... ${concurrent.length - MAX_CONCURRENT_LINES} more`]
          : []),
      ].join("\n");
    }
  }
}

function describeOperation<State, Input, Output>(
  model: Model<State, Input, Output>,
  { process, input, call, outcome }: Operation<Input, Output>,
): string {
  const interval = `[${call}, ${outcome.kind === "returned" ? outcome.at : "?"}]`;
  const answer = outcome.kind === "returned" ? model.describeOutput(outcome.output) : "no answer";
  return `${interval} client ${process}: ${model.describeInput(input)} -> ${answer}`;
}
