/** From rows to what is proposed about them: pure. */

import { create } from "@bufbuild/protobuf";
import { compareKeys } from "../../base/index.ts";
import {
  type ExpirationTarget,
  ExpirationTarget_Kind,
  ExpirationTargetSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { UploadRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectSummary } from "../../meta/index.ts";
import {
  conditionsOf,
  type Due,
  expirationOf,
  markerExpirationOf,
  noncurrentExpirationOf,
  tagsOf,
  uploadExpirationOf,
} from "./due.ts";
import type { Lifecycle, LifecycleRule } from "./rules.ts";

export type LifecyclePhase = "current" | "versions" | "uploads";
export const LIFECYCLE_PHASES: readonly LifecyclePhase[] = ["current", "versions", "uploads"];

export interface LifecycleNow {
  readonly lifecycle: Lifecycle;
  readonly nowMs: number;
  readonly dayMs: number;
}

export function currentTarget(row: ObjectSummary, now: LifecycleNow): ExpirationTarget | undefined {
  const version = { ...subjectOf(row), modifiedAtMs: Number(row.modifiedAtMs) };
  const due = expirationOf(now.lifecycle, version, now.dayMs);
  return targetOf(due, now, { kind: ExpirationTarget_Kind.CURRENT, key: row.key, versionId: row.versionId });
}

/** Of a row of the version table: a noncurrent version, or a delete marker in the place of a current one. */
export function versionTarget(
  row: ObjectSummary,
  newerVersions: number,
  now: LifecycleNow,
): ExpirationTarget | undefined {
  const { key, versionId } = row;
  if (row.newerVersionId.length === 0) {
    if (row.olderVersionId.length > 0) return undefined;
    const marker = { key, modifiedAtMs: Number(row.modifiedAtMs) };
    const due = markerExpirationOf(now.lifecycle, marker, now.dayMs);
    return targetOf(due, now, { kind: ExpirationTarget_Kind.MARKER, key, versionId });
  }
  const version = { ...subjectOf(row), noncurrentSinceMs: Number(row.noncurrentSinceMs), newerVersions };
  const due = noncurrentExpirationOf(now.lifecycle, version, now.dayMs);
  return targetOf(due, now, {
    kind: ExpirationTarget_Kind.NONCURRENT,
    key,
    versionId,
    noncurrentSinceMs: row.noncurrentSinceMs,
    newerNoncurrentVersions: due?.rule.noncurrentExpiration?.newerVersions ?? 0,
  });
}

export function uploadTarget(row: UploadRow, now: LifecycleNow): ExpirationTarget | undefined {
  const upload = { key: row.key, initiatedAtMs: Number(row.initiatedAtMs) };
  const due = uploadExpirationOf(now.lifecycle, upload, now.dayMs);
  return targetOf(due, now, {
    kind: ExpirationTarget_Kind.UPLOAD,
    key: row.key,
    versionId: row.uploadId,
  });
}

function subjectOf({ key, size, attributes, deleteMarker }: ObjectSummary) {
  return { key, tags: attributes?.tags ?? [], size: deleteMarker ? undefined : Number(size) };
}

function targetOf(
  due: Due | undefined,
  { nowMs }: LifecycleNow,
  target: Partial<ExpirationTarget> & Pick<ExpirationTarget, "kind" | "key" | "versionId">,
): ExpirationTarget | undefined {
  if (due === undefined || due.atMs > nowMs) return undefined;
  const { $typeName: _, ...fields } = target as ExpirationTarget;
  const tags = tagsOf(due.rule).map(({ key, value }) => ({ key, value }));
  return create(ExpirationTargetSchema, { ...fields, dueAtMs: BigInt(due.atMs), tags });
}

/**
 * The prefixes whose keys have to be looked at for a phase, in order of keys and without those that another one covers. None: there is no rule
 * for it.
 */
export function prefixesOf(lifecycle: Lifecycle, phase: LifecyclePhase): readonly string[] {
  const wanted: string[] = [];
  for (const rule of lifecycle.rules) {
    if (rule.isEnabled && isAbout(rule, phase)) wanted.push(narrowestPrefix(rule));
  }
  const kept: string[] = [];
  // What a prefix covers comes right behind it.
  for (const prefix of wanted.sort(compareKeys)) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix);
  }
  return kept;
}

function isAbout(rule: LifecycleRule, phase: LifecyclePhase): boolean {
  const { expiration, noncurrentExpiration, abortUploadsAfterDays } = rule;
  switch (phase) {
    case "current":
      return expiration !== undefined && expiration.kind !== "markers";
    case "versions":
      return noncurrentExpiration !== undefined || (expiration !== undefined && expiration.kind !== "date");
    case "uploads":
      return abortUploadsAfterDays !== undefined;
  }
}

/** Keys that a rule is about begin with every prefix that it names; so with the longest. */
function narrowestPrefix(rule: LifecycleRule): string {
  const prefixes = conditionsOf(rule).map(({ prefix }) => prefix ?? "");
  return prefixes.reduce((longest, prefix) => (prefix.length > longest.length ? prefix : longest), "");
}
