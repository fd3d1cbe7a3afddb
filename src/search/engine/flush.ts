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
import type { RowSet } from "../rows/row-set.ts";
import type { EngineContext } from "./context.ts";
import { type WorkLease, withLease } from "./lease.ts";
import { workTimeMs } from "./moments.ts";
import type { NamespaceStates } from "./namespace-states.ts";
import { accepted, refusalOf } from "./refusals.ts";
import { isExpired, type NamespaceSnapshot } from "./snapshot.ts";

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

/** Makes a segment of all batches that there are. False: nothing was done, somebody else works on it or was faster. */
export async function flushNamespace(
  context: EngineContext,
  states: NamespaceStates,
  namespaceId: bigint,
): Promise<boolean> {
  const isDone = await withLease(context, { namespaceId, work: NamespaceWork.FLUSH }, async (lease) => {
    const row = context.store.view.namespace(namespaceId);
    if (row === undefined) return false;
    const snapshot = await states.snapshot(row);
    if (snapshot.manifest.batches.length === 0) return false;
    const value = await flushCommand(context, snapshot, lease);
    const result = await context.store.submit({ case: "commitIndex", value });
    const refusal = refusalOf(result);
    if (refusal === RefusalCode.MANIFEST_CHANGED || refusal === RefusalCode.NAMESPACE_LEASED) return false;
    accepted(result, "indexCommitted");
    return true;
  });
  return isDone === true;
}

async function flushCommand(
  context: EngineContext,
  { manifest, memtable, segments, schema }: NamespaceSnapshot,
  lease: WorkLease,
): Promise<CommitIndex> {
  const { driver, kernel, closing } = context;
  const nowMs = context.clock.wallMs();
  const documents = memtable.documents().filter((document) => !isExpired(document, nowMs));
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
  for (const { ref, gone } of segments) {
    const before = ref.deletes?.rows ?? 0;
    if (gone.count() === before) continue;
    command.deletes.push(await newDeletes(context, gone, { case: "segmentNumber", value: ref.number }));
    if (ref.deletes !== undefined) command.removed.push(removedDeletes(ref.deletes.number));
  }
  return command;
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
