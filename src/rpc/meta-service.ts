import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Statistics, StatisticsAdmin } from "../admin/index.ts";
import {
  GetStatsResponseSchema,
  LatencyStatsSchema,
  ListConflictsResponseSchema,
  type MetaService,
  OperationStatsSchema,
  ScrubStatsSchema,
  SegmentTotalsSchema,
  StoredTotalsSchema,
} from "../gen/skerry/admin/v1/meta_pb.js";
import type { Guard } from "./guard.ts";
import { maintenanceMessage } from "./maintenance-service.ts";
import { workerMessage } from "./status-message.ts";

export function metaService(statistics: StatisticsAdmin, guard: Guard): ServiceImpl<typeof MetaService> {
  return {
    getStats: (_, context) =>
      guard.unary("MetaService/GetStats", context, [], async () =>
        statsMessage(await statistics.statistics()),
      ),
    listConflicts: (_, context) =>
      // One log decides every write of a cluster, and there is no other site that could have decided otherwise.
      guard.unary("MetaService/ListConflicts", context, [], async () => create(ListConflictsResponseSchema)),
  };
}

function statsMessage(statistics: Statistics) {
  const { stored, underReplicated, segments, scrub } = statistics;
  return create(GetStatsResponseSchema, {
    nodeId: BigInt(statistics.nodeId),
    stored: create(StoredTotalsSchema, {
      buckets: BigInt(stored.buckets),
      objects: BigInt(stored.objects),
      objectBytes: BigInt(stored.objectBytes),
      versions: BigInt(stored.versions),
      versionBytes: BigInt(stored.versionBytes),
      uploads: BigInt(stored.uploads),
    }),
    underReplicatedBlobs: BigInt(underReplicated.blobs),
    underReplicatedBytes: BigInt(underReplicated.bytes),
    maintenance: maintenanceMessage(statistics.maintenance),
    segments: create(SegmentTotalsSchema, {
      segments: BigInt(segments.segments),
      liveBytes: BigInt(segments.liveBytes),
      deadBytes: BigInt(segments.deadBytes),
      freeBytes: BigInt(segments.freeBytes),
      totalBytes: BigInt(segments.totalBytes),
      writable: segments.writable,
    }),
    scrub: create(ScrubStatsSchema, {
      running: scrub.isRunning,
      startedMs: BigInt(scrub.startedMs ?? 0),
      finishedMs: BigInt(scrub.finishedMs ?? 0),
      checkedBytes: BigInt(scrub.checkedBytes),
      badChunks: BigInt(scrub.badChunks),
    }),
    workers: statistics.workers.map(workerMessage),
    operations: statistics.operations.map(({ surface, operation, outcomes, latency }) =>
      create(OperationStatsSchema, {
        surface,
        operation,
        outcomes: Object.fromEntries([...outcomes].map(([name, count]) => [name, BigInt(count)])),
        latency: create(LatencyStatsSchema, latency),
      }),
    ),
    requestsInFlight: BigInt(statistics.requestsInFlight),
    bytesInTotal: BigInt(statistics.bytesIn),
    bytesOutTotal: BigInt(statistics.bytesOut),
    replaysTotal: BigInt(statistics.replays),
  });
}
