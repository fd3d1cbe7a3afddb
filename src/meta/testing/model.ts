/**
 * The metadata once more, as simply as it can be said: maps in memory, and what is referred to is found by looking at everything. For the
 * model test, which compares it with the state machine after every command. Ids are numbers here.
 */

import { ID_TIME_UNIT } from "./commands.ts";

export interface ModelSlice {
  readonly blob: number;
  readonly offset: number;
  readonly length: number;
}

/** A data key, by a number for the wrapped bytes, and the version of the ring's one key that has wrapped it. */
export interface ModelWrap {
  readonly version: number;
  readonly wrapped: number;
}

export interface ModelObject {
  readonly version: number;
  readonly etag: string;
  readonly slices: readonly ModelSlice[];
  readonly modifiedMs: number;
  /** Undefined: not encrypted. */
  wrap?: ModelWrap | undefined;
  /** Bytes in the slices that are not the client's. */
  readonly tagBytes?: number;
  /** The value of its one tag, and a number for its grants. */
  tag?: string | undefined;
  acl?: number | undefined;
  /** Of parts: the salts are theirs. */
  readonly multipart?: boolean;
}

export interface ModelVersion extends ModelObject {
  /** False: the null version. */
  readonly named: boolean;
  readonly marker: boolean;
  /** 0: it is the newest. */
  noncurrentSinceMs: number;
}

export type ModelVersioning = "never" | "enabled" | "suspended";

export interface ModelPart {
  readonly tagBytes?: number;
  readonly etag: string;
  readonly slices: readonly ModelSlice[];
}

export interface ModelUpload {
  readonly id: number;
  readonly key: string;
  readonly parts: Map<number, ModelPart>;
  wrap: ModelWrap | undefined;
}

export interface ModelBucket {
  readonly id: number;
  versioning: ModelVersioning;
  /** The newest first; without empty lists. */
  readonly keys: Map<string, ModelVersion[]>;
  readonly uploads: Map<number, ModelUpload>;
  /** Documents by kind. */
  readonly configurations: Map<number, string>;
  /** Of the lifecycle; 0: there is none. */
  rulesRevision: number;
}

export interface ModelBlob {
  readonly size: number;
  readonly isInline: boolean;
  state: "live" | "pending" | "deleting";
  sinceMs: number;
  /** Of its only chunk. */
  holders: number[];
  home: number;
  discards: number;
}

export interface ModelConditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

/** The copysets of the model test: 1 and 2, of three nodes each. */
const HOMES = 2;
/** The tag that rules ask for. */
export const TAGGED = "v";
const TARGET_COPIES = 3;
const WRITE_QUORUM = 2;
export const DRAINING_NODE = 4;
export const LIFECYCLE_KIND = 3;
export interface ModelIdentityChange {
  readonly name: string;
  readonly expected: number;
  /** Whether there is a row afterwards. */
  readonly present: boolean;
}

export interface ModelSource {
  readonly bucket: string;
  readonly key: string;
  readonly version: number;
}

export interface ModelExpiration {
  readonly kind: "current" | "noncurrent" | "marker" | "upload";
  readonly key: string;
  readonly version: number;
  readonly dueAtMs: number;
  readonly noncurrentSinceMs: number;
  readonly newer: number;
  /** It is told to have TAGGED. */
  readonly tagged: boolean;
}

export interface ModelRewrap {
  readonly kind: "version" | "upload";
  readonly key: string;
  /** Of the version or the upload. */
  readonly id: number;
  readonly expected: number;
  readonly next: ModelWrap;
}

export interface ModelChange {
  readonly key: string;
  readonly version: ModelTarget["version"];
  /** What the caller saw of the version; `tag` null: whatever it has. */
  readonly expected:
    | { readonly version: number; readonly acl: number | undefined; readonly tag: string | null | undefined }
    | undefined;
  readonly change:
    | { readonly kind: "tag"; readonly tag: string | undefined }
    | { readonly kind: "acl"; readonly acl: number | undefined }
    | { readonly kind: "hold" }
    | { readonly kind: "none" };
}

export interface ModelTarget {
  readonly key: string;
  /** Undefined: whatever is current. */
  readonly version: number | "null" | undefined;
}

/** Undefined also where the newest is a delete marker. */
export function currentOf(bucket: ModelBucket, key: string): ModelVersion | undefined {
  const newest = bucket.keys.get(key)?.[0];
  return newest?.marker === true ? undefined : newest;
}

export interface ModelMaintenance {
  state: "off" | "entering" | "quiesced" | "exiting";
  epoch: number;
  waiting: number[];
}

interface Completed {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
}

export function sizeOf(manifest: {
  readonly slices: readonly ModelSlice[];
  readonly tagBytes?: number;
}): number {
  return manifest.slices.reduce((sum, slice) => sum + slice.length, 0) - (manifest.tagBytes ?? 0);
}

export class Model {
  readonly buckets = new Map<string, ModelBucket>();
  readonly blobs = new Map<number, ModelBlob>();
  readonly completed = new Map<number, Completed>();
  /** "node/blob": told to be discarded. */
  readonly discards = new Set<string>();
  readonly graceMs: number;
  /** Revisions by name. */
  readonly identities = new Map<string, number>();
  nextRevision = 1;
  /** Of the lifecycle's worker. */
  cursor: { readonly revision: number; readonly cursor: number } | undefined;
  /** Versions of the one key of the ring. */
  readonly ring: number[] = [];
  #lastRingVersion = 0;
  readonly maintenance: ModelMaintenance = { state: "off", epoch: 0, waiting: [] };
  nowMs = 0;
  oplogLength = 0;
  #nextBucketId = 1;

  constructor(graceMs: number) {
    this.graceMs = graceMs;
  }

  createBucket(name: string): string {
    if (this.buckets.has(name)) return "BUCKET_EXISTS";
    this.buckets.set(name, {
      id: this.#nextBucketId++,
      versioning: "never",
      keys: new Map(),
      uploads: new Map(),
      configurations: new Map(),
      rulesRevision: 0,
    });
    this.oplogLength++;
    return "bucketCreated";
  }

  setMaintenance(expectedEpoch: number, on: boolean, waiting: readonly number[]): string {
    const { maintenance } = this;
    if (expectedEpoch !== maintenance.epoch) return "MAINTENANCE_CHANGED";
    maintenance.epoch++;
    maintenance.waiting = [...waiting];
    maintenance.state = on ? "entering" : "exiting";
    this.#settleMaintenance();
    return "done";
  }

  acknowledgeMaintenance(nodeId: number, epoch: number): string {
    const { maintenance } = this;
    if (maintenance.epoch === 0 || epoch !== maintenance.epoch) return "MAINTENANCE_CHANGED";
    maintenance.waiting = maintenance.waiting.filter((waiting) => waiting !== nodeId);
    this.#settleMaintenance();
    return "done";
  }

  #settleMaintenance(): void {
    const { maintenance } = this;
    if (maintenance.waiting.length > 0) return;
    if (maintenance.state === "entering") maintenance.state = "quiesced";
    if (maintenance.state === "exiting") maintenance.state = "off";
  }

  /** All or nothing; every row that is written gets the next revision. */
  changeIdentities(changes: readonly ModelIdentityChange[]): string {
    for (const { name, expected, present } of changes) {
      if ((this.identities.get(name) ?? 0) !== expected) return "IDENTITY_CHANGED";
      if (expected === 0 && !present) return "INVALID";
    }
    for (const { name, present } of changes) {
      if (present) this.identities.set(name, this.nextRevision++);
      else this.identities.delete(name);
    }
    return "done";
  }

  deleteBucket(name: string): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (bucket.keys.size > 0 || bucket.uploads.size > 0) return "BUCKET_NOT_EMPTY";
    this.buckets.delete(name);
    this.oplogLength++;
    return "done";
  }

  configure(name: string, kind: number, document: string | undefined): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (document !== undefined) {
      bucket.configurations.set(kind, document);
      this.oplogLength++;
      if (kind === LIFECYCLE_KIND) bucket.rulesRevision = this.oplogLength;
    } else if (bucket.configurations.delete(kind)) {
      this.oplogLength++;
      if (kind === LIFECYCLE_KIND) bucket.rulesRevision = 0;
    }
    return "done";
  }

  commit(
    name: string,
    key: string,
    object: ModelObject,
    blobs: ReadonlyMap<number, ModelBlob>,
    conditions: ModelConditions,
  ): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const refusal = refusalOf(currentOf(bucket, key), conditions);
    if (refusal !== undefined) return refusal;
    const wrapRefusal = this.#refusalOfWrap(object.wrap);
    if (wrapRefusal !== undefined) return wrapRefusal;
    for (const [id, blob] of blobs) this.blobs.set(id, blob);
    this.#add(bucket, key, object, false);
    this.oplogLength++;
    this.#collect();
    return "objectCommitted";
  }

  /** The first version, or one more. */
  rotateRing(expected: number): string {
    if (this.#lastRingVersion !== expected) {
      return this.#lastRingVersion === 0 ? "ENCRYPTION_KEY_UNKNOWN" : "ENCRYPTION_KEY_CHANGED";
    }
    this.ring.push(++this.#lastRingVersion);
    return "done";
  }

  removeRingVersion(version: number): string {
    if (!this.ring.includes(version)) return "ENCRYPTION_KEY_UNKNOWN";
    if (this.ring.at(-1) === version || (this.uses().get(version) ?? 0) > 0) return "ENCRYPTION_KEY_IN_USE";
    this.ring.splice(this.ring.indexOf(version), 1);
    return "done";
  }

  rewrap(name: string, targets: readonly ModelRewrap[]): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    let rewrapped = 0;
    for (const { kind, key, id, expected, next } of targets) {
      const upload = bucket.uploads.get(id);
      const row =
        kind === "version"
          ? bucket.keys.get(key)?.find(({ version }) => version === id)
          : upload?.key === key
            ? upload
            : undefined;
      if (row?.wrap?.wrapped !== expected || next.version !== this.ring.at(-1)) continue;
      if (row.wrap.version >= next.version) continue;
      row.wrap = next;
      rewrapped++;
    }
    return `dataKeysRewrapped ${rewrapped} of ${targets.length}`;
  }

  /** By version: what has its data key wrapped by it, found by looking at everything. */
  uses(): Map<number, number> {
    const counts = new Map(this.ring.map((version) => [version, 0]));
    for (const { keys, uploads } of this.buckets.values()) {
      for (const { wrap } of [...[...keys.values()].flat(), ...uploads.values()]) {
        if (wrap !== undefined) counts.set(wrap.version, (counts.get(wrap.version) ?? 0) + 1);
      }
    }
    return counts;
  }

  #refusalOfWrap(wrap: ModelWrap | undefined): string | undefined {
    if (wrap === undefined) return undefined;
    if (wrap.version > this.#lastRingVersion) return "ENCRYPTION_KEY_UNKNOWN";
    return wrap.version < this.#lastRingVersion ? "ENCRYPTION_KEY_RETIRED" : undefined;
  }

  setVersioning(name: string, versioning: "enabled" | "suspended"): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (bucket.versioning !== versioning) this.oplogLength++;
    bucket.versioning = versioning;
    return "done";
  }

  /** One thing of what is said about a version; all else stays. No bucket of the model has object lock. */
  change(name: string, { key, version, expected, change }: ModelChange): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const versions = bucket.keys.get(key) ?? [];
    const found =
      version === undefined
        ? currentOf(bucket, key)
        : versions.find((known) =>
            version === "null" ? !known.named : known.named && known.version === version,
          );
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
    this.oplogLength++;
    return "objectChanged";
  }

  delete(name: string, targets: readonly ModelTarget[], markerId: number): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    for (const { key, version } of targets) {
      if (version === undefined && bucket.versioning !== "never") {
        this.#add(bucket, key, { version: markerId, etag: "", slices: [], modifiedMs: this.nowMs }, true);
        this.oplogLength++;
      } else {
        const wanted = (known: ModelVersion) =>
          version === undefined || version === "null"
            ? !known.named
            : known.named && known.version === version;
        if (this.#remove(bucket, key, wanted)) this.oplogLength++;
      }
    }
    this.#collect();
    return "objectsDeleted";
  }

  /** Whatever does not hold any more is passed over. */
  expire(name: string, rulesRevision: number, targets: readonly ModelExpiration[], markerId: number): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (bucket.rulesRevision !== rulesRevision) return "CONFIGURATION_CHANGED";
    for (const target of targets) if (target.dueAtMs <= this.nowMs) this.#expire(bucket, target, markerId);
    this.#collect();
    return "objectsDeleted";
  }

  #expire(bucket: ModelBucket, target: ModelExpiration, markerId: number): void {
    const { key, version } = target;
    const versions = bucket.keys.get(key) ?? [];
    const at = versions.findIndex((known) => known.version === version);
    const known = versions[at];
    const remove = () => {
      this.#remove(bucket, key, (other) => other === known);
      this.oplogLength++;
    };
    switch (target.kind) {
      case "current": {
        if (known === undefined || known !== currentOf(bucket, key)) return;
        if (target.tagged && known.tag !== TAGGED) return;
        if (bucket.versioning === "never") {
          remove();
          return;
        }
        this.#add(bucket, key, { version: markerId, etag: "", slices: [], modifiedMs: this.nowMs }, true);
        this.oplogLength++;
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

  /** How far the worker is; a number stands for the cursor. */
  putCursor(expectedRevision: number, cursor: number): string {
    if ((this.cursor?.revision ?? 0) !== expectedRevision) return "CURSOR_CHANGED";
    this.cursor = { revision: expectedRevision + 1, cursor };
    return "done";
  }

  #add(bucket: ModelBucket, key: string, object: ModelObject, marker: boolean): void {
    const named = bucket.versioning === "enabled";
    const before = bucket.keys.get(key) ?? [];
    const version = laterId(object.version, before[0]?.version ?? 0);
    if (before[0] !== undefined) before[0].noncurrentSinceMs = this.nowMs;
    const left = named ? before : before.filter((other) => other.named);
    bucket.keys.set(key, [{ ...object, version, named, marker, noncurrentSinceMs: 0 }, ...left]);
  }

  #remove(bucket: ModelBucket, key: string, wanted: (version: ModelVersion) => boolean): boolean {
    const before = bucket.keys.get(key) ?? [];
    const left = before.filter((version) => !wanted(version));
    if (left[0] !== undefined) left[0].noncurrentSinceMs = 0;
    if (left.length > 0) bucket.keys.set(key, left);
    else bucket.keys.delete(key);
    return left.length < before.length;
  }

  #source(source: ModelSource): ModelVersion | undefined {
    const versions = this.buckets.get(source.bucket)?.keys.get(source.key) ?? [];
    return versions.find(({ version, marker }) => version === source.version && !marker);
  }

  copy(
    source: ModelSource,
    name: string,
    key: string,
    copied: { readonly version: number; readonly wrap: ModelWrap | undefined; readonly salted: boolean },
  ): string {
    const from = this.#source(source);
    if (from === undefined) return "SOURCE_CHANGED";
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const { etag, slices, tagBytes = 0, multipart = false } = from;
    const { version, wrap, salted } = copied;
    if ((wrap === undefined) !== (from.wrap === undefined)) return "INVALID";
    if (wrap !== undefined && salted === multipart) return "INVALID";
    const refusal = this.#refusalOfWrap(wrap);
    if (refusal !== undefined) return refusal;
    const copy = { version, etag, slices, tagBytes, multipart, wrap, modifiedMs: this.nowMs };
    this.#add(bucket, key, copy, false);
    this.oplogLength++;
    this.#collect();
    return "objectCommitted";
  }

  /** Its time stays, whatever the key. */
  rename(name: string, from: string, to: string, version: number, markerId: number): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (from === to) return "INVALID";
    const source = currentOf(bucket, from);
    if (source === undefined) return "OBJECT_UNKNOWN";
    const { etag, slices, modifiedMs, wrap, tag, acl, tagBytes = 0, multipart = false } = source;
    const renamed = { version, etag, slices, modifiedMs, wrap, tag, acl, tagBytes, multipart };
    this.#add(bucket, to, renamed, false);
    if (bucket.versioning === "never") this.#remove(bucket, from, (known) => known === source);
    else {
      const marker = { version: markerId, etag: "", slices: [], modifiedMs: this.nowMs };
      this.#add(bucket, from, marker, true);
    }
    this.oplogLength += 2;
    this.#collect();
    return "objectCommitted";
  }

  createUpload(name: string, key: string, id: number, wrap: ModelWrap | undefined): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const refusal = this.#refusalOfWrap(wrap);
    if (refusal !== undefined) return refusal;
    bucket.uploads.set(id, { id, key, parts: new Map(), wrap });
    return "uploadCreated";
  }

  commitPart(
    address: { bucket: string; key: string; upload: number },
    partNumber: number,
    part: ModelPart,
    blobs: ReadonlyMap<number, ModelBlob>,
  ): string {
    const upload = this.#upload(address);
    if (upload === undefined) return "UPLOAD_UNKNOWN";
    for (const [id, blob] of blobs) this.blobs.set(id, blob);
    upload.parts.set(partNumber, part);
    this.#collect();
    return "partCommitted";
  }

  copyPart(
    address: { bucket: string; key: string; upload: number },
    partNumber: number,
    part: ModelPart,
    source: ModelSource,
  ): string {
    const upload = this.#upload(address);
    if (upload === undefined) return "UPLOAD_UNKNOWN";
    if (upload.wrap !== undefined) return "INVALID";
    const from = this.#source(source);
    if (from === undefined) return "SOURCE_CHANGED";
    if (from.wrap !== undefined) return "INVALID";
    upload.parts.set(partNumber, part);
    this.#collect();
    return "partCommitted";
  }

  complete(
    address: { bucket: string; key: string; upload: number },
    partNumbers: readonly number[],
    version: number,
    etag: string,
  ): string {
    const upload = this.#upload(address);
    if (upload === undefined) {
      const before = this.completed.get(address.upload);
      const isSame = before?.bucket === address.bucket && before.key === address.key && before.etag === etag;
      return isSame ? "objectCommitted" : "UPLOAD_UNKNOWN";
    }
    const parts = partNumbers.map((partNumber) => upload.parts.get(partNumber));
    if (parts.length === 0 || parts.includes(undefined)) return "PART_INVALID";
    const bucket = this.buckets.get(address.bucket)!;
    const slices = parts.flatMap((part) => part!.slices);
    const { wrap } = upload;
    const tagBytes = parts.reduce((sum, part) => sum + (part!.tagBytes ?? 0), 0);
    const whole = { version, etag, slices, tagBytes, wrap, multipart: true, modifiedMs: this.nowMs };
    this.#add(bucket, address.key, whole, false);
    bucket.uploads.delete(address.upload);
    this.completed.set(address.upload, { bucket: address.bucket, key: address.key, etag });
    this.oplogLength++;
    this.#collect();
    return "objectCommitted";
  }

  abort(address: { bucket: string; key: string; upload: number }): string {
    if (this.#upload(address) === undefined) return "UPLOAD_UNKNOWN";
    this.buckets.get(address.bucket)!.uploads.delete(address.upload);
    this.#collect();
    return "done";
  }

  beginDelete(ids: readonly number[]): string {
    for (const id of ids) {
      const blob = this.blobs.get(id);
      if (blob?.state !== "pending" || blob.sinceMs + this.graceMs > this.nowMs) continue;
      // All of its copies were reported lost: there is nobody to tell.
      if (blob.holders.length === 0) this.blobs.delete(id);
      blob.state = "deleting";
      blob.sinceMs = this.nowMs;
      if (blob.holders.length === 0) this.blobs.delete(id);
    }
    return "done";
  }

  acknowledge(nodeId: number, ids: readonly number[]): string {
    for (const id of ids) {
      const blob = this.blobs.get(id);
      if (blob?.state !== "deleting") continue;
      blob.holders = blob.holders.filter((holder) => holder !== nodeId);
      if (blob.holders.length === 0) this.blobs.delete(id);
    }
    return "done";
  }

  /** Node 4 is draining, all others are active. */
  recordCopies(nodeId: number, ids: readonly number[], seenDiscards: number): string {
    if (nodeId === DRAINING_NODE) return "NODE_UNKNOWN";
    return this.#forEach(ids, (blob, id) => {
      if (blob.discards !== seenDiscards || this.discards.has(`${nodeId}/${id}`)) return "COPY_REFUSED";
      if (!blob.holders.includes(nodeId)) blob.holders.push(nodeId);
      return undefined;
    });
  }

  reportLost(nodeId: number, ids: readonly number[]): string {
    return this.#forEach(ids, (blob) => {
      blob.holders = blob.holders.filter((holder) => holder !== nodeId);
      return undefined;
    });
  }

  rehome(ids: readonly number[], from: number, to: number): string {
    return this.#forEach(ids, (blob) => {
      if (blob.home !== from) return "COPY_REFUSED";
      if (to > HOMES) return "LAYOUT_STALE";
      blob.home = to;
      return undefined;
    });
  }

  dropCopies(nodeId: number, ids: readonly number[]): string {
    return this.#forEach(ids, (blob, id) => {
      const left = blob.holders.filter((holder) => holder !== nodeId);
      const isHolder = left.length < blob.holders.length;
      const good = left.filter((holder) => holder !== DRAINING_NODE).length;
      const needed = blob.state === "pending" && nodeId === DRAINING_NODE ? WRITE_QUORUM : TARGET_COPIES;
      if (isHolder && good < needed) return "COPY_REFUSED";
      blob.holders = left;
      blob.discards++;
      this.discards.add(`${nodeId}/${id}`);
      return undefined;
    });
  }

  acknowledgeDiscard(nodeId: number, ids: readonly number[]): string {
    for (const id of ids) this.discards.delete(`${nodeId}/${id}`);
    return "done";
  }

  /** Live blobs with too few copies. */
  underReplicated(): number[] {
    const missing = [...this.blobs].filter(
      ([, blob]) => blob.state === "live" && !blob.isInline && blob.holders.length < TARGET_COPIES,
    );
    return missing.map(([id]) => id);
  }

  /** What was passed over, as the result names it. */
  #forEach(ids: readonly number[], change: (blob: ModelBlob, id: number) => string | undefined): string {
    const skipped = ids.flatMap((id) => {
      const blob = this.blobs.get(id);
      const isMovable = blob !== undefined && !blob.isInline && blob.state !== "deleting";
      const code = isMovable ? change(blob, id) : "BLOB_GONE";
      return code === undefined ? [] : [`${id} ${code}`];
    });
    return `copiesChanged, but ${skipped.join(", ") || "nothing"}`;
  }

  /** Manifests that refer to each blob. */
  references(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { slices } of this.#manifests()) {
      for (const blob of new Set(slices.map((slice) => slice.blob)))
        counts.set(blob, (counts.get(blob) ?? 0) + 1);
    }
    return counts;
  }

  *#manifests(): Generator<ModelPart> {
    for (const bucket of this.buckets.values()) {
      for (const versions of bucket.keys.values()) yield* versions;
      for (const upload of bucket.uploads.values()) yield* upload.parts.values();
    }
  }

  #upload(address: { bucket: string; key: string; upload: number }): ModelUpload | undefined {
    const upload = this.buckets.get(address.bucket)?.uploads.get(address.upload);
    return upload?.key === address.key ? upload : undefined;
  }

  #collect(): void {
    const counts = this.references();
    for (const [id, blob] of [...this.blobs]) {
      if (blob.state !== "live" || counts.has(id)) continue;
      if (blob.isInline) this.blobs.delete(id);
      else {
        blob.state = "pending";
        blob.sinceMs = this.nowMs;
      }
    }
  }
}

function refusalOf(current: ModelObject | undefined, conditions: ModelConditions): string | undefined {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifMatch !== undefined && current === undefined) return "OBJECT_UNKNOWN";
  if (ifMatch !== undefined && ifMatch !== "*" && ifMatch !== current?.etag) return "PRECONDITION_FAILED";
  const isHit = current !== undefined && (ifNoneMatch === "*" || ifNoneMatch === current.etag);
  return isHit ? "PRECONDITION_FAILED" : undefined;
}

/** The proposed id, a unit of time behind the newest where it is not greater: no version had it before. */
function laterId(proposed: number, newest: number): number {
  if (proposed > newest) return proposed;
  return (Math.floor(newest / ID_TIME_UNIT) + 1) * ID_TIME_UNIT + (proposed % ID_TIME_UNIT);
}
