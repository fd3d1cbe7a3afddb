import type { Sealer } from "../../access/index.ts";
import { ID_RANDOM_BYTES, TimeOrderedIds } from "../../base/index.ts";
import { type BlobStore, createClusterBlobStore } from "../../blob/index.ts";
import type { HealthView } from "../../cluster/index.ts";
import type { Metadata } from "../../meta/index.ts";
import { createObjectStore, type ObjectStore } from "../../object/index.ts";
import { CHUNK_BYTES, openSegmentStore, type SegmentDamage, type SegmentStore } from "../../segment/index.ts";
import { bucketsMatching } from "../bucket-patterns.ts";
import { NodeTargets } from "../chunk-targets.ts";
import { measuredBlobs, measuredSegments } from "../measured.ts";
import type { Closers, EnginesOptions } from "./options.ts";

/**
 * How long a chunk that has its quorum waits for the remaining nodes, in milliseconds. Long enough that a node that is merely busy is not left
 * behind, which would leave the blob with a copy less; a node that is gone is noticed earlier, by its broken connection or by heartbeats.
 */
const STRAGGLER_MS = 5000;
/** S3's least size of a part that is not the last. */
const MINIMUM_PART_BYTES = 5 * 1024 * 1024;

/** The chunks on this node's own disk. */
export async function openSegments(
  options: EnginesOptions,
  closers: Closers,
  onDamage: (damage: SegmentDamage) => void,
): Promise<SegmentStore> {
  const { platform, config, metrics, logger } = options;
  const { clusterId, incarnation } = options.identified.stored.identity;
  const opened = await openSegmentStore({
    ...platform,
    directory: `${options.dataDirectory}/segments`,
    identity: { clusterId, incarnation, diskId: "disk-1" },
    settings: {
      segmentBytes: config["storage.segment_size"],
      // Room for all that this node's own writers may hold, and as much again from the others: writers wait, they are not refused.
      maxQueuedBytes: 2 * config["storage.write_buffers"],
      ...options.tuning?.segments,
    },
    ...(options.readBuffers && { buffers: options.readBuffers }),
    onDamage: (damage) => {
      metrics.segmentDamage.increment({ found: "read" });
      logger.error("damaged bytes were found and are not served", { damage });
      onDamage(damage);
    },
  });
  const segments = measuredSegments(opened, metrics, platform.clock);
  closers.push(() => segments.close());
  return segments;
}

/** Joins placement, health and the nodes' chunks. */
export function createTargets(
  options: EnginesOptions,
  segments: SegmentStore,
  health: HealthView,
  closers: Closers,
): NodeTargets {
  const { platform, network } = options;
  const { nodeId, clusterId } = options.identified.stored.identity;
  const targets = new NodeTargets({ nodeId, clusterId, segments, network, hasher: platform.hasher, health });
  closers.push(() => targets.close());
  return targets;
}

/** Ids of blobs, versions and uploads that this node makes. */
export function createIds({ platform }: EnginesOptions): () => Uint8Array {
  const ids = new TimeOrderedIds();
  return () => ids.next(platform.clock.wallMs(), platform.random.bytes(ID_RANDOM_BYTES));
}

/** Blobs in the segments of the cluster. All who write share its memory. */
export function createBlobs(
  options: EnginesOptions,
  targets: NodeTargets,
  newId: () => Uint8Array,
): BlobStore {
  const { platform, config, metrics, tuning = {} } = options;
  const blobs = createClusterBlobStore({
    ...platform,
    targets,
    newBlobId: newId,
    inlineBytes: config["storage.inline_size"],
    bufferBudgetBytes: config["storage.write_buffers"],
    stragglerMs: tuning.stragglerMs ?? STRAGGLER_MS,
    chunkBytes: tuning.chunkBytes ?? CHUNK_BYTES,
  });
  return measuredBlobs(blobs, metrics, platform.clock);
}

/** The use cases on buckets, objects and uploads of this node. */
export function createObjects(
  options: EnginesOptions,
  joined: {
    readonly metadata: Metadata;
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
    minimumPartBytes: tuning.minimumPartBytes ?? MINIMUM_PART_BYTES,
  });
}
