/** What the parts of the model share. */

import { ModelBlobs, referencesOf } from "./blobs.ts";
import { ModelRing } from "./ring.ts";
import type { ModelBucket, ModelPart, ModelSource, ModelVersion } from "./rows.ts";

export class ModelState {
  readonly buckets = new Map<string, ModelBucket>();
  readonly blobs: ModelBlobs;
  readonly ring = new ModelRing();
  nowMs = 0;
  oplogLength = 0;

  constructor(graceMs: number) {
    this.blobs = new ModelBlobs(graceMs);
  }

  /** One that something can be put into. */
  openBucket(name: string): ModelBucket | undefined {
    const bucket = this.buckets.get(name);
    return bucket?.closed === true ? undefined : bucket;
  }

  source(source: ModelSource): ModelVersion | undefined {
    const versions = this.buckets.get(source.bucket)?.keys.get(source.key) ?? [];
    return versions.find(({ version, marker }) => version === source.version && !marker);
  }

  /** Of each blob, by looking at everything. */
  references(): Map<number, number> {
    return referencesOf(this.#manifests());
  }

  /** After a command: what nobody refers to any more is deleted, or to be. */
  collect(): void {
    this.blobs.collect(this.#manifests(), this.nowMs);
  }

  *#manifests(): Generator<ModelPart> {
    for (const bucket of this.buckets.values()) {
      for (const versions of bucket.keys.values()) yield* versions;
      for (const upload of bucket.uploads.values()) yield* upload.parts.values();
    }
  }
}
