import type { ConfChange } from "../../types.ts";
import type { ConfChangeCodec } from "../options.ts";

/** Configuration changes as JSON: readable in a debugger, and good enough for tests. */
export const testConfChangeCodec: ConfChangeCodec = {
  encode({ transition, changes }) {
    return new TextEncoder().encode(JSON.stringify({ transition, changes }));
  },
  decode(data) {
    try {
      const { transition, changes } = JSON.parse(new TextDecoder().decode(data)) as ConfChange;
      return { transition, changes, context: undefined };
    } catch {
      return undefined;
    }
  },
};
