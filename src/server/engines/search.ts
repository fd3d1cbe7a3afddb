import { ClusterTime, concatBytes, WeightedSemaphore } from "../../base/index.ts";
import { BlobError, type BlobStore } from "../../blob/index.ts";
import type { Metadata } from "../../meta/index.ts";
import type { Metrics } from "../../observe/index.ts";
import {
  type BlobDriver,
  BlockCache,
  CachedReader,
  type ClusterDriver,
  DEFAULT_ENGINE_SETTINGS,
  type EngineContext,
  LocalKernel,
  routedDriver,
  SearchEngine,
  SearchError,
  type SearchKernel,
  ThreadKernel,
  ThreadPool,
  vectorKernels,
} from "../../search/index.ts";
import { namespaceStore, readAsSearch } from "./namespace-store.ts";
import type { Closers, EnginesOptions } from "./options.ts";
import { observeCaches, openDiskCache } from "./search-cache.ts";
import { SearchStores, type SearchStoresJoins } from "./search-stores.ts";

/** Namespaces on this node. */
export interface Search {
  readonly engine: SearchEngine;
  readonly context: EngineContext;
  readonly stores: SearchStores;
}

export interface SearchJoins extends SearchStoresJoins {
  readonly blobs: BlobStore;
  /** Aborts when the node stops. */
  readonly signal: AbortSignal;
}

/** Joins the search engine to the metadata and to the blobs of the cluster. */
export async function openSearch(
  options: EnginesOptions,
  joins: SearchJoins,
  closers: Closers,
): Promise<Search> {
  const { platform, config, logger, metrics } = options;
  const { metadata, blobs } = joins;
  const signal = closingSignal(joins.signal);
  const { hasher } = platform;
  const checksum = (bytes: Uint8Array) => hasher.crc32c(bytes);
  const { nodeId } = options.identified.stored.identity;
  const stores = new SearchStores(options, joins, closers);
  const routed = routedDriver({
    cluster: clusterDriver(metadata, blobs, nodeId),
    outside: stores.blobs,
    blob: (blobId) => readAsSearch(() => metadata.view.blob(blobId)),
    currentStoreId: () => readAsSearch(() => metadata.view.cluster()?.searchStoreId ?? 0n),
  });
  const driver = measuredDriver(routed, metrics);
  // An open segment keeps a part of its file that every query needs, some percent of it with vectors. What queries compare in the end is anywhere in the rest.
  const blockBytes = Math.floor((config["search.cache_memory"] / 4) * 3);
  const cache = new BlockCache(blockBytes);
  const diskCache = await openDiskCache(options, closers);
  observeCaches(metrics, cache, diskCache);
  const settings = {
    ...DEFAULT_ENGINE_SETTINGS,
    memtableBytes: config["search.memtable_memory"],
    segmentBytes: config["search.cache_memory"] - blockBytes,
    pinnedBytes: config["search.pinned_memory"],
    flushBytes: config["search.flush_size"],
    flushAfterMs: config["search.flush_after"],
    unindexedBytes: config["search.unindexed_size"],
    mergeBytes: config["search.merge_size"],
    retentionSeconds: Math.floor(config["search.retention"] / 1000),
    ...options.tuning?.search,
  };
  const context: EngineContext = {
    ...platform,
    nodeId,
    store: namespaceStore(metadata),
    clusterTime: new ClusterTime(platform.clock, () => metadata.view.appliedTimeMs()),
    driver,
    kernel: searchKernel(options, closers),
    logger,
    metrics,
    checksum,
    hash: (bytes) => hasher.blake3(bytes),
    settings,
    merging: new WeightedSemaphore(settings.mergeBytes),
    closing: signal,
    reader: (blob) => new CachedReader(blob, { driver, cache, disk: diskCache, signal }),
    diskCache,
  };
  return { engine: new SearchEngine(context), context, stores };
}

/** Aborts with `stopping`. Whoever asked for what ends by it is told so, and may ask another node: it is no bug. */
export function closingSignal(stopping: AbortSignal): AbortSignal {
  const closing = new AbortController();
  const close = (): void => closing.abort(new SearchError("unavailable", "the node stops"));
  if (stopping.aborted) close();
  stopping.addEventListener("abort", close, { once: true });
  return closing.signal;
}

/** With `search.threads` 0, and where there are no threads, everything is done on this one. */
function searchKernel(
  { platform, config, metrics, startSearchThread }: EnginesOptions,
  closers: Closers,
): SearchKernel {
  const local = new LocalKernel({ ...platform, vectors: vectorKernels() });
  const threads = config["search.threads"];
  if (threads === 0 || startSearchThread === undefined) return local;
  const pool = new ThreadPool({
    threads,
    start: startSearchThread,
    onJob: (outcome) => metrics.searchThreadJobs.increment({ outcome }),
  });
  closers.push(() => pool.close());
  metrics.onRender(() => {
    metrics.searchThreadsBusy.set(pool.busy);
    metrics.searchThreadJobsWaiting.set(pool.waiting);
  });
  return new ThreadKernel({ local, pool, timers: platform.timers });
}

/** The driver `cluster`: blobs in the segments of the cluster's own nodes, found by the rows of the metadata. */
function clusterDriver(metadata: Metadata, blobs: BlobStore, nodeId: number): ClusterDriver {
  return {
    isNear: ({ blobId }) => {
      const row = readAsSearch(() => metadata.view.blob(blobId));
      return row?.chunks.every(({ nodeIds }) => nodeIds.includes(BigInt(nodeId))) === true;
    },
    write: async (parts, signal) => {
      const { blob } = await blobs
        .write({ sizeBytes: sizeOf(parts), bytes: each(parts), digests: [], signal })
        .catch(rejectAsSearch);
      if (blob === undefined) throw new Error("a blob has at least one byte");
      return blob;
    },
    read: async ({ blobId }, { offset, length }, signal) => {
      const row = readAsSearch(() => metadata.view.blob(blobId));
      if (row === undefined) throw new SearchError("unavailable", "the state that was read is gone by now");
      const pieces: Uint8Array[] = [];
      try {
        // A piece is the reader's only until the next one is asked for.
        for await (const piece of blobs.read(row, offset, length, signal)) pieces.push(piece.slice());
      } catch (error) {
        rejectAsSearch(error);
      }
      return pieces.length === 1 ? pieces[0]! : concatBytes(pieces);
    },
  };
}

function measuredDriver(driver: BlobDriver, metrics: Metrics): BlobDriver {
  const measured = async <T>(operation: "read" | "write", bytes: number, work: Promise<T>): Promise<T> => {
    try {
      const result = await work;
      metrics.searchStoreOperations.increment({ operation, outcome: "ok" });
      metrics.searchStoreBytes.add(bytes, { operation });
      return result;
    } catch (error) {
      metrics.searchStoreOperations.increment({ operation, outcome: "error" });
      throw error;
    }
  };
  return {
    write: (parts, signal) => measured("write", sizeOf(parts), driver.write(parts, signal)),
    writeIndex: (parts, signal) => measured("write", sizeOf(parts), driver.writeIndex(parts, signal)),
    read: (blob, range, signal) => measured("read", range.length, driver.read(blob, range, signal)),
    isNear: (blob) => driver.isNear(blob),
  };
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

async function* each(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

function rejectAsSearch(error: unknown): never {
  if (error instanceof BlobError) throw new SearchError("unavailable", error.message, {}, error);
  throw error;
}
