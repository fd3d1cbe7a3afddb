import { type BlobStore, createClusterBlobStore } from "../../blob/index.ts";
import type { HealthView } from "../../cluster/index.ts";
import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { type MetadataClient, MetaError } from "../../meta/index.ts";
import { CHUNK_BYTES, openSegmentStore, type SegmentDamage, type SegmentStore } from "../../segment/index.ts";
import { NodeTargets } from "../chunk-targets.ts";
import { measuredSegments } from "../measured.ts";
import type { Closers, EnginesOptions } from "./options.ts";
import { storageReserve } from "./storage-reserve.ts";

/**
 * How long a chunk that has its quorum waits for the remaining nodes, in milliseconds. Long enough that a node that is merely busy is not left
 * behind, which would leave the blob with a copy less; a node that is gone is noticed earlier, by its broken connection or by heartbeats.
 */
const STRAGGLER_MS = 5000;

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
      ...storageReserve(config, options.tuning?.raft),
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

/** Blobs in the segments of the cluster. All who write share its memory. */
export function createBlobs(
  options: EnginesOptions,
  targets: NodeTargets,
  { newId, metadata }: { readonly newId: () => Uint8Array; readonly metadata: MetadataClient },
): BlobStore {
  const { platform, config, tuning = {} } = options;
  return createClusterBlobStore({
    ...platform,
    targets,
    newBlobId: newId,
    inlineBytes: config["storage.inline_size"],
    bufferBudgetBytes: config["storage.write_buffers"],
    stragglerMs: tuning.stragglerMs ?? STRAGGLER_MS,
    chunkBytes: tuning.chunkBytes ?? CHUNK_BYTES,
    findBlob: (blobId) => findBlob(metadata, blobId),
  });
}

/** As of now; undefined also when that cannot be known. */
async function findBlob(metadata: MetadataClient, blobId: Uint8Array): Promise<BlobRow | undefined> {
  try {
    await metadata.barrier();
    return metadata.view.blob(blobId);
  } catch (error) {
    if (error instanceof MetaError) return undefined;
    throw error;
  }
}
