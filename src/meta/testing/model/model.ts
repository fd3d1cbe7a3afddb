/**
 * The metadata once more, as simply as it can be said: maps in memory, and what is referred to is found by looking at everything. For the
 * model test, which compares it with the state machine after every command.
 */

import { ModelCluster } from "./cluster.ts";
import { ModelObjects } from "./objects.ts";
import { LIFECYCLE_KIND, type ModelRewrap } from "./rows.ts";
import { ModelState } from "./state.ts";
import { ModelUploads } from "./uploads.ts";

export class Model extends ModelState {
  readonly cluster = new ModelCluster();
  readonly objects = new ModelObjects(this);
  readonly uploads = new ModelUploads(this);
  #nextBucketId = 1;

  createBucket(name: string): string {
    if (this.buckets.has(name)) return "BUCKET_EXISTS";
    this.buckets.set(name, {
      id: this.#nextBucketId++,
      versioning: "never",
      keys: new Map(),
      uploads: new Map(),
      configurations: new Map(),
      rulesRevision: 0,
      closed: false,
    });
    this.oplogLength++;
    return "bucketCreated";
  }

  /** `id` undefined: whichever has the name. */
  deleteBucket(name: string, id: number | undefined, closes: boolean): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (id !== undefined && bucket.id !== id) return "BUCKET_CHANGED";
    if (bucket.keys.size > 0) return "BUCKET_NOT_EMPTY";
    if (bucket.uploads.size > 0) {
      if (!closes) return "BUCKET_NOT_EMPTY";
      bucket.closed = true;
      return "done";
    }
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

  setVersioning(name: string, versioning: "enabled" | "suspended"): string {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    if (bucket.versioning !== versioning) this.oplogLength++;
    bucket.versioning = versioning;
    return "done";
  }

  removeRingVersion(version: number): string {
    return this.ring.remove(version, this.uses().get(version) ?? 0);
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
      if (row?.wrap?.wrapped !== expected || next.version !== this.ring.newest) continue;
      if (row.wrap.version >= next.version) continue;
      row.wrap = next;
      rewrapped++;
    }
    return `dataKeysRewrapped ${rewrapped} of ${targets.length}`;
  }

  /** By version: what has its data key wrapped by it, found by looking at everything. */
  uses(): Map<number, number> {
    const counts = new Map(this.ring.versions.map((version) => [version, 0]));
    for (const { keys, uploads } of this.buckets.values()) {
      for (const { wrap } of [...[...keys.values()].flat(), ...uploads.values()]) {
        if (wrap !== undefined) counts.set(wrap.version, (counts.get(wrap.version) ?? 0) + 1);
      }
    }
    return counts;
  }
}
