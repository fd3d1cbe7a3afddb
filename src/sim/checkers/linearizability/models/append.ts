/** Keys whose values grow: each append adds a text at the end, each put begins anew, each get returns all of it. */

import { type Model, partitionByKey } from "../model.ts";

export type AppendInput =
  | { readonly kind: "append" | "put"; readonly key: string; readonly text: string }
  | { readonly kind: "get"; readonly key: string };

export type AppendOutput = { readonly kind: "written" } | { readonly kind: "got"; readonly value: string };

/** The state is the value of one key. */
export const appendModel: Model<string, AppendInput, AppendOutput> = {
  name: "values that grow",
  initial: "",
  step(state, input, output) {
    if (input.kind !== "get") {
      if (output !== undefined && output.kind !== "written") return undefined;
      return input.kind === "append" ? state + input.text : input.text;
    }
    return output === undefined || (output.kind === "got" && output.value === state) ? state : undefined;
  },
  keyOf: (state) => state,
  partition: (operations) => partitionByKey(operations, ({ key }) => key),
  describeInput: (input) => JSON.stringify(input),
  describeOutput: (output) => JSON.stringify(output),
  describeState: (state) => JSON.stringify(state),
};
