import type { Sealer } from "../../access/index.ts";
import { ID_RANDOM_BYTES, TimeOrderedIds } from "../../base/index.ts";
import type { BlobStore } from "../../blob/index.ts";
import type { MetadataClient, MetadataView } from "../../meta/index.ts";
import { createObjectStore, type ObjectStore } from "../../object/index.ts";
import type { Platform } from "../../platform/index.ts";
import { bucketsMatching } from "../bucket-patterns.ts";
import type { EnginesOptions } from "./options.ts";

/** S3's least size of a part that is not the last. */
const MINIMUM_PART_BYTES = 5 * 1024 * 1024;

/**
 * Ids of blobs, versions and uploads that a thread of this node makes. Their time is never before the last one that a leader has stamped: that stays
 * where a clock that was ahead has brought it, and what seems to be two days older is refused as begun too long ago.
 */
export function createIds(
  { clock, random }: Pick<Platform, "clock" | "random">,
  view: Pick<MetadataView, "appliedTimeMs">,
): () => Uint8Array {
  const ids = new TimeOrderedIds();
  return () => ids.next(Math.max(clock.wallMs(), view.appliedTimeMs()), random.bytes(ID_RANDOM_BYTES));
}

export interface ObjectsOptions extends Pick<EnginesOptions, "config" | "tuning"> {
  readonly platform: Pick<Platform, "hasher" | "random">;
}

/** The use cases on buckets, objects and uploads of this node, for callers that pass `asOfNow` first: the S3 gateway and the guard of the API. */
export function createObjects(
  options: ObjectsOptions,
  joined: {
    readonly metadata: MetadataClient;
    readonly sealer: Sealer;
    readonly blobs: BlobStore;
    readonly newId: () => Uint8Array;
  },
): ObjectStore {
  const { platform, config, tuning = {} } = options;
  return createObjectStore({
    ...joined,
    hasher: platform.hasher,
    random: platform.random,
    requiresIfMatch: bucketsMatching(config["s3.require_if_match_buckets"]),
    readsFollowCallers: true,
    minimumPartBytes: tuning.minimumPartBytes ?? MINIMUM_PART_BYTES,
  });
}
