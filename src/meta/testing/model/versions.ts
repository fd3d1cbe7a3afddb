/** The versions of a key of the model, the newest first. */

import { ID_TIME_UNIT } from "../commands.ts";
import type { ModelBucket, ModelObject, ModelTarget, ModelVersion } from "./rows.ts";

/** In front of the others; where versions are not kept, instead of the null version. */
export function addVersion(
  bucket: ModelBucket,
  key: string,
  object: ModelObject,
  { marker, nowMs }: { readonly marker: boolean; readonly nowMs: number },
): void {
  const named = bucket.versioning === "enabled";
  const before = bucket.keys.get(key) ?? [];
  const version = laterId(object.version, before[0]?.version ?? 0);
  if (before[0] !== undefined) before[0].noncurrentSinceMs = nowMs;
  const left = named ? before : before.filter((other) => other.named);
  bucket.keys.set(key, [{ ...object, version, named, marker, noncurrentSinceMs: 0 }, ...left]);
}

/** A delete marker. */
export function addMarker(bucket: ModelBucket, key: string, version: number, nowMs: number): void {
  addVersion(bucket, key, { version, etag: "", slices: [], modifiedMs: nowMs }, { marker: true, nowMs });
}

/** Whether there was one. */
export function removeVersions(
  bucket: ModelBucket,
  key: string,
  wanted: (version: ModelVersion) => boolean,
): boolean {
  const before = bucket.keys.get(key) ?? [];
  const left = before.filter((version) => !wanted(version));
  if (left[0] !== undefined) left[0].noncurrentSinceMs = 0;
  if (left.length > 0) bucket.keys.set(key, left);
  else bucket.keys.delete(key);
  return left.length < before.length;
}

/** Whether a version is what a target names; what names none means the null version here. */
export function isTarget(version: ModelTarget["version"], known: ModelVersion): boolean {
  return version === undefined || version === "null"
    ? !known.named
    : known.named && known.version === version;
}

/** The proposed id, a unit of time behind the newest where it is not greater: no version had it before. */
function laterId(proposed: number, newest: number): number {
  if (proposed > newest) return proposed;
  return (Math.floor(newest / ID_TIME_UNIT) + 1) * ID_TIME_UNIT + (proposed % ID_TIME_UNIT);
}
