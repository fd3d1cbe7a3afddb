/** What a namespace is made of at one revision, read from the rows of the metadata. */

import { type ManifestRow, type NamespaceRow, NamespaceState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { SearchError } from "../errors.ts";
import type { BlobName, NamespaceStore, NamespaceView } from "../ports.ts";
import type { PointInTime } from "../service.ts";
import { historyFromMs } from "./retention.ts";

export interface Manifest {
  readonly namespaceId: bigint;
  readonly revision: bigint;
  /** Frames of batches with a later version are not part of it. */
  readonly version: bigint;
  readonly batches: readonly BatchRef[];
  readonly segments: readonly SegmentRef[];
  /** The rows that it was read from, as commands name them. */
  readonly rows: readonly ManifestRow[];
}

export interface BatchRef {
  readonly blob: BlobName;
  /** Its last version. */
  readonly number: bigint;
  readonly firstVersion: bigint;
  /** Of each frame; 0: it does not count. */
  readonly frameVersions: readonly bigint[];
  readonly addedAtMs: number;
}

export interface SegmentRef {
  readonly number: bigint;
  readonly blob: BlobName;
  readonly level: number;
  readonly rows: number;
  readonly firstVersion: bigint;
  readonly lastVersion: bigint;
  readonly deletes: DeletesRef | undefined;
}

export interface DeletesRef {
  readonly number: bigint;
  readonly blob: BlobName;
  readonly rows: number;
}

const PAGE_ROWS = 1_000;
/** More than one commit can remove, so that a full page ends behind the revision that it begins with. */
const PAST_PAGE_ROWS = 16_384;

/** Of a namespace's row as it is now. */
export async function readManifest(view: NamespaceView, row: NamespaceRow): Promise<Manifest> {
  const { namespaceId, revision, version } = row;
  return manifestOf({ namespaceId, revision, version }, await rowsAt(view, namespaceId, revision));
}

/** Of a state of the past. "failed-precondition": it is older than the retention. */
export async function readManifestAt(
  view: NamespaceView,
  row: NamespaceRow,
  at: PointInTime | undefined,
): Promise<Manifest> {
  if (at === undefined) return readManifest(view, row);
  const moment =
    at.kind === "version" ? await momentOf(view, row, at.version) : await momentAt(view, row, at.timeMs);
  if (moment.revision < row.trimmedRevision) throw retentionOver();
  const rows = await rowsAt(view, row.namespaceId, moment.revision);
  // What was trimmed while the rows were read would be missing.
  const now = view.namespace(row.namespaceId);
  if (now === undefined || moment.revision < now.trimmedRevision) throw retentionOver();
  return manifestOf({ namespaceId: row.namespaceId, ...moment }, rows);
}

function retentionOver(): SearchError {
  return new SearchError("failed-precondition", "this state of the namespace is older than its retention");
}

interface Moment {
  readonly revision: bigint;
  readonly version: bigint;
}

/** The newest revision that shows a version: the one before that of the next batch. */
async function momentOf(view: NamespaceView, row: NamespaceRow, version: bigint): Promise<Moment> {
  if (version > row.version || version < 0n)
    throw new SearchError("not-found", `the namespace is at version ${row.version}`, {
      version: `${row.version}`,
    });
  if (version === row.version) return { revision: row.revision, version };
  checkBegun(row, version);
  const next = await findBatch(view, row, ({ number }) => number > version);
  // The batch right behind the version says until when it was the newest. When that one was trimmed, a later one is found.
  if (next === undefined || next.firstVersion > version + 1n) throw retentionOver();
  const isInside = next.firstVersion <= version;
  return { revision: isInside ? next.addedRevision : next.addedRevision - 1n, version };
}

/** Batches that a branch took over came into it all at once: it never was at a version before the one that it was made of. */
function checkBegun({ parent }: NamespaceRow, version: bigint): void {
  if (parent === undefined || version >= parent.version) return;
  throw new SearchError(
    "failed-precondition",
    `the namespace is a branch that begins at version ${parent.version}; its source has what was before`,
    { version: `${parent.version}` },
  );
}

/** The newest state that was committed at or before a time. */
async function momentAt(view: NamespaceView, row: NamespaceRow, timeMs: number): Promise<Moment> {
  if (timeMs < Number(row.createdAtMs))
    throw new SearchError("not-found", "the namespace was not there at this time");
  const next = await findBatch(view, row, ({ addedAtMs }) => addedAtMs > timeMs);
  const isOld = timeMs < historyFromMs(row, view.appliedTimeMs());
  // Batches may be gone that would have been found; the newest is not younger than the row says.
  if (isOld && (next !== undefined || timeMs < Number(row.updatedAtMs))) throw retentionOver();
  if (next === undefined) return { revision: row.revision, version: row.version };
  return { revision: next.addedRevision - 1n, version: next.firstVersion - 1n };
}

interface FoundBatch {
  readonly number: bigint;
  readonly firstVersion: bigint;
  readonly addedRevision: bigint;
  readonly addedAtMs: number;
}

/**
 * The first batch that is wanted, among the live ones and those of the past that are kept. What is wanted once is wanted from then on. Live rows are read
 * first, as in `rowsAt`: a batch that is superseded meanwhile is then found among those of the past, and not missed.
 */
async function findBatch(
  view: NamespaceView,
  row: NamespaceRow,
  isWanted: (batch: FoundBatch) => boolean,
): Promise<FoundBatch | undefined> {
  const live = await findLiveBatch(view, row, isWanted);
  const past = await findPastBatch(view, row, isWanted);
  if (live === undefined || past === undefined) return live ?? past;
  return past.number < live.number ? past : live;
}

async function findLiveBatch(
  view: NamespaceView,
  row: NamespaceRow,
  isWanted: (batch: FoundBatch) => boolean,
): Promise<FoundBatch | undefined> {
  for (let after = 0n; ; ) {
    const page = await view.manifest(row.namespaceId, { kind: "batch", after, limit: PAGE_ROWS });
    const found = page.map(foundBatch).find((batch) => batch !== undefined && isWanted(batch));
    if (found !== undefined || page.length < PAGE_ROWS) return found;
    after = page.at(-1)?.number ?? after;
  }
}

async function findPastBatch(
  view: NamespaceView,
  row: NamespaceRow,
  isWanted: (batch: FoundBatch) => boolean,
): Promise<FoundBatch | undefined> {
  for (let afterRevision = row.trimmedRevision; ; ) {
    const page = await view.manifestPast(row.namespaceId, { afterRevision, limit: PAST_PAGE_ROWS });
    const found = page.map(foundBatch).find((batch) => batch !== undefined && isWanted(batch));
    if (found !== undefined) return found;
    const next = nextRevision(page);
    if (next === undefined) return undefined;
    afterRevision = next;
  }
}

function foundBatch(row: ManifestRow): FoundBatch | undefined {
  if (row.detail.case !== "batch") return undefined;
  const { number, addedRevision } = row;
  return {
    number,
    addedRevision,
    firstVersion: row.detail.value.firstVersion,
    addedAtMs: Number(row.addedAtMs),
  };
}

/**
 * Rows that are visible at a revision. Live rows are read first: what is superseded meanwhile is then found among those of the past, and not missed.
 * What was taken twice is one row.
 */
async function rowsAt(
  view: NamespaceView,
  namespaceId: bigint,
  revision: bigint,
): Promise<readonly ManifestRow[]> {
  const rows = new Map<string, ManifestRow>();
  const take = (page: readonly ManifestRow[]) => {
    for (const row of page) {
      const isVisible =
        row.addedRevision <= revision && (row.removedRevision === 0n || row.removedRevision > revision);
      if (isVisible) rows.set(`${row.kind}/${row.number}`, row);
    }
  };
  for (const kind of ["batch", "segment", "deletes"] as const) {
    for (let after = 0n; ; ) {
      const page = await view.manifest(namespaceId, { kind, after, limit: PAGE_ROWS });
      take(page);
      if (page.length < PAGE_ROWS) break;
      after = page.at(-1)?.number ?? after;
    }
  }
  for (let afterRevision = revision; ; ) {
    const page = await view.manifestPast(namespaceId, { afterRevision, limit: PAST_PAGE_ROWS });
    take(page);
    const next = nextRevision(page);
    if (next === undefined) break;
    afterRevision = next;
  }
  return [...rows.values()].sort((a, b) => a.kind - b.kind || (a.number < b.number ? -1 : 1));
}

/** Where the next page of the past begins; undefined: there is none. The last revision of a full page may go on: it is read again. */
function nextRevision(page: readonly ManifestRow[]): bigint | undefined {
  return page.length < PAST_PAGE_ROWS ? undefined : page.at(-1)!.removedRevision - 1n;
}

function manifestOf(
  at: { readonly namespaceId: bigint; readonly revision: bigint; readonly version: bigint },
  rows: readonly ManifestRow[],
): Manifest {
  const deletes = new Map<bigint, DeletesRef>();
  for (const { detail, number, blobId, size } of rows) {
    if (detail.case !== "deletes") continue;
    const { segmentNumber, rows: count } = detail.value;
    deletes.set(segmentNumber, { number, blob: { blobId, sizeBytes: Number(size) }, rows: Number(count) });
  }
  const batches: BatchRef[] = [];
  const segments: SegmentRef[] = [];
  for (const { detail, number, blobId, size, addedAtMs } of rows) {
    const blob = { blobId, sizeBytes: Number(size) };
    if (detail.case === "batch") {
      const { firstVersion, frameVersions } = detail.value;
      batches.push({ blob, number, firstVersion, frameVersions, addedAtMs: Number(addedAtMs) });
    } else if (detail.case === "segment") {
      const { level, rows: count, firstVersion, lastVersion } = detail.value;
      const common = { number, blob, level, firstVersion, lastVersion };
      segments.push({ ...common, rows: Number(count), deletes: deletes.get(number) });
    }
  }
  return { ...at, batches, segments, rows };
}

/** The namespace's row behind a name. "not-found": there is none. */
export function findRow(
  { view }: Pick<NamespaceStore, "view">,
  name: { readonly org: string; readonly project: string; readonly name: string },
): NamespaceRow {
  const found = view.namespaceName(name.org, name.project, name.name);
  const row = found && view.namespace(found.namespaceId);
  if (row?.state !== NamespaceState.LIVE)
    throw new SearchError("not-found", `there is no namespace ${name.org}/${name.project}/${name.name}`);
  return row;
}

/** The row of the namespace of this id. Throws "not-found" once it was deleted, whatever its name is by now. */
export function liveRow({ view }: Pick<NamespaceStore, "view">, namespaceId: bigint): NamespaceRow {
  const row = view.namespace(namespaceId);
  if (row?.state !== NamespaceState.LIVE) throw new SearchError("not-found", "the namespace was deleted");
  return row;
}
