/**
 * The versions of one key. The current version is the head row; noncurrent versions and delete markers are rows of the version table, chained
 * from the newest to the oldest by the ids in them, so that whatever is removed, what takes its place is found without a scan. A key without
 * rows in the version table has no KeyVersionsRow either: in a bucket that was never versioned all of this costs nothing.
 *
 * Ids grow along the chain: one that does not gets a later time than the newest has. So the order of the ids is the order of the versions. The random part stays
 * that of the proposal: the mere successor of the newest may be an id that was given before, to a version that was removed since.
 */

import { assert, EMPTY_BYTES, equalBytes } from "../base/index.ts";
import type { VersionSelector } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  type KeyVersionsRow,
  KeyVersionsRowSchema,
  type ObjectRow,
  ObjectRowSchema,
  VersioningState,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { countUse } from "./encryption-uses.ts";
import { keyVersionsKey, objectKey, objectReferrer, versionKey } from "./keys.ts";
import { META_ID_BYTES } from "./limits.ts";
import { ReferenceChanges } from "./references.ts";

/** An id begins with its time (UUID version 7). */
const ID_TIME_BYTES = 6;

/** How a bucket's counters change; filled by all that a command does to the bucket. */
export class BucketCounts {
  objects = 0n;
  objectBytes = 0n;
  versions = 0n;
  versionBytes = 0n;

  get isZero(): boolean {
    return this.objects === 0n && this.objectBytes === 0n && this.versions === 0n && this.versionBytes === 0n;
  }

  addedTo(bucket: BucketRow): BucketRow {
    return {
      ...bucket,
      objectCount: bucket.objectCount + this.objects,
      objectBytes: bucket.objectBytes + this.objectBytes,
      versionCount: bucket.versionCount + this.versions,
      versionBytes: bucket.versionBytes + this.versionBytes,
    };
  }
}

export class KeyVersions {
  /** What the versions added and removed here refer to. Settled by whoever made this. */
  readonly references: ReferenceChanges;
  readonly #state: ApplyState;
  readonly #bucketId: bigint;
  readonly #key: string;
  readonly #counts: BucketCounts;
  readonly #isVersioned: boolean;
  #head: ObjectRow | undefined;
  #row: KeyVersionsRow | undefined;

  constructor(state: ApplyState, bucket: BucketRow, key: string, counts: BucketCounts) {
    this.references = new ReferenceChanges(state);
    this.#state = state;
    this.#bucketId = bucket.bucketId;
    this.#key = key;
    this.#counts = counts;
    this.#isVersioned = bucket.versioning !== VersioningState.UNSPECIFIED;
    this.#head = state.read(objectKey(bucket.bucketId, key), ObjectRowSchema);
    this.#row = this.#isVersioned ? state.read(this.#rowKey, KeyVersionsRowSchema) : undefined;
  }

  /** Undefined also where the newest is a delete marker. */
  get current(): ObjectRow | undefined {
    return this.#head;
  }

  /** The current version, or the delete marker in its place. */
  get newest(): ObjectRow | undefined {
    const newestId = this.#newestId();
    return newestId && this.byId(newestId);
  }

  /** The version of that name. Without a selector: the current one. */
  find(selector: VersionSelector | undefined): ObjectRow | undefined {
    switch (selector?.version.case) {
      case undefined:
        return this.#head;
      case "nullVersion":
        return this.#nullVersion();
      case "versionId": {
        const version = this.byId(selector.version.value);
        return version?.versioned === true ? version : undefined;
      }
    }
  }

  /** By the id inside, which null versions have too. */
  byId(versionId: Uint8Array): ObjectRow | undefined {
    if (versionId.length !== META_ID_BYTES) return undefined;
    if (this.#head !== undefined && equalBytes(this.#head.versionId, versionId)) return this.#head;
    return this.#row && this.#state.read(versionKey(this.#bucketId, this.#key, versionId), ObjectRowSchema);
  }

  #nullVersion(): ObjectRow | undefined {
    if (this.#head?.versioned === false) return this.#head;
    const versionId = this.#row?.nullVersionId ?? EMPTY_BYTES;
    return versionId.length === 0 ? undefined : this.byId(versionId);
  }

  /** The id that a new version gets: what was proposed, with a later time where it is not greater than all there are. No version ever had it. */
  newId(proposed: Uint8Array): Uint8Array {
    const newest = this.#newestId();
    return newest === undefined || isGreater(proposed, newest) ? proposed : behind(newest, proposed);
  }

  /** Makes `next` the newest version; its id must come from `newId`. A null version takes the place of the one there is. */
  add(next: ObjectRow): void {
    countUse(this.#state, next.attributes?.encryption, 1n);
    if (!this.#isVersioned) {
      if (this.#head !== undefined) this.#forget(this.#head);
      this.#putHead(next);
      return;
    }
    const replaced = next.versioned ? undefined : this.#nullVersion();
    this.#append(next);
    // Read again: what was the head has moved.
    const before = replaced && this.byId(replaced.versionId);
    if (before !== undefined) this.remove(before);
  }

  #append(next: ObjectRow): void {
    const newestId = this.#newestId() ?? EMPTY_BYTES;
    if (newestId.length > 0) {
      const newest = this.byId(newestId);
      assert(newest !== undefined, "the newest version of a key exists");
      if (newest === this.#head) this.#forgetHead();
      else this.#forgetVersion(newest);
      this.#putVersion({
        ...newest,
        newerVersionId: next.versionId,
        noncurrentSinceMs: this.#state.nowMs,
      });
    }
    const linked = { ...next, olderVersionId: newestId };
    if (next.deleteMarker) this.#putVersion(linked);
    else this.#putHead(linked);
    this.#writeRow(next.versionId);
  }

  /** Takes a version or a delete marker away for good. Where it was the newest, the next older one takes its place. */
  remove(version: ObjectRow): void {
    const isNewest = version.newerVersionId.length === 0;
    this.#forget(version);
    if (!this.#isVersioned) return;
    const older = this.#neighbour(version.olderVersionId);
    if (!isNewest) {
      const newer = this.#neighbour(version.newerVersionId);
      assert(newer !== undefined, "the neighbour of a version exists");
      this.replace({ ...newer, olderVersionId: version.olderVersionId });
      if (older !== undefined) this.replace({ ...older, newerVersionId: version.newerVersionId });
    } else if (older !== undefined) {
      this.#forgetVersion(older);
      const newest = { ...older, newerVersionId: EMPTY_BYTES, noncurrentSinceMs: 0n };
      if (newest.deleteMarker) this.#putVersion(newest);
      else this.#putHead(newest);
    }
    this.#writeRow(isNewest ? version.olderVersionId : (this.#newestId() ?? EMPTY_BYTES));
  }

  #forget(version: ObjectRow): void {
    const referrer = objectReferrer(this.#bucketId, this.#key, version.versionId);
    this.references.drop(version.slices, referrer);
    countUse(this.#state, version.attributes?.encryption, -1n);
    if (this.#head !== undefined && equalBytes(this.#head.versionId, version.versionId)) this.#forgetHead();
    else this.#forgetVersion(version);
  }

  /** Writes a version whose bytes and place have not changed. */
  replace(version: ObjectRow): void {
    const isHead = this.#head !== undefined && equalBytes(this.#head.versionId, version.versionId);
    if (isHead) this.#head = version;
    const at = isHead ? objectKey(this.#bucketId, this.#key) : this.#versionKey(version);
    this.#state.write(at, ObjectRowSchema, version);
  }

  #neighbour(versionId: Uint8Array): ObjectRow | undefined {
    if (versionId.length === 0) return undefined;
    const version = this.byId(versionId);
    assert(version !== undefined, "the neighbour of a version exists");
    return version;
  }

  #newestId(): Uint8Array | undefined {
    return this.#row?.newestVersionId ?? this.#head?.versionId;
  }

  #putHead(version: ObjectRow): void {
    this.#head = version;
    this.#state.write(objectKey(this.#bucketId, this.#key), ObjectRowSchema, version);
    this.#counts.objects += 1n;
    this.#counts.objectBytes += version.size;
  }

  #forgetHead(): void {
    assert(this.#head !== undefined, "there is a head to forget");
    this.#state.delete(objectKey(this.#bucketId, this.#key));
    this.#counts.objects -= 1n;
    this.#counts.objectBytes -= this.#head.size;
    this.#head = undefined;
  }

  #putVersion(version: ObjectRow): void {
    this.#state.write(this.#versionKey(version), ObjectRowSchema, version);
    this.#counts.versions += 1n;
    this.#counts.versionBytes += version.size;
    const row = this.#row ?? BLANK_ROW;
    const nullVersionId = version.versioned ? row.nullVersionId : version.versionId;
    this.#row = { ...row, nullVersionId, count: row.count + 1n };
  }

  #forgetVersion(version: ObjectRow): void {
    assert(this.#row !== undefined, "a key with versions has a row of them");
    this.#state.delete(this.#versionKey(version));
    this.#counts.versions -= 1n;
    this.#counts.versionBytes -= version.size;
    const isNull = equalBytes(this.#row.nullVersionId, version.versionId);
    const nullVersionId = isNull ? EMPTY_BYTES : this.#row.nullVersionId;
    this.#row = { ...this.#row, nullVersionId, count: this.#row.count - 1n };
  }

  #writeRow(newestVersionId: Uint8Array): void {
    if (this.#row === undefined) return;
    if (this.#row.count === 0n) {
      this.#row = undefined;
      if (this.#state.has(this.#rowKey)) this.#state.delete(this.#rowKey);
      return;
    }
    this.#row = { ...this.#row, newestVersionId };
    this.#state.write(this.#rowKey, KeyVersionsRowSchema, this.#row);
  }

  get #rowKey(): string {
    return keyVersionsKey(this.#bucketId, this.#key);
  }

  #versionKey(version: ObjectRow): string {
    return versionKey(this.#bucketId, this.#key, version.versionId);
  }
}

const BLANK_ROW: Readonly<KeyVersionsRow> = {
  $typeName: "skerry.meta.v1.KeyVersionsRow",
  newestVersionId: EMPTY_BYTES,
  nullVersionId: EMPTY_BYTES,
  count: 0n,
};

function isGreater(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < META_ID_BYTES; at++) {
    if (a[at] !== b[at]) return a[at]! > b[at]!;
  }
  return false;
}

/** The proposed id, a millisecond after the newest. Ids that begin with 0xff are never proposed, so there always is one. */
function behind(newest: Uint8Array, proposed: Uint8Array): Uint8Array {
  const next = Uint8Array.from(proposed);
  next.set(newest.subarray(0, ID_TIME_BYTES));
  for (let at = ID_TIME_BYTES - 1; at >= 0; at--) {
    next[at] = (next[at]! + 1) & 0xff;
    if (next[at] !== 0) return next;
  }
  assert(false, "there is a greater version id");
}
