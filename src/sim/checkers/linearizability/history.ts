/** What clients saw: calls and answers, in one order. */

import { assert } from "../../../base/index.ts";

export type Outcome<Output> =
  | { readonly kind: "returned"; readonly at: number; readonly output: Output }
  /** No answer, or one that does not say what happened: it may take effect at any time after the call, or never. */
  | { readonly kind: "unknown" };

export interface Operation<Input, Output> {
  /** Which client; for people only. */
  readonly process: number;
  readonly input: Input;
  /**
   * When it was called, and in `outcome` when it returned: any numbers that order the events. Intervals are closed: an operation that is called
   * at the number at which another one returns is concurrent with it.
   */
  readonly call: number;
  readonly outcome: Outcome<Output>;
}

/** A call that has not been answered. Exactly one of its methods is called, once; without any it stays unknown. */
export interface Invocation<Output> {
  returned(output: Output): void;
  /** It certainly had and will have no effect, as when the connection was refused: it leaves the history. */
  refused(): void;
}

interface Entry<Input, Output> {
  readonly process: number;
  readonly input: Input;
  readonly call: number;
  outcome: Outcome<Output> | { readonly kind: "refused" };
}

/** Writes a history down. All clients must run on the thread that records: its order of events is the order of the history. */
export class HistoryRecorder<Input, Output> {
  readonly #entries: Entry<Input, Output>[] = [];
  #events = 0;

  /** Before the request is sent. */
  invoke(process: number, input: Input): Invocation<Output> {
    const entry: Entry<Input, Output> = {
      process,
      input,
      call: this.#events++,
      outcome: { kind: "unknown" },
    };
    this.#entries.push(entry);
    const settle = (outcome: Entry<Input, Output>["outcome"]) => {
      assert(entry.outcome.kind === "unknown", "an invocation ends once");
      entry.outcome = outcome;
    };
    return {
      returned: (output) => settle({ kind: "returned", at: this.#events++, output }),
      refused: () => settle({ kind: "refused" }),
    };
  }

  /** In the order of the calls. */
  operations(): readonly Operation<Input, Output>[] {
    return this.#entries.flatMap(({ process, input, call, outcome }) =>
      outcome.kind === "refused" ? [] : [{ process, input, call, outcome }],
    );
  }
}
