/** What all that draw commands share. */

import type { Prng } from "../../../base/index.ts";
import type { CommandBody } from "../../ports.ts";
import type { Model } from "../model/model.ts";

export interface DrawnCommand {
  readonly body: CommandBody;
  /** Applies the command to the model and gives the outcome that it expects. */
  expected(): string;
}

export interface Draws {
  readonly prng: Prng;
  readonly model: Model;
  readonly nextId: () => number;
}

export const BUCKETS = ["bucket-a", "bucket-b"];
export const KEYS = ["a", "a/b", "a\u0000b", "\u{10000}", "\uffff", "z"];
/** Of what is written, how much is encrypted. */
export const ENCRYPTED = 0.5;
