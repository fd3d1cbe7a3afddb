import type { ClusterTime, WeightedSemaphore } from "../../base/index.ts";
import type { Logger, Metrics } from "../../observe/index.ts";
import type { Clock, Random, Timers } from "../../platform/index.ts";
import type { Checksum } from "../batch/batch-file.ts";
import type { DiskCache } from "../cache/disk-cache.ts";
import type { BlobDriver, BlobName, NamespaceStore, RangeReader } from "../ports.ts";
import type { SearchKernel } from "./kernel.ts";

/** What all parts of the engine work with. */
export interface EngineContext {
  readonly nodeId: number;
  readonly store: NamespaceStore;
  readonly driver: BlobDriver;
  readonly kernel: SearchKernel;
  readonly clock: Clock;
  /** Leader time as far as this node knows it. */
  readonly clusterTime: ClusterTime;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly checksum: Checksum;
  /** 32 bytes. */
  readonly hash: (bytes: Uint8Array) => Uint8Array;
  readonly settings: EngineSettings;
  /** The bytes of files that are merged at once on this node: `mergeBytes`. */
  readonly merging: WeightedSemaphore;
  /** Aborts when the node stops. */
  readonly closing: AbortSignal;
  /** Parts of a blob, through the caches. */
  readonly reader: (blob: BlobName) => RangeReader;
  /** The tier below memory, which `reader` fills; undefined: switched off, or its directory cannot be used. */
  readonly diskCache: DiskCache | undefined;
}

export interface EngineSettings {
  /** Budget of all memtables, in bytes; the namespace that is used right now may go beyond it. */
  readonly memtableBytes: number;
  /** Budget of open segments, in bytes. */
  readonly segmentBytes: number;
  /** Budget of the memtables and open segments of pinned namespaces, in bytes; those beyond it are dropped like others. */
  readonly pinnedBytes: number;
  /** A namespace is flushed when its batches have so many bytes ... */
  readonly flushBytes: number;
  /** ... or documents ... */
  readonly flushDocuments: number;
  /** ... or when the oldest is so old, in milliseconds. */
  readonly flushAfterMs: number;
  /** Writes are refused ("overloaded") while so many bytes of a namespace wait to be indexed. */
  readonly unindexedBytes: number;
  /** So many segments of one level become one of the next. */
  readonly mergeSegments: number;
  /** Segments are merged up to so many bytes together, in all merges of a node at once: a merge has about twice as much in memory ... */
  readonly mergeBytes: number;
  /** ... and up to so many rows, of which each takes some hundred bytes more. */
  readonly mergeRows: number;
  /** What has not been flushed for so long, in milliseconds, is at rest: its segments are merged further. */
  readonly mergeRestMs: number;
  /** By leader time: so long nobody works on a namespace when the node that did has died. Work that takes a third of it asks for more. */
  readonly leaseMs: number;
  /** Of namespaces that name none, in seconds. */
  readonly retentionSeconds: number;
}

export const DEFAULT_ENGINE_SETTINGS: EngineSettings = {
  memtableBytes: 256 * 1024 * 1024,
  segmentBytes: 512 * 1024 * 1024,
  pinnedBytes: 256 * 1024 * 1024,
  flushBytes: 8 * 1024 * 1024,
  flushDocuments: 20_000,
  flushAfterMs: 5_000,
  unindexedBytes: 256 * 1024 * 1024,
  mergeSegments: 4,
  mergeBytes: 512 * 1024 * 1024,
  mergeRows: 1_000_000,
  mergeRestMs: 60_000,
  leaseMs: 60_000,
  retentionSeconds: 3_600,
};
