/** One step of the walk over a bucket's keys: a page of rows, what is due among them, and where the next page begins. */

import { fromHex, toHex } from "../../base/index.ts";
import type { ExpirationTarget } from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BucketRow, VersioningState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { MetadataView } from "../../meta/index.ts";
import { type Releasing, referencesOfUpload } from "../released-references.ts";
import type { LifecyclePosition } from "./cursor.ts";
import {
  currentTarget,
  LIFECYCLE_PHASES,
  type LifecycleNow,
  type LifecyclePhase,
  prefixesOf,
  uploadTarget,
  versionTarget,
} from "./plan.ts";

/** Rows of one step: what is due among them goes into few commands. */
export const LIFECYCLE_PAGE_ROWS = 200;

type Inside = Extract<LifecyclePosition, { kind: "inside" }>;

export interface LifecycleStep {
  readonly examined: number;
  readonly targets: readonly Releasing<ExpirationTarget>[];
  readonly next: LifecyclePosition;
}

/** Where the walk over a bucket begins. */
export function beginningOf(bucket: BucketRow, now: LifecycleNow): LifecyclePosition {
  return firstOf(bucket, now, LIFECYCLE_PHASES[0]!);
}

/** The rules may be others than at the last step: a position that is none of theirs begins its phase anew. */
export async function stepInside(
  view: MetadataView,
  bucket: BucketRow,
  position: Inside,
  now: LifecycleNow,
): Promise<LifecycleStep> {
  const prefixes = prefixesOf(now.lifecycle, position.phase);
  if (!prefixes.includes(position.prefix)) {
    return { examined: 0, targets: [], next: firstOf(bucket, now, position.phase) };
  }
  const page = await readPage(view, bucket, position, now);
  const next = page.after ?? behindPrefix(bucket, position, now);
  return { examined: page.examined, targets: page.targets, next };
}

interface Page {
  readonly examined: number;
  readonly targets: readonly Releasing<ExpirationTarget>[];
  /** Undefined: the prefix is done. */
  readonly after: Inside | undefined;
}

function readPage(view: MetadataView, bucket: BucketRow, position: Inside, now: LifecycleNow): Promise<Page> {
  switch (position.phase) {
    case "current":
      return currentPage(view, bucket, position, now);
    case "versions":
      return versionPage(view, bucket, position, now);
    case "uploads":
      return uploadPage(view, bucket, position, now);
  }
}

async function currentPage(
  view: MetadataView,
  bucket: BucketRow,
  position: Inside,
  now: LifecycleNow,
): Promise<Page> {
  const { prefix, afterKey: after } = position;
  const rows = await view.objects(bucket.bucketId, { prefix, after, limit: LIFECYCLE_PAGE_ROWS });
  return {
    examined: rows.length,
    targets: rows.flatMap((row) => releasing(currentTarget(row, now), row.sliceCount)),
    after: isWhole(rows) ? { ...position, afterKey: rows.at(-1)?.key ?? "" } : undefined,
  };
}

/** Of one key the newest come first: so it is known of each how many noncurrent ones are newer. */
async function versionPage(
  view: MetadataView,
  bucket: BucketRow,
  position: Inside,
  now: LifecycleNow,
): Promise<Page> {
  const rows = await view.versions(bucket.bucketId, {
    prefix: position.prefix,
    afterKey: position.afterKey,
    afterVersionId: idOf(position.afterId),
    limit: LIFECYCLE_PAGE_ROWS,
  });
  const targets: Releasing<ExpirationTarget>[] = [];
  let key = position.afterKey;
  let newer = position.newerVersions;
  for (const row of rows) {
    if (row.key !== key) {
      key = row.key;
      newer = 0;
    }
    targets.push(...releasing(versionTarget(row, newer, now), row.sliceCount));
    if (row.newerVersionId.length > 0) newer += 1;
  }
  const last = rows.at(-1);
  const afterId = last === undefined ? "" : toHex(last.versionId);
  return {
    examined: rows.length,
    targets,
    after: isWhole(rows) ? { ...position, afterKey: key, afterId, newerVersions: newer } : undefined,
  };
}

async function uploadPage(
  view: MetadataView,
  bucket: BucketRow,
  position: Inside,
  now: LifecycleNow,
): Promise<Page> {
  const rows = await view.uploads(bucket.bucketId, {
    prefix: position.prefix,
    afterKey: position.afterKey,
    afterUploadId: idOf(position.afterId),
    limit: LIFECYCLE_PAGE_ROWS,
  });
  const targets: Releasing<ExpirationTarget>[] = [];
  for (const row of rows) {
    const target = uploadTarget(row, now);
    if (target === undefined) continue;
    targets.push({ item: target, references: await referencesOfUpload(view, row) });
  }
  const last = rows.at(-1);
  const afterId = last === undefined ? "" : toHex(last.uploadId);
  return {
    examined: rows.length,
    targets,
    after: isWhole(rows) ? { ...position, afterKey: last?.key ?? "", afterId } : undefined,
  };
}

function releasing(item: ExpirationTarget | undefined, references: number): Releasing<ExpirationTarget>[] {
  return item === undefined ? [] : [{ item, references }];
}

function isWhole(rows: readonly unknown[]): boolean {
  return rows.length === LIFECYCLE_PAGE_ROWS;
}

function idOf(hex: string): Uint8Array | undefined {
  return hex === "" ? undefined : fromHex(hex);
}

function behindPrefix(bucket: BucketRow, position: Inside, now: LifecycleNow): LifecyclePosition {
  const prefixes = prefixesOf(now.lifecycle, position.phase);
  const prefix = prefixes[prefixes.indexOf(position.prefix) + 1];
  if (prefix !== undefined) return inside(bucket, position.phase, prefix);
  const phase = LIFECYCLE_PHASES[LIFECYCLE_PHASES.indexOf(position.phase) + 1];
  return phase === undefined ? { kind: "behind", bucket: bucket.name } : firstOf(bucket, now, phase);
}

/** The beginning of the first phase from this one on for which there are rules and rows. */
function firstOf(bucket: BucketRow, now: LifecycleNow, from: LifecyclePhase): LifecyclePosition {
  for (const phase of LIFECYCLE_PHASES.slice(LIFECYCLE_PHASES.indexOf(from))) {
    const [prefix] = hasRows(bucket, phase) ? prefixesOf(now.lifecycle, phase) : [];
    if (prefix !== undefined) return inside(bucket, phase, prefix);
  }
  return { kind: "behind", bucket: bucket.name };
}

function hasRows(bucket: BucketRow, phase: LifecyclePhase): boolean {
  switch (phase) {
    case "current":
      return bucket.objectCount > 0n;
    case "versions":
      return bucket.versioning !== VersioningState.UNSPECIFIED && bucket.versionCount > 0n;
    case "uploads":
      return bucket.uploadCount > 0n;
  }
}

function inside({ name, bucketId }: BucketRow, phase: LifecyclePhase, prefix: string): Inside {
  return {
    kind: "inside",
    bucket: name,
    bucketId: String(bucketId),
    phase,
    prefix,
    afterKey: "",
    afterId: "",
    newerVersions: 0,
  };
}
