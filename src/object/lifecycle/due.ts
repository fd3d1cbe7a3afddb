/** When a rule acts on something: pure. Days are counted as S3 does, from the time of the thing to the next midnight (UTC) after so many days. */

import type { Tag } from "../tags.ts";
import type { Lifecycle, LifecycleConditions, LifecycleRule } from "./rules.ts";

export const DAY_MS = 24 * 60 * 60 * 1000;

/** `dayMs` is DAY_MS, or less where a shortened day is set for tests: then nothing is rounded. */
export function dueMs(fromMs: number, days: number, dayMs: number): number {
  const afterMs = fromMs + days * dayMs;
  return dayMs === DAY_MS ? Math.ceil(afterMs / DAY_MS) * DAY_MS : afterMs;
}

/** A version, a delete marker or an upload; only versions have tags and a size. */
export interface LifecycleSubject {
  readonly key: string;
  readonly tags: readonly Tag[];
  /** In bytes. */
  readonly size: number | undefined;
}

/** All conditions of a rule. */
export function conditionsOf({ scope }: LifecycleRule): readonly LifecycleConditions[] {
  if (scope.kind === "prefix") return [{ prefix: scope.prefix, tags: [] }];
  return scope.filter.and === undefined ? [scope.filter] : [scope.filter, scope.filter.and];
}

/** Tags that a version must have for the rule. */
export function tagsOf(rule: LifecycleRule): readonly Tag[] {
  return conditionsOf(rule).flatMap(({ tags }) => tags);
}

export function matches(rule: LifecycleRule, subject: LifecycleSubject): boolean {
  return rule.isEnabled && conditionsOf(rule).every((conditions) => holds(conditions, subject));
}

function holds(conditions: LifecycleConditions, { key, tags, size }: LifecycleSubject): boolean {
  const { prefix, greaterThan, lessThan } = conditions;
  if (prefix !== undefined && !key.startsWith(prefix)) return false;
  if (greaterThan !== undefined && !(size !== undefined && size > greaterThan)) return false;
  if (lessThan !== undefined && !(size !== undefined && size < lessThan)) return false;
  return conditions.tags.every((wanted) =>
    tags.some(({ key: name, value }) => name === wanted.key && value === wanted.value),
  );
}

export interface Due {
  readonly rule: LifecycleRule;
  readonly atMs: number;
}

export interface CurrentVersion extends LifecycleSubject {
  readonly modifiedAtMs: number;
}

/** When a current version expires, by the rule that comes first; undefined: never. */
export function expirationOf(lifecycle: Lifecycle, version: CurrentVersion, dayMs: number): Due | undefined {
  let first: Due | undefined;
  for (const rule of lifecycle.rules) {
    const { expiration } = rule;
    if (expiration === undefined || expiration.kind === "markers" || !matches(rule, version)) continue;
    const atMs =
      expiration.kind === "date" ? expiration.dateMs : dueMs(version.modifiedAtMs, expiration.days, dayMs);
    if (first === undefined || atMs < first.atMs) first = { rule, atMs };
  }
  return first;
}

export interface NoncurrentVersion extends LifecycleSubject {
  readonly noncurrentSinceMs: number;
  /** Noncurrent versions of the key that are newer. */
  readonly newerVersions: number;
}

/** When a noncurrent version goes, by the rule that comes first and whose newer versions are there already. */
export function noncurrentExpirationOf(
  lifecycle: Lifecycle,
  version: NoncurrentVersion,
  dayMs: number,
): Due | undefined {
  let first: Due | undefined;
  for (const rule of lifecycle.rules) {
    const { noncurrentExpiration } = rule;
    if (noncurrentExpiration === undefined || !matches(rule, version)) continue;
    if (version.newerVersions < (noncurrentExpiration.newerVersions ?? 0)) continue;
    const atMs = dueMs(version.noncurrentSinceMs, noncurrentExpiration.days, dayMs);
    if (first === undefined || atMs < first.atMs) first = { rule, atMs };
  }
  return first;
}

/** When a delete marker that is all that is left of its key goes: at once by a rule about such markers, or at the age of versions. */
export function markerExpirationOf(
  lifecycle: Lifecycle,
  marker: { readonly key: string; readonly modifiedAtMs: number },
  dayMs: number,
): Due | undefined {
  const subject = { key: marker.key, tags: [], size: undefined };
  let first: Due | undefined;
  for (const rule of lifecycle.rules) {
    const { expiration } = rule;
    if (expiration === undefined || expiration.kind === "date" || !matches(rule, subject)) continue;
    if (expiration.kind === "markers" && !expiration.isOn) continue;
    const atMs = expiration.kind === "days" ? dueMs(marker.modifiedAtMs, expiration.days, dayMs) : 0;
    if (first === undefined || atMs < first.atMs) first = { rule, atMs };
  }
  return first;
}

/** When an upload that nobody completed is aborted. */
export function uploadExpirationOf(
  lifecycle: Lifecycle,
  upload: { readonly key: string; readonly initiatedAtMs: number },
  dayMs: number,
): Due | undefined {
  const subject = { key: upload.key, tags: [], size: undefined };
  let first: Due | undefined;
  for (const rule of lifecycle.rules) {
    if (rule.abortUploadsAfterDays === undefined || !matches(rule, subject)) continue;
    const atMs = dueMs(upload.initiatedAtMs, rule.abortUploadsAfterDays, dayMs);
    if (first === undefined || atMs < first.atMs) first = { rule, atMs };
  }
  return first;
}
