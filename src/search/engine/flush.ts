import { create } from "@bufbuild/protobuf";
import {
  type CommitIndex,
  CommitIndexSchema,
  type NewDeletes,
  NewDeletesSchema,
  NewSegmentSchema,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { ManifestKind, type NamespaceRow, NamespaceWork } from "../../gen/skerry/meta/v1/rows_pb.js";
import { encodeDeletesFile } from "../batch/deletes-file.ts";
import type { Document } from "../model/document.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { EngineContext } from "./context.ts";
import { type WorkLease, withLease } from "./lease.ts";
import { workTimeMs } from "./moments.ts";
import type { NamespaceStates } from "./namespace-states.ts";
import { accepted, refusalOf } from "./refusals.ts";
import { isExpired, type NamespaceSnapshot, type SegmentView } from "./snapshot.ts";
import { MAX_LIVE_SEGMENTS, MAX_PAST_ROWS } from "./state-limits.ts";

/** Whether the batches of a namespace are many, large or old enough to become a segment. */
export function isFlushDue(row: NamespaceRow, context: EngineContext): boolean {
  const { totals } = row;
  const { settings } = context;
  if (totals === undefined || totals.batches === 0n) return false;
  const ageMs = workTimeMs(context) - Number(row.unindexedSinceMs);
  return (
    totals.batchBytes >= BigInt(settings.flushBytes) ||
    totals.batchUpserts >= BigInt(settings.flushDocuments) ||
    totals.batches >= MANY_BATCHES ||
    ageMs >= settings.flushAfterMs
  );
}

/** Half of what a namespace may have. */
const MANY_BATCHES = 2_048n;

/**
 * "needs-merge": the namespace has as many segments as it may have. "needs-trim": it has as many rows of the past. "nothing": there was nothing to do, somebody else works on it or was
 * faster.
 */
export type FlushOutcome = "flushed" | "needs-merge" | "needs-trim" | "nothing";

/** Makes a segment of all batches that there are. */
export async function flushNamespace(
  context: EngineContext,
  states: NamespaceStates,
  namespaceId: bigint,
): Promise<FlushOutcome> {
  const what = { namespaceId, work: NamespaceWork.FLUSH };
  return (await withLease(context, what, (lease) => flush(context, states, namespaceId, lease))) ?? "nothing";
}

async function flush(
  context: EngineContext,
  states: NamespaceStates,
  namespaceId: bigint,
  lease: WorkLease,
): Promise<FlushOutcome> {
  const row = context.store.view.namespace(namespaceId);
  if (row === undefined) return "nothing";
  const snapshot = await states.snapshot(row);
  if (snapshot.manifest.batches.length === 0) return "nothing";
  const nowMs = context.clock.wallMs();
  const documents = snapshot.memtable.documents().filter((document) => !isExpired(document, nowMs));
  // Before a segment is made that the state machine would refuse.
  const needed = neededFirst(row, snapshot, documents.length > 0);
  if (needed !== undefined) return needed;
  const value = await flushCommand(context, snapshot, { documents, lease });
  const result = await context.store.submit({ case: "commitIndex", value });
  const refusal = refusalOf(result);
  if (refusal === RefusalCode.MANIFEST_CHANGED || refusal === RefusalCode.NAMESPACE_LEASED) return "nothing";
  accepted(result, "indexCommitted");
  return "flushed";
}

/** Undefined: there is room. */
function neededFirst(
  { totals }: NamespaceRow,
  { manifest, segments }: NamespaceSnapshot,
  addsSegment: boolean,
): "needs-merge" | "needs-trim" | undefined {
  if (addsSegment && (totals?.segments ?? 0n) >= MAX_LIVE_SEGMENTS) return "needs-merge";
  const deletes = segments.filter((view) => view.ref.deletes !== undefined && hasMoreGone(view)).length;
  const past = (totals?.past ?? 0n) + BigInt(manifest.batches.length + deletes);
  return past > MAX_PAST_ROWS ? "needs-trim" : undefined;
}

async function flushCommand(
  context: EngineContext,
  { manifest, segments, schema }: NamespaceSnapshot,
  { documents, lease }: { readonly documents: readonly Document[]; readonly lease: WorkLease },
): Promise<CommitIndex> {
  const { driver, kernel, closing } = context;
  const command = create(CommitIndexSchema, {
    namespaceId: manifest.namespaceId,
    work: lease.work,
    leaseToken: lease.token,
    removed: manifest.batches.map(({ number }) => ({ kind: ManifestKind.BATCH, number })),
  });
  if (documents.length > 0) {
    const bytes = await kernel.buildSegment(documents, schema, closing);
    command.segments.push(
      create(NewSegmentSchema, {
        blob: await driver.writeIndex([bytes], closing),
        level: 0,
        rows: BigInt(documents.length),
        firstVersion: manifest.batches[0]?.firstVersion ?? 0n,
        lastVersion: manifest.version,
      }),
    );
  }
  for (const { ref, gone } of segments.filter(hasMoreGone)) {
    command.deletes.push(await newDeletes(context, gone, { case: "segmentNumber", value: ref.number }));
    if (ref.deletes !== undefined) command.removed.push(removedDeletes(ref.deletes.number));
  }
  return command;
}

/** Than its deletes say. */
function hasMoreGone({ ref, gone }: SegmentView): boolean {
  return gone.count() !== (ref.deletes?.rows ?? 0);
}

export async function newDeletes(
  { driver, checksum, closing }: EngineContext,
  deleted: RowSet,
  segment: NewDeletes["segment"],
): Promise<NewDeletes> {
  const blob = await driver.writeIndex([encodeDeletesFile(deleted, checksum)], closing);
  return create(NewDeletesSchema, { blob, rows: BigInt(deleted.count()), segment });
}

export function removedDeletes(number: bigint) {
  const kind = ManifestKind.DELETES;
  return { $typeName: "skerry.meta.v1.ManifestName" as const, kind, number, removedRevision: 0n };
}
