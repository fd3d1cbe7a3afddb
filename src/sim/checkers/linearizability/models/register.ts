/** One value that can be read, written, and compared and set, as the histories of etcd that Jepsen records. */

import type { Model } from "../model.ts";

export type RegisterInput =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: number }
  | { readonly kind: "cas"; readonly from: number; readonly to: number };

export type RegisterOutput =
  | { readonly kind: "read"; readonly value: number | null }
  | { readonly kind: "written" }
  | { readonly kind: "compared"; readonly succeeded: boolean };

/** Null until the first write. */
export type RegisterState = number | null;

export const registerModel: Model<RegisterState, RegisterInput, RegisterOutput> = {
  name: "a register",
  initial: null,
  step(state, input, output) {
    switch (input.kind) {
      case "read":
        return output === undefined || (output.kind === "read" && output.value === state) ? state : undefined;
      case "write":
        return output === undefined || output.kind === "written" ? input.value : undefined;
      case "cas": {
        const succeeds = state === input.from;
        const isPossible =
          output === undefined || (output.kind === "compared" && output.succeeded === succeeds);
        if (!isPossible) return undefined;
        return succeeds ? input.to : state;
      }
    }
  },
  keyOf: (state) => String(state),
  partition: (operations) => [{ name: "the register", operations }],
  describeInput: (input) => JSON.stringify(input),
  describeOutput: (output) => JSON.stringify(output),
  describeState: (state) => String(state),
};
