import { AccessError, createSealer, deriveKey, SEAL_OVERHEAD_BYTES } from "../../access/index.ts";
import type { Metrics } from "../../observe/index.ts";
import { DiskError, type Random } from "../../platform/index.ts";
import { BLOCK_BYTES, type BlockCache, type BlockSeal, DiskCache } from "../../search/index.ts";
import type { Closers, EnginesOptions } from "./options.ts";

const DIRECTORY = "search-cache";

/** The cache of index segments on disk; undefined: it is switched off, or its directory cannot be used, and the node goes on without. */
export async function openDiskCache(
  options: EnginesOptions,
  closers: Closers,
): Promise<DiskCache | undefined> {
  const { platform, config, logger, dataDirectory } = options;
  const { nodeId, keyEncryptionKey } = options.identified.stored.identity;
  const [budgetBytes, pinnedBytes] = [config["search.cache_disk"], config["search.pinned_disk"]];
  if (budgetBytes + pinnedBytes === 0) return undefined;
  const place = config["search.cache_directory"];
  try {
    const cache = await DiskCache.open({
      disk: platform.disk,
      // Nodes that are given the same directory do not meet there.
      directory: place === "" ? `${dataDirectory}/${DIRECTORY}` : `${place}/node-${nodeId}`,
      budgetBytes,
      pinnedBytes,
      blockBytes: BLOCK_BYTES,
      // A key of the node's own, so that nonces of the cache are not counted among those of secrets.
      seal: blockSeal(deriveKey(keyEncryptionKey, `skerry/search-cache/v1/${nodeId}`), platform.random),
      checksum: (bytes) => platform.hasher.crc32c(bytes),
    });
    closers.push(() => cache.close());
    return cache;
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    logger.error("the cache of index segments on disk cannot be used", { error });
    return undefined;
  }
}

/** `key` has 32 bytes. */
export function blockSeal(key: Uint8Array, random: Random): BlockSeal {
  const sealer = createSealer({ keyEncryptionKey: key, randomBytes: (length) => random.bytes(length) });
  return {
    overheadBytes: SEAL_OVERHEAD_BYTES,
    seal: (block, name) => sealer.seal(block, name),
    open: (sealed, name) => {
      try {
        return sealer.open(sealed, name);
      } catch (error) {
        if (error instanceof AccessError) return undefined;
        throw error;
      }
    },
  };
}

/** Shows both tiers in the metrics. */
export function observeCaches(metrics: Metrics, memory: BlockCache, disk: DiskCache | undefined): void {
  const tiers = [
    { tier: "memory", counters: () => memory.counters() },
    ...(disk === undefined ? [] : [{ tier: "disk", counters: () => disk.counters() }]),
  ].map((tier) => ({ ...tier, before: { hits: 0, misses: 0, evictions: 0 } }));
  let failures = 0;
  metrics.onRender(() => {
    for (const of of tiers) {
      const { tier, before } = of;
      const now = of.counters();
      metrics.searchCacheHits.add(now.hits - before.hits, { tier });
      metrics.searchCacheMisses.add(now.misses - before.misses, { tier });
      metrics.searchCacheEvictions.add(now.evictions - before.evictions, { tier });
      metrics.searchCacheBytes.set(now.bytes, { tier });
      of.before = now;
    }
    if (disk === undefined) return;
    const now = disk.counters();
    metrics.searchCacheBytes.set(now.pinnedBytes, { tier: "pinned" });
    metrics.searchCacheFailures.add(now.failures - failures);
    failures = now.failures;
  });
}
