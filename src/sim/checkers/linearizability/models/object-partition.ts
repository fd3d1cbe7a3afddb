import type { Operation } from "../history.ts";
import { type Partition, partitionByKey } from "../model.ts";
import type { ObjectInput, ObjectOutput } from "./object.ts";

type ObjectOperation = Operation<ObjectInput, ObjectOutput>;

/**
 * Keys are apart unless a listing sees both: a part is the keys under the prefixes of listings that overlap, with those listings. A workload that
 * lists by folders so stays easy to check, however many folders it has.
 */
export function partitionByReach(
  operations: readonly ObjectOperation[],
): readonly Partition<ObjectInput, ObjectOutput>[] {
  return partitionByKey(operations, ({ bucket }) => bucket).flatMap((bucket) => partsOf(bucket));
}

/** Prefixes of one key are prefixes of each other: whatever overlaps lies under the shortest of them. */
function partsOf(
  bucket: Partition<ObjectInput, ObjectOutput>,
): readonly Partition<ObjectInput, ObjectOutput>[] {
  const prefixes = new Set(
    bucket.operations.flatMap(({ input }) => (input.kind === "list" ? [input.prefix] : [])),
  );
  const partOf = (input: ObjectInput) => {
    const text = input.kind === "list" ? input.prefix : input.key;
    const prefix = shortestPrefix(prefixes, text);
    return prefix === undefined ? JSON.stringify(text) : `all under ${JSON.stringify(prefix)}`;
  };
  return partitionByKey(bucket.operations, partOf).map(({ name, operations }) => ({
    name: `${bucket.name}: ${name}`,
    operations,
  }));
}

function shortestPrefix(prefixes: ReadonlySet<string>, text: string): string | undefined {
  for (let length = 0; length <= text.length; length++) {
    const prefix = text.slice(0, length);
    if (prefixes.has(prefix)) return prefix;
  }
  return undefined;
}
