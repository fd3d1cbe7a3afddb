import { type Config, type EngineTuning, loadConfig } from "../../server/index.ts";
import type { NamespaceSettings } from "../namespaces/scenario.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import { MINIMUM_PART_BYTES } from "../workload/plan.ts";

export const DATA_DIRECTORY = "/data";
export const BUCKET = "sim";
export const PEER_PORT = 7400;

const MIB = 1024 * 1024;
const DEFAULTS = loadConfig({});

/** The configuration of one node. */
export function nodeConfig(name: string, settings: ScenarioSettings): Config {
  const at = (port: number) => ({ host: name, port });
  return {
    ...DEFAULTS,
    "node.name": name,
    "node.zone": name,
    "node.data_dir": DATA_DIRECTORY,
    "node.advertise_host": name,
    "peer.listen": at(PEER_PORT),
    "s3.listen": at(9000),
    "api.listen": at(8080),
    "cluster.replication_factor": settings.replicationFactor,
    "cluster.delete_grace": settings.deleteGraceMs,
    "storage.inline_size": settings.inlineBytes,
    "storage.write_buffers": 16 * MIB,
    ...(settings.namespaces !== undefined && { "search.flush_after": settings.namespaces.flushAfterMs }),
    buckets: [BUCKET],
  };
}

/** Small, so that short runs see files rotate, logs cut and snapshots sent. */
export function engineTuning(settings: ScenarioSettings): EngineTuning {
  const { walSegmentBytes, segmentBytes } = settings;
  return {
    raft: {
      walSegmentBytes,
      walMaxBatchBytes: walSegmentBytes / 4,
      checkpointEntries: settings.checkpointEntries,
      trailingEntries: settings.trailingEntries,
      trailingBytes: walSegmentBytes,
      electionTicks: settings.electionTicks,
      maxMessageBytes: settings.maxMessageBytes,
      maxInflightMessages: settings.maxInflightMessages,
    },
    segments: {
      segmentBytes,
      checkpointBytes: segmentBytes,
      idleSealMs: 5000,
      reserveBytes: 64 * 1024,
      reclaimBytes: 32 * 1024,
      probeFullMs: 1000,
      probeFailedMs: 2000,
    },
    ...(settings.namespaces !== undefined && { search: searchTuning(settings.namespaces) }),
    chunkBytes: settings.chunkBytes,
    minimumPartBytes: MINIMUM_PART_BYTES,
    stragglerMs: 2000,
  };
}

function searchTuning({
  flushDocuments,
  mergeSegments,
  leaseMs,
  memoryBytes,
}: NamespaceSettings): NonNullable<EngineTuning["search"]> {
  return {
    flushDocuments,
    mergeSegments,
    leaseMs,
    mergeRestMs: 3_000,
    memtableBytes: memoryBytes,
    segmentBytes: memoryBytes,
    pinnedBytes: memoryBytes,
  };
}
