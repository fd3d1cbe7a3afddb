import { create } from "@bufbuild/protobuf";
import { equalBytes } from "../../base/index.ts";
import {
  type CommandResult,
  CommandResultSchema,
  type CommitIndex,
  type NewBlob,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ManifestKind,
  type ManifestRow,
  ManifestRowSchema,
  NamespaceLeaseRowSchema,
  type NamespaceRow,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isRefusal } from "../heads.ts";
import { blobHexOf, namespaceLeaseKey } from "../keys.ts";
import {
  MAX_INDEX_ADDED,
  MAX_INDEX_REMOVED,
  MAX_LIVE_SEGMENTS,
  MAX_PAST_ROWS,
  MAX_SEGMENT_BYTES,
} from "../limits.ts";
import { type AcceptedBlob, acceptManifest } from "../manifest.ts";
import { ManifestChanges, readManifestRow } from "../namespace-manifest.ts";
import { findNamespace, replaceNamespace, totalsOf } from "../namespaces.ts";
import { refusal, refusedWith } from "../result.ts";

/**
 * Flush and compaction. It is refused when anything that it was computed from is not live any more: batches that another flush took, segments that were
 * merged, deletes that came to a segment meanwhile. Whoever is refused reads the manifest and computes again.
 */
export function commitIndex(state: ApplyState, command: CommitIndex): CommandResult {
  const namespace = findNamespace(state, command.namespaceId);
  if (isRefusal(namespace)) return refusedWith(namespace);
  const problem = checkLease(state, command) ?? checkSize(namespace, command);
  if (problem !== undefined) return refusedWith(problem);
  const removed = removedRows(state, namespace, command);
  if (isRefusal(removed)) return refusedWith(removed);
  const replaced = checkDeletes(state, namespace, command, removed);
  if (replaced !== undefined) return refusedWith(replaced);
  const blobs = acceptBlobs(state, command);
  if (isRefusal(blobs)) return refusedWith(blobs);
  return commit(state, namespace, { command, removed, blobs });
}

function checkLease(state: ApplyState, command: CommitIndex): Refusal | undefined {
  const lease = state.read(namespaceLeaseKey(command.namespaceId, command.work), NamespaceLeaseRowSchema);
  const isHeld = lease !== undefined && equalBytes(lease.token, command.leaseToken);
  return isHeld && lease.untilMs > state.nowMs ? undefined : refusal(RefusalCode.NAMESPACE_LEASED, "");
}

function checkSize(namespace: NamespaceRow, command: CommitIndex): Refusal | undefined {
  const { segments, deletes, removed } = command;
  if (segments.length + deletes.length > MAX_INDEX_ADDED || removed.length > MAX_INDEX_REMOVED)
    return refusal(RefusalCode.TOO_LARGE, "too many rows");
  const totals = totalsOf(namespace);
  if (totals.past + BigInt(removed.length) > MAX_PAST_ROWS)
    return refusal(RefusalCode.MANIFEST_FULL, "rows of the past");
  const gone = BigInt(removed.filter(({ kind }) => kind === ManifestKind.SEGMENT).length);
  return totals.segments + BigInt(segments.length) - gone > MAX_LIVE_SEGMENTS
    ? refusal(RefusalCode.MANIFEST_FULL, "segments")
    : undefined;
}

interface RemovedRows {
  readonly $typeName: "removed";
  readonly rows: readonly ManifestRow[];
  readonly segments: ReadonlyMap<bigint, ManifestRow>;
  readonly deletes: ReadonlySet<bigint>;
  /** All batches up to this version are in segments afterwards. */
  readonly indexedVersion: bigint;
}

function removedRows(
  state: ApplyState,
  namespace: NamespaceRow,
  command: CommitIndex,
): RemovedRows | Refusal {
  const rows: ManifestRow[] = [];
  const segments = new Map<bigint, ManifestRow>();
  const deletes = new Set<bigint>();
  const seen = new Set<string>();
  let { indexedVersion } = namespace;
  for (const name of command.removed) {
    const row = name.removedRevision === 0n ? readManifestRow(state, namespace.namespaceId, name) : undefined;
    const key = `${name.kind}/${name.number}`;
    if (row === undefined || seen.has(key)) return changed("a row that is not live");
    seen.add(key);
    rows.push(row);
    if (row.detail.case === "segment") segments.set(row.number, row);
    if (row.detail.case === "deletes") deletes.add(row.number);
    if (row.detail.case !== "batch") continue;
    if (row.detail.value.firstVersion !== indexedVersion + 1n) return changed("batches are indexed in order");
    indexedVersion = row.number;
  }
  for (const { detail } of rows) {
    if (
      detail.case === "segment" &&
      detail.value.deletesNumber !== 0n &&
      !deletes.has(detail.value.deletesNumber)
    )
      return changed("a segment goes with its deletes");
  }
  return { $typeName: "removed", rows, segments, deletes, indexedVersion };
}

/** Deletes are for a segment that stays or comes, and take the place of those that it has. */
function checkDeletes(
  state: ApplyState,
  namespace: NamespaceRow,
  command: CommitIndex,
  removed: RemovedRows,
): Refusal | undefined {
  const targets = new Set<string>();
  for (const { segment, rows } of command.deletes) {
    const target = `${segment.case}/${segment.value}`;
    if (targets.has(target)) return refusal(RefusalCode.INVALID, "one row of deletes for a segment");
    targets.add(target);
    if (segment.case === "newSegment") {
      const added = command.segments[segment.value];
      if (added === undefined || rows > added.rows)
        return refusal(RefusalCode.INVALID, "deletes of a new segment");
      continue;
    }
    const row = readManifestRow(state, namespace.namespaceId, {
      kind: ManifestKind.SEGMENT,
      number: segment.value ?? 0n,
      removedRevision: 0n,
    });
    if (row?.detail.case !== "segment" || removed.segments.has(row.number))
      return changed("deletes are for a live segment");
    const before = row.detail.value.deletesNumber;
    if (before !== 0n && !removed.deletes.has(before)) return changed("the segment has other deletes by now");
    if (rows > row.detail.value.rows) return refusal(RefusalCode.INVALID, "more deletes than rows");
  }
  return checkKept(command, removed);
}

/** A row of deletes does not go alone: its segment goes, or another row takes its place. */
function checkKept(command: CommitIndex, removed: RemovedRows): Refusal | undefined {
  const replaced = new Set<bigint>();
  for (const { segment } of command.deletes)
    if (segment.case === "segmentNumber") replaced.add(segment.value);
  for (const { detail } of removed.rows) {
    if (detail.case !== "deletes") continue;
    const { segmentNumber } = detail.value;
    if (!removed.segments.has(segmentNumber) && !replaced.has(segmentNumber))
      return refusal(RefusalCode.INVALID, "deletes go with their segment");
  }
  return undefined;
}

interface IndexBlobs {
  readonly $typeName: "blobs";
  readonly segments: readonly (readonly AcceptedBlob[])[];
  readonly deletes: readonly (readonly AcceptedBlob[])[];
}

function acceptBlobs(state: ApplyState, command: CommitIndex): IndexBlobs | Refusal {
  const ids = new Set<string>();
  const accept = (blob: NewBlob | undefined): readonly AcceptedBlob[] | Refusal => {
    if (blob === undefined || blob.size > BigInt(MAX_SEGMENT_BYTES))
      return refusal(RefusalCode.BLOB_INVALID, "the blob of a row");
    const { blobId, size } = blob;
    const slice = { $typeName: "skerry.meta.v1.BlobSlice" as const, blobId, offset: 0n, length: size };
    const accepted = acceptManifest(state, { blobs: [blob], slices: [slice], size, mayBeOutside: true });
    if (accepted.kind === "refused") return accepted.refusal;
    if (ids.has(blobHexOf(blobId))) return refusal(RefusalCode.BLOB_INVALID, "a blob id is used once");
    ids.add(blobHexOf(blobId));
    return accepted.blobs;
  };
  const segments: (readonly AcceptedBlob[])[] = [];
  const deletes: (readonly AcceptedBlob[])[] = [];
  for (const [list, added] of [
    [segments, command.segments],
    [deletes, command.deletes],
  ] as const) {
    for (const { blob } of added) {
      const accepted = accept(blob);
      if (!Array.isArray(accepted)) return accepted as Refusal;
      list.push(accepted);
    }
  }
  return { $typeName: "blobs", segments, deletes };
}

function commit(
  state: ApplyState,
  namespace: NamespaceRow,
  { command, removed, blobs }: { command: CommitIndex; removed: RemovedRows; blobs: IndexBlobs },
): CommandResult {
  const revision = namespace.revision + 1n;
  const changes = new ManifestChanges(state, namespace);
  for (const row of removed.rows) changes.supersede(row, revision);
  let next = namespace.nextNumber;
  const segmentNumbers = command.segments.map(() => next++);
  const deletesOfNew = new Map<number, bigint>();
  const common = { addedRevision: revision, addedAtMs: state.nowMs };
  for (const [at, { blob, rows, segment }] of command.deletes.entries()) {
    const number = next++;
    const isNew = segment.case === "newSegment";
    const segmentNumber = isNew ? segmentNumbers[segment.value]! : (segment.value ?? 0n);
    if (isNew) deletesOfNew.set(segment.value, number);
    else pointToDeletes(state, namespace, changes, { segmentNumber, number });
    const detail = { case: "deletes" as const, value: { segmentNumber, rows } };
    const { blobId, size } = blob!;
    const row = { ...common, kind: ManifestKind.DELETES, number, blobId, size, detail };
    changes.addNew(create(ManifestRowSchema, row), blobs.deletes[at]!);
  }
  for (const [at, { blob, level, rows, firstVersion, lastVersion }] of command.segments.entries()) {
    const deletesNumber = deletesOfNew.get(at) ?? 0n;
    const detail = {
      case: "segment" as const,
      value: { level, rows, firstVersion, lastVersion, deletesNumber },
    };
    const { blobId, size } = blob!;
    const row = { ...common, kind: ManifestKind.SEGMENT, number: segmentNumbers[at]!, blobId, size, detail };
    changes.addNew(create(ManifestRowSchema, row), blobs.segments[at]!);
  }
  const totals = changes.settle();
  replaceNamespace(state, namespace, {
    ...namespace,
    revision,
    nextNumber: next,
    indexedVersion: removed.indexedVersion,
    totals,
    unindexedSinceMs: totals.batches === 0n ? 0n : unindexedSince(namespace, removed),
  });
  return create(CommandResultSchema, {
    result: { case: "indexCommitted", value: { revision, segmentNumbers } },
  });
}

function pointToDeletes(
  state: ApplyState,
  namespace: NamespaceRow,
  changes: ManifestChanges,
  { segmentNumber, number }: { readonly segmentNumber: bigint; readonly number: bigint },
): void {
  const name = { kind: ManifestKind.SEGMENT, number: segmentNumber, removedRevision: 0n };
  const row = readManifestRow(state, namespace.namespaceId, name)!;
  if (row.detail.case !== "segment") return;
  changes.rewrite({
    ...row,
    detail: { case: "segment", value: { ...row.detail.value, deletesNumber: number } },
  });
}

/** The oldest batch that is left is younger than the newest that went; when exactly it came would take a scan to know. */
function unindexedSince(namespace: NamespaceRow, removed: RemovedRows): bigint {
  const last = removed.rows.findLast(({ kind }) => kind === ManifestKind.BATCH);
  return last === undefined ? namespace.unindexedSinceMs : last.addedAtMs;
}

function changed(detail: string): Refusal {
  return refusal(RefusalCode.MANIFEST_CHANGED, detail);
}
