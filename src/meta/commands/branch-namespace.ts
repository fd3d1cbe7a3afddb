import { create } from "@bufbuild/protobuf";
import { assert } from "../../base/index.ts";
import {
  type BranchNamespace,
  type CommandResult,
  CommandResultSchema,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type ManifestRow,
  NamespaceChange_Kind,
  NamespaceNameRowSchema,
  type NamespaceRow,
  NamespaceRowSchema,
  NamespaceState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isRefusal } from "../heads.ts";
import { namespaceNameKey } from "../keys.ts";
import { MAX_LIVE_BATCHES, MAX_LIVE_SEGMENTS } from "../limits.ts";
import { countRow, emptyTotals, ManifestChanges, readManifestRow } from "../namespace-manifest.ts";
import {
  addNamespace,
  checkNewNamespace,
  checkQuota,
  findNamespace,
  replaceNamespace,
  scopeUseOf,
  totalsOf,
} from "../namespaces.ts";
import { logNamespaceChange } from "../oplog.ts";
import { refusal, refusedWith } from "../result.ts";

/** Rows that one namespace can have live: what a branch copies at most. */
const MAX_ROWS = Number(MAX_LIVE_BATCHES + 2n * MAX_LIVE_SEGMENTS);

/**
 * The rows of the source at a revision, all of them, become the rows of a new namespace. The bytes stay where they are: each blob has one more
 * reference. What happens to either afterwards is nothing to the other.
 */
export function branchNamespace(state: ApplyState, command: BranchNamespace): CommandResult {
  const source = findNamespace(state, command.sourceId);
  if (isRefusal(source)) return refusedWith(source);
  const problem = checkNewNamespace(state, command) ?? checkMoment(source, command);
  if (problem !== undefined) return refusedWith(problem);
  const visible = visibleRows(state, source, command);
  if (isRefusal(visible)) return refusedWith(visible);
  const { rows } = visible;
  const sourceName = state.read(
    namespaceNameKey(source.org, source.project, source.name),
    NamespaceNameRowSchema,
  );
  assert(sourceName !== undefined, "a namespace that is not deleted has its name");
  const branch = branchOf(state, source, command, rows);
  const totals = emptyTotals();
  for (const row of rows) countRow(totals, row, 1n);
  const quota = checkQuota(state, command, { ...scopeUseOf({ ...branch, totals }), namespaces: 0n });
  if (quota !== undefined) return refusedWith(quota);

  const { schema, schemaFormat } = sourceName;
  const namespace = addNamespace(state, branch, { schema, schemaFormat });
  const changes = new ManifestChanges(state, namespace);
  for (const row of rows) changes.addShared(row);
  replaceNamespace(state, namespace, { ...namespace, totals: changes.settle() });
  logNamespaceChange(state, NamespaceChange_Kind.BRANCHED, namespace);
  return create(CommandResultSchema, {
    result: { case: "namespaceCreated", value: { namespaceId: namespace.namespaceId } },
  });
}

function checkMoment(source: NamespaceRow, command: BranchNamespace): Refusal | undefined {
  if (command.revision < source.trimmedRevision) return refusal(RefusalCode.RETENTION_OVER, "");
  if (command.revision > source.revision || command.version > source.version)
    return refusal(RefusalCode.INVALID, "a revision that is not there yet");
  return command.rows.length > MAX_ROWS ? refusal(RefusalCode.TOO_LARGE, "too many rows") : undefined;
}

/** The named rows as live rows of the branch. */
function visibleRows(
  state: ApplyState,
  source: NamespaceRow,
  command: BranchNamespace,
): VisibleRows | Refusal {
  const { revision, version } = command;
  const seen = new Set<string>();
  const rows: ManifestRow[] = [];
  for (const name of command.rows) {
    const row = readManifestRow(state, source.namespaceId, name);
    const isVisible =
      row !== undefined &&
      row.addedRevision <= revision &&
      (row.removedRevision === 0n || row.removedRevision > revision);
    if (!isVisible) return refusal(RefusalCode.MANIFEST_CHANGED, "a row that was not live at the revision");
    const key = `${row.kind}/${row.number}`;
    if (seen.has(key)) return refusal(RefusalCode.INVALID, "a row is named once");
    seen.add(key);
    const cut = cutAt(row, version);
    if (cut === undefined) return refusal(RefusalCode.INVALID, "a batch behind the version");
    rows.push({ ...cut, addedRevision: 1n, addedAtMs: state.nowMs, removedRevision: 0n, removedAtMs: 0n });
  }
  const { batches, segments, deletes } = totalsOf(source);
  const isWhole = BigInt(rows.length) === batches + segments + deletes;
  // Of the present the state machine knows how many rows there are; of the past only the proposer does.
  if (revision === source.revision && !isWhole)
    return refusal(RefusalCode.MANIFEST_CHANGED, "a row is missing");
  return { $typeName: "visible", rows: withDeletes(rows) };
}

interface VisibleRows {
  readonly $typeName: "visible";
  readonly rows: readonly ManifestRow[];
}

/** Segments name the deletes row that is theirs in the branch. */
function withDeletes(rows: readonly ManifestRow[]): readonly ManifestRow[] {
  const deletes = new Map<bigint, bigint>();
  for (const { detail, number } of rows) {
    if (detail.case === "deletes") deletes.set(detail.value.segmentNumber, number);
  }
  return rows.map((row): ManifestRow => {
    if (row.detail.case !== "segment") return row;
    const deletesNumber = deletes.get(row.number) ?? 0n;
    return { ...row, detail: { case: "segment", value: { ...row.detail.value, deletesNumber } } };
  });
}

/** A batch without its frames behind the version; undefined: all of them are. */
function cutAt(row: ManifestRow, version: bigint): ManifestRow | undefined {
  if (row.detail.case !== "batch" || row.number <= version) return row;
  const { value } = row.detail;
  if (value.firstVersion > version) return undefined;
  const frameVersions = value.frameVersions.map((of) => (of > version ? 0n : of));
  return { ...row, number: version, detail: { case: "batch", value: { ...value, frameVersions } } };
}

function branchOf(
  state: ApplyState,
  source: NamespaceRow,
  command: BranchNamespace,
  rows: readonly ManifestRow[],
): NamespaceRow {
  const first = rows.reduce((least: bigint | undefined, { detail }) => {
    if (detail.case !== "batch") return least;
    return least === undefined || detail.value.firstVersion < least ? detail.value.firstVersion : least;
  }, undefined);
  const { org, project, name, version } = command;
  return create(NamespaceRowSchema, {
    org,
    project,
    name,
    createdAtMs: state.nowMs,
    updatedAtMs: state.nowMs,
    state: NamespaceState.LIVE,
    settings: {
      defaultTtlSeconds: source.settings?.defaultTtlSeconds ?? 0n,
      retentionSeconds: source.settings?.retentionSeconds ?? 0n,
      pinned: false,
    },
    version,
    revision: 1n,
    indexedVersion: first === undefined ? version : first - 1n,
    nextNumber: source.nextNumber,
    totals: emptyTotals(),
    unindexedSinceMs: first === undefined ? 0n : state.nowMs,
    parent: {
      namespaceId: source.namespaceId,
      org: source.org,
      project: source.project,
      name: source.name,
      version,
    },
  });
}
