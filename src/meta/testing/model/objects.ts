/** Objects of the model: what is written, changed, deleted, expired, copied and renamed. */

import type { ModelBlob } from "./blobs.ts";
import {
  currentOf,
  type ModelBucket,
  type ModelChange,
  type ModelConditions,
  type ModelExpiration,
  type ModelObject,
  type ModelSource,
  type ModelTarget,
  type ModelWrap,
  TAGGED,
} from "./rows.ts";
import type { ModelState } from "./state.ts";
import { addMarker, addVersion, isTarget, removeVersions } from "./versions.ts";

export class ModelObjects {
  readonly #state: ModelState;

  constructor(state: ModelState) {
    this.#state = state;
  }

  commit(
    name: string,
    key: string,
    object: ModelObject,
    blobs: ReadonlyMap<number, ModelBlob>,
    conditions: ModelConditions,
  ): string {
    const bucket = this.#state.openBucket(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const refusal = refusalOf(currentOf(bucket, key), conditions);
    if (refusal !== undefined) return refusal;
    const wrapRefusal = this.#state.ring.refusalOf(object.wrap);
    if (wrapRefusal !== undefined) return wrapRefusal;
    for (const [id, blob] of blobs) this.#state.blobs.rows.set(id, blob);
    this.#put(bucket, key, object);
    this.#state.oplogLength++;
    this.#state.collect();
    return "objectCommitted";
  }

  /** One thing of what is said about a version; all else stays. No bucket of the model has object lock. */
  change(name: string, { key, version, expected, change }: ModelChange): string {
    const bucket = this.#state.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const versions = bucket.keys.get(key) ?? [];
    const found =
      version === undefined ? currentOf(bucket, key) : versions.find((known) => isTarget(version, known));
    if (found === undefined) return version === undefined ? "OBJECT_UNKNOWN" : "VERSION_UNKNOWN";
    if (found.marker) return "DELETE_MARKER";
    if (expected !== undefined) {
      const isSame = found.version === expected.version && found.acl === expected.acl;
      if (!isSame || (expected.tag !== null && found.tag !== expected.tag)) return "VERSION_CHANGED";
    }
    switch (change.kind) {
      case "tag":
        found.tag = change.tag;
        break;
      case "acl":
        found.acl = change.acl;
        break;
      case "hold":
        return "LOCK_MISSING";
      case "none":
        return "INVALID";
    }
    this.#state.oplogLength++;
    return "objectChanged";
  }

  delete(name: string, targets: readonly ModelTarget[], markerId: number): string {
    const bucket = this.#state.openBucket(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    for (const { key, version } of targets) {
      if (version === undefined && bucket.versioning !== "never") {
        addMarker(bucket, key, markerId, this.#state.nowMs);
        this.#state.oplogLength++;
      } else if (removeVersions(bucket, key, (known) => isTarget(version, known))) {
        this.#state.oplogLength++;
      }
    }
    this.#state.collect();
    return "objectsDeleted";
  }

  /** Whatever does not hold any more is passed over. */
  expire(name: string, rulesRevision: number, targets: readonly ModelExpiration[], markerId: number): string {
    const bucket = this.#state.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (bucket.rulesRevision !== rulesRevision) return "CONFIGURATION_CHANGED";
    for (const target of targets)
      if (target.dueAtMs <= this.#state.nowMs) this.#expire(bucket, target, markerId);
    this.#state.collect();
    return "objectsDeleted";
  }

  #expire(bucket: ModelBucket, target: ModelExpiration, markerId: number): void {
    const { key, version } = target;
    const versions = bucket.keys.get(key) ?? [];
    const at = versions.findIndex((known) => known.version === version);
    const known = versions[at];
    const remove = () => {
      removeVersions(bucket, key, (other) => other === known);
      this.#state.oplogLength++;
    };
    switch (target.kind) {
      case "current": {
        if (known === undefined || known !== currentOf(bucket, key)) return;
        if (target.tagged && known.tag !== TAGGED) return;
        if (bucket.versioning === "never") {
          remove();
          return;
        }
        addMarker(bucket, key, markerId, this.#state.nowMs);
        this.#state.oplogLength++;
        return;
      }
      case "noncurrent":
        // The newest is none of the noncurrent ones that are newer.
        if (at < 1 || at - 1 < target.newer || (target.tagged && known?.tag !== TAGGED)) return;
        if (known?.noncurrentSinceMs === target.noncurrentSinceMs) remove();
        return;
      case "marker":
        if (known?.marker === true && versions.length === 1) remove();
        return;
      case "upload":
        if (bucket.uploads.get(version)?.key === key) bucket.uploads.delete(version);
    }
  }

  copy(
    source: ModelSource,
    name: string,
    key: string,
    copied: { readonly version: number; readonly wrap: ModelWrap | undefined; readonly salted: boolean },
  ): string {
    const from = this.#state.source(source);
    if (from === undefined) return "SOURCE_CHANGED";
    const bucket = this.#state.openBucket(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const { etag, slices, tagBytes = 0, multipart = false } = from;
    const { version, wrap, salted } = copied;
    if ((wrap === undefined) !== (from.wrap === undefined)) return "INVALID";
    if (wrap !== undefined && salted === multipart) return "INVALID";
    const refusal = this.#state.ring.refusalOf(wrap);
    if (refusal !== undefined) return refusal;
    const copy = { version, etag, slices, tagBytes, multipart, wrap, modifiedMs: this.#state.nowMs };
    this.#put(bucket, key, copy);
    this.#state.oplogLength++;
    this.#state.collect();
    return "objectCommitted";
  }

  /** Its time stays, whatever the key. */
  rename(name: string, from: string, to: string, version: number, markerId: number): string {
    const bucket = this.#state.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (from === to) return "INVALID";
    const source = currentOf(bucket, from);
    if (source === undefined) return "OBJECT_UNKNOWN";
    const { etag, slices, modifiedMs, wrap, tag, acl, tagBytes = 0, multipart = false } = source;
    const renamed = { version, etag, slices, modifiedMs, wrap, tag, acl, tagBytes, multipart };
    this.#put(bucket, to, renamed);
    if (bucket.versioning === "never") removeVersions(bucket, from, (known) => known === source);
    else addMarker(bucket, from, markerId, this.#state.nowMs);
    this.#state.oplogLength += 2;
    this.#state.collect();
    return "objectCommitted";
  }

  #put(bucket: ModelBucket, key: string, object: ModelObject): void {
    addVersion(bucket, key, object, { marker: false, nowMs: this.#state.nowMs });
  }
}

function refusalOf(current: ModelObject | undefined, conditions: ModelConditions): string | undefined {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifMatch !== undefined && current === undefined) return "OBJECT_UNKNOWN";
  if (ifMatch !== undefined && ifMatch !== "*" && ifMatch !== current?.etag) return "PRECONDITION_FAILED";
  const isHit = current !== undefined && (ifNoneMatch === "*" || ifNoneMatch === current.etag);
  return isHit ? "PRECONDITION_FAILED" : undefined;
}
