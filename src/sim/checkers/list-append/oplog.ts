/**
 * The oplogs of nodes, and what clients were told, as transactions on lists: one list of all changes, and one of each key's versions. A put appends to
 * both; a node's oplog is a read of the first; a get or a listing that saw an object is a read of its key's versions up to the one it saw.
 */

import type { ObjectInput, ObjectOutput, Operation } from "../linearizability/index.ts";
import { type Anomaly, checkListAppend, type ListAppendReport } from "./check.ts";
import type { ListRead, Transaction } from "./transaction.ts";

export interface OplogEntry {
  readonly sequence: number;
  /** A bucket's rows are of no key. */
  readonly kind: "written" | "removed" | "bucket";
  readonly bucket: string;
  readonly key: string;
  /** As in the history of operations. */
  readonly content: string;
}

/** What one node had, read after all operations had ended. From the first row on: oplogs that were trimmed cannot be checked. */
export interface NodeOplog {
  readonly name: string;
  readonly entries: readonly OplogEntry[];
}

type ObjectOperation = Operation<ObjectInput, ObjectOutput>;

const ALL_CHANGES = "the oplog";

/**
 * Checks that oplogs are beginnings of one order without gaps; that every acknowledged put is in it once and no other change is; that the order
 * keeps real time; and that what readers saw fits into it. `operations` are those of one run, with all buckets' objects written by them.
 */
export function checkOplogs(
  oplogs: readonly NodeOplog[],
  operations: readonly ObjectOperation[],
): ListAppendReport {
  const longest = oplogs.reduce<readonly OplogEntry[]>(
    (best, { entries }) => (entries.length > best.length ? entries : best),
    [],
  );
  const versions = versionsOf(longest);
  const transactions = [
    ...operations.flatMap((operation) => transactionOf(operation, versions)),
    ...longest.flatMap(unattributed),
    ...oplogs.map((oplog) =>
      readOf(oplog, { isLongest: oplog.entries.length === longest.length, operations }),
    ),
    versionsRead(versions),
  ];
  const report = checkListAppend(transactions);
  return {
    ...report,
    anomalies: [...gaps(oplogs), ...surplusRemovals(longest, operations), ...report.anomalies],
  };
}

interface Versions {
  /** The versions of each key in order, by the name of its list. */
  readonly elements: ReadonlyMap<string, readonly string[]>;
}

function versionsOf(entries: readonly OplogEntry[]): Versions {
  const elements = new Map<string, string[]>();
  for (const entry of entries) {
    if (entry.kind === "bucket") continue;
    const list = listOf(entry.bucket, entry.key);
    const versions = elements.get(list);
    if (versions === undefined) elements.set(list, [elementOf(entry)]);
    else versions.push(elementOf(entry));
  }
  return { elements };
}

function listOf(bucket: string, key: string): string {
  return JSON.stringify([bucket, key]);
}

/** Puts have contents of their own; of removals only the place in the oplog tells one from another. */
function elementOf({ kind, bucket, key, content, sequence }: OplogEntry): string {
  return kind === "written"
    ? writtenAs(bucket, key, content)
    : `${kind} ${listOf(bucket, key)} at ${sequence}`;
}

function writtenAs(bucket: string, key: string, content: string): string {
  return `${listOf(bucket, key)} = ${content}`;
}

function transactionOf(
  { process, input, call, outcome }: ObjectOperation,
  versions: Versions,
): Transaction[] {
  const returned = outcome.kind === "returned" ? outcome.at : undefined;
  const output = outcome.kind === "returned" ? outcome.output : undefined;
  const base = { name: `[${call}, ${returned ?? "?"}] client ${process}: ${input.kind}`, call, returned };
  if (input.kind === "put") {
    // A put whose condition did not hold left nothing: what it would have written must not be seen.
    if (output !== undefined && output.kind !== "done") return [];
    const element = writtenAs(input.bucket, input.key, input.content);
    const lists = [ALL_CHANGES, listOf(input.bucket, input.key)];
    const appends = lists.map((list) => ({ list, element }));
    return [{ ...base, name: `${base.name} ${element}`, appends, reads: [] }];
  }
  const seen = seenBy(input, output);
  if (seen.length === 0) return [];
  const reads = seen.map(({ key, content }) => upTo(input.bucket, key, content, versions));
  return [{ ...base, appends: [], reads }];
}

function seenBy(
  input: ObjectInput,
  output: ObjectOutput | undefined,
): readonly { readonly key: string; readonly content: string }[] {
  if (output?.kind === "listed") return output.objects;
  if (output?.kind === "found" && input.kind !== "list") return [{ key: input.key, content: output.content }];
  return [];
}

/** Who saw a version had all before it; what is not in the oplog stands alone, and is found to be wrong. */
function upTo(bucket: string, key: string, content: string, versions: Versions): ListRead {
  const list = listOf(bucket, key);
  const element = writtenAs(bucket, key, content);
  const elements = versions.elements.get(list) ?? [];
  const at = elements.indexOf(element);
  return { list, elements: at < 0 ? [element] : elements.slice(0, at + 1) };
}

/** Removals and buckets, whose callers are not known: transactions without a time. */
function unattributed(entry: OplogEntry): Transaction[] {
  if (entry.kind === "written") return [];
  const element = elementOf(entry);
  const lists = entry.kind === "bucket" ? [ALL_CHANGES] : [ALL_CHANGES, listOf(entry.bucket, entry.key)];
  const appends = lists.map((list) => ({ list, element }));
  return [{ name: element, call: undefined, returned: undefined, appends, reads: [] }];
}

/** A node may be behind: only the longest oplog must have all that was acknowledged. */
function readOf(
  { name, entries }: NodeOplog,
  { isLongest, operations }: { readonly isLongest: boolean; readonly operations: readonly ObjectOperation[] },
): Transaction {
  const ends = operations.map(({ call, outcome }) => (outcome.kind === "returned" ? outcome.at : call));
  return {
    name: `the oplog of ${name}`,
    call: isLongest ? 1 + ends.reduce((latest, at) => Math.max(latest, at), 0) : undefined,
    returned: undefined,
    appends: [],
    reads: [{ list: ALL_CHANGES, elements: entries.map(elementOf) }],
  };
}

/** So that the versions that nobody read have their places too. */
function versionsRead({ elements }: Versions): Transaction {
  const reads = [...elements].map(([list, versions]) => ({ list, elements: versions }));
  return { name: "the keys of the longest oplog", call: undefined, returned: undefined, appends: [], reads };
}

function gaps(oplogs: readonly NodeOplog[]): Anomaly[] {
  return oplogs.flatMap(({ name, entries }): Anomaly[] => {
    const at = entries.findIndex(({ sequence }, index) => sequence !== index + 1);
    if (at < 0) return [];
    const lines = [`the oplog of ${name} has ${entries[at]?.sequence} at place ${at + 1}`];
    return [{ kind: "incompatible-order", lines }];
  });
}

/** Each removal was somebody's; deleting what is not there leaves no row. */
function surplusRemovals(entries: readonly OplogEntry[], operations: readonly ObjectOperation[]): Anomaly[] {
  const left = new Map<string, number>();
  for (const { input } of operations) {
    if (input.kind !== "delete") continue;
    const list = listOf(input.bucket, input.key);
    left.set(list, (left.get(list) ?? 0) + 1);
  }
  return entries.flatMap((entry): Anomaly[] => {
    if (entry.kind !== "removed") return [];
    const list = listOf(entry.bucket, entry.key);
    const count = left.get(list) ?? 0;
    left.set(list, count - 1);
    return count > 0 ? [] : [{ kind: "phantom", lines: [`${elementOf(entry)}, and nobody deleted it`] }];
  });
}
