import { check } from "../failure.ts";
import type { ObjectOperation } from "./history-check.ts";

/**
 * What can be said without a search, because nearly every content is written once: no phantoms, no lost writes, no stale and no non-monotonic reads. Every
 * read is compared with the writes of its key only. Runs on every history, however long and however many answers are missing.
 *
 * Source: the client oracle of openraft's turmoil tests, carried over to registers with deletes.
 */
export function checkOracle(history: readonly ObjectOperation[]): void {
  const byKey = new Map<string, ObjectOperation[]>();
  for (const operation of history) {
    if (operation.input.kind === "list") continue;
    const list = byKey.get(operation.input.key);
    if (list === undefined) byKey.set(operation.input.key, [operation]);
    else list.push(operation);
  }
  for (const [key, operations] of byKey) checkKey(key, operations);
}

/** A write or delete that took effect, or may have. */
interface Change {
  /** Undefined: a delete. */
  readonly content: string | undefined;
  readonly call: number;
  /** When it had surely taken effect; infinite while nobody knows. */
  settled: number;
}

interface Read {
  readonly content: string | undefined;
  readonly call: number;
  readonly at: number;
}

function checkKey(key: string, operations: readonly ObjectOperation[]): void {
  const changes = operations.flatMap(changeOf);
  const reads = operations.flatMap(readOf).sort((a, b) => a.at - b.at);
  for (const read of reads) settleBySight(read, changes);
  for (const read of reads) {
    if (read.content === undefined) checkAbsence(key, read, changes);
    else checkSight(key, read, read.content, changes);
  }
}

function changeOf({ input, call, outcome }: ObjectOperation): Change[] {
  if (input.kind !== "put" && input.kind !== "delete") return [];
  if (outcome.kind === "returned" && outcome.output.kind !== "done") return [];
  const settled = outcome.kind === "returned" ? outcome.at : Number.POSITIVE_INFINITY;
  return [{ content: input.kind === "put" ? input.content : undefined, call, settled }];
}

function readOf({ input, call, outcome }: ObjectOperation): Read[] {
  if ((input.kind !== "get" && input.kind !== "head") || outcome.kind !== "returned") return [];
  const { output, at } = outcome;
  if (output.kind === "found") return [{ content: output.content, call, at }];
  return output.kind === "absent" ? [{ content: undefined, call, at }] : [];
}

/** Who has been seen has taken effect. */
function settleBySight(read: Read, changes: readonly Change[]): void {
  const seen = changes.filter(({ content }) => content !== undefined && content === read.content);
  if (seen.length === 1) seen[0]!.settled = Math.min(seen[0]!.settled, read.at);
}

function checkSight(key: string, read: Read, content: string, changes: readonly Change[]): void {
  const writes = changes.filter((change) => change.content === content && change.call < read.at);
  check(
    writes.length > 0,
    "oracle: no phantoms",
    () => `${key} read as ${content}, which was not written there`,
  );
  // The same content again says nothing about which of its writes was seen.
  if (writes.length > 1) return;
  const [write] = writes as [Change];
  const later = changes.find(
    (change) => change !== write && change.call > write.settled && change.settled < read.call,
  );
  check(
    later === undefined,
    "oracle: no stale reads",
    () =>
      `${key} read as ${content} in [${read.call}, ${read.at}], after ${later?.content ?? "a delete"} of [${later?.call}, ${later?.settled}] had taken its place`,
  );
}

function checkAbsence(key: string, read: Read, changes: readonly Change[]): void {
  for (const write of changes) {
    if (write.content === undefined || write.settled >= read.call) continue;
    const mayBeDeleted = changes.some(
      ({ content, call }) => content === undefined && call < read.at && deletesAfter(write, changes, call),
    );
    check(
      mayBeDeleted,
      "oracle: nothing acknowledged is lost",
      () =>
        `${key} was absent in [${read.call}, ${read.at}], and ${write.content} of [${write.call}, ${write.settled}] was not deleted`,
    );
  }
}

/** Whether a delete that was called at `call` may have come after the write. */
function deletesAfter(write: Change, changes: readonly Change[], call: number): boolean {
  const remove = changes.find((change) => change.content === undefined && change.call === call);
  return remove !== undefined && remove.settled > write.call;
}
