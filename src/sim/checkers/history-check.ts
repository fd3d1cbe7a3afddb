import { check } from "../failure.ts";
import {
  checkLinearizability,
  describeVerdict,
  type Model,
  type ObjectInput,
  type ObjectOutput,
  type Operation,
  objectModel,
  type VersionedInput,
  type VersionedOutput,
  versionedBucketModel,
} from "./linearizability/index.ts";
import { checkOracle } from "./oracle.ts";

export type ObjectOperation = Operation<ObjectInput, ObjectOutput>;

/** Steps of the search in one part: beyond, the verdict of that part stays unknown and the oracle alone has judged it. */
const MAX_STEPS = 100_000;
/** Up to here whole listings are checked as one atomic look at all keys. */
const MAX_ATOMIC_LIST_OPERATIONS = 40;

export interface HistoryVerdict {
  readonly operations: number;
  /** Whether every part was decided. */
  readonly isComplete: boolean;
}

/**
 * Judges what clients saw: the oracle in every run, and the search for an order key by key. A listing counts as a read of each key that its page
 * covers; in short histories also as one atomic look. Keys in `unclear` have had contents that nobody knows: they are left out.
 */
export function checkHistory(
  history: readonly ObjectOperation[],
  unclear: ReadonlySet<string>,
): HistoryVerdict {
  const keys = [...new Set(history.flatMap(({ input }) => (input.kind === "list" ? [] : [input.key])))];
  const byKey = history
    .flatMap((operation) => readsOf(operation, keys))
    .filter(({ input }) => input.kind !== "list" && !unclear.has(input.key));
  checkOracle(byKey);
  let isComplete = judge(byKey);
  if (unclear.size === 0 && history.length <= MAX_ATOMIC_LIST_OPERATIONS) {
    isComplete = judge(history) && isComplete;
  }
  return { operations: history.length, isComplete };
}

/** Judges what clients saw of versioned buckets; whether every part was decided. */
export function checkVersions(history: readonly Operation<VersionedInput, VersionedOutput>[]): boolean {
  return judgeAs(versionedBucketModel, history);
}

function judge(history: readonly ObjectOperation[]): boolean {
  return judgeAs(objectModel, history);
}

/** Throws CheckFailure when there is no order; false when the search was given up. */
function judgeAs<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): boolean {
  const verdict = checkLinearizability(model, history, { maxStepsPerPartition: MAX_STEPS });
  check(verdict.kind !== "false", "linearizability", () => describeVerdict(model, verdict));
  return verdict.kind === "ok";
}

/** A listing as reads of the keys that it had to show. */
function readsOf(operation: ObjectOperation, keys: readonly string[]): readonly ObjectOperation[] {
  const { input, outcome } = operation;
  if (input.kind !== "list") return [operation];
  if (outcome.kind !== "returned" || outcome.output.kind !== "listed") return [];
  const { objects, isTruncated } = outcome.output;
  const last = objects.at(-1)?.key;
  const covered = keys.filter((key) => !isTruncated || (last !== undefined && key <= last));
  return covered.map((key): ObjectOperation => {
    const listed = objects.find((object) => object.key === key);
    const output: ObjectOutput =
      listed === undefined ? { kind: "absent" } : { kind: "found", content: listed.content };
    return {
      ...operation,
      input: { kind: "get", bucket: input.bucket, key },
      outcome: { ...outcome, output },
    };
  });
}
