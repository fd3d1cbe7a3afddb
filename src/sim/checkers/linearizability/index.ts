/**
 * Was what clients saw possible, had one server done everything, one operation at a time? (Herlihy and Wing, "Linearizability", 1990.)
 *
 * - `history`: what clients saw. A `HistoryRecorder` writes calls and answers down in the order in which they happened; a call without an
 *   answer may have taken effect at any time since, or never.
 * - `model`: what one server would do, as pure functions on values. `models/`: a register, values that grow, the objects of a bucket
 *   as Skerry serves them, and the versions of a key.
 * - `search`: the algorithm of Wing and Gong ("Testing and verifying concurrent objects", 1993) with the memory of Lowe ("Testing for
 *   linearizability", 2017): try to place the first operations, go back when an answer cannot be explained, never look at the same set
 *   of placed operations with the same state twice.
 * - `check`: the operations are parted where the model says that they cannot see each other, and the parts are searched in rounds with
 *   budgets that grow, so that one hard part does not hide another that is easily refuted.
 * - `describe`: the verdict for people.
 *
 * A verdict is `ok`, `false`, or `unknown` when the budget was not enough; unknown is never ok. Budgets are counted in steps of the search, so
 * that the same history has the same verdict on every machine.
 */

export { type CheckOptions, checkLinearizability, type Verdict } from "./check.ts";
export { describeVerdict } from "./describe.ts";
export { HistoryRecorder, type Invocation, type Operation, type Outcome } from "./history.ts";
export type { Model, Partition } from "./model.ts";
export { type AppendInput, type AppendOutput, appendModel } from "./models/append.ts";
export {
  type ListedObject,
  type ObjectInput,
  type ObjectOutput,
  type ObjectState,
  objectModel,
} from "./models/object.ts";
export { type RegisterInput, type RegisterOutput, registerModel } from "./models/register.ts";
export {
  type ListedVersion,
  type VersionedInput,
  type VersionedOutput,
  type VersionedState,
  versionedBucketModel,
} from "./models/versioned-bucket.ts";
export type { Counterexample } from "./search.ts";
