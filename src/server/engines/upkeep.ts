import { BlobError } from "../../blob/index.ts";
import {
  BlobCopier,
  BlobLocks,
  type ChunkCopies,
  type ClusterWorker,
  type CopyOutcome,
  copyHandler,
  type HealthService,
  Inventory,
  LostChunks,
  lostChunksWorker,
  repairWorker,
  requestCopies,
  Scrub,
  type WantedBlob,
} from "../../cluster/index.ts";
import { MAX_BLOB_WRITE_MS, type Metadata } from "../../meta/index.ts";
import type { StreamHandler } from "../../platform/index.ts";
import type { StartedRaft } from "../../raft/index.ts";
import { blockChecksums, type SegmentDamage, type SegmentStore } from "../../segment/index.ts";
import type { NodeTargets } from "../chunk-targets.ts";
import type { Closers, EnginesOptions } from "./options.ts";
import { ReopeningUpkeepStore } from "./upkeep-store.ts";

export interface UpkeepParts {
  readonly metadata: Metadata;
  readonly raft: StartedRaft;
  readonly segments: SegmentStore;
  readonly targets: NodeTargets;
  readonly health: HealthService;
  readonly damages: Damages;
}

/** Damage that was found before anybody could be told, and from then on. */
export class Damages {
  readonly lost = new LostChunks();
  /** Told when it is not known which chunks are gone. */
  onUnclear: () => void = () => {};
  #isUnclear = false;

  add(damage: SegmentDamage): void {
    if (damage.kind === "chunk" && this.lost.add(damage.address)) return;
    this.#isUnclear = true;
    this.onUnclear();
  }

  get isUnclear(): boolean {
    return this.#isUnclear;
  }
}

/** Keeps bytes as they should be: this node's part of repair, scrub and inventory, and the leader's. */
export class Upkeep {
  readonly locks = new BlobLocks();
  readonly scrub: Scrub;
  readonly inventory: Inventory;
  readonly #options: EnginesOptions;
  readonly #parts: UpkeepParts;
  readonly #copier: BlobCopier;

  static async open(options: EnginesOptions, parts: UpkeepParts, closers: Closers): Promise<Upkeep> {
    const store = await ReopeningUpkeepStore.open(options);
    closers.push(() => store.close());
    return new Upkeep(options, parts, store);
  }

  private constructor(options: EnginesOptions, parts: UpkeepParts, store: ReopeningUpkeepStore) {
    this.#options = options;
    this.#parts = parts;
    const { platform, config, metrics, logger } = options;
    const { metadata, segments, damages } = parts;
    const { nodeId } = options.identified.stored.identity;
    const chunks = chunkCopies(options, parts);
    const shared = { nodeId, metadata, chunks, hasher: platform.hasher, store, ...timesOf(options) };
    this.#copier = new BlobCopier({
      ...shared,
      locks: this.locks,
      events: {
        onCopied: (bytes) => metrics.repairCopiedBytes.add(bytes),
        onBadCopy: (source, address, why) => {
          metrics.repairBadCopies.increment();
          logger.error("a copy that was to be repaired from is bad", { source, address, why });
        },
      },
    });
    this.scrub = new Scrub({
      ...shared,
      intervalMs: config["scrub.interval"],
      bytesPerSecond: config["scrub.bytes_per_second"],
      onChecked: (bytes) => metrics.scrubCheckedBytes.add(bytes),
      onBad: (address, found) => {
        metrics.scrubBadChunks.increment({ found });
        logger.error("scrub found a bad chunk", { address, found });
      },
    });
    this.inventory = new Inventory({
      ...shared,
      inventory: () => segments.inventory(),
      segments,
      copier: this.#copier,
      locks: this.locks,
      intervalMs: config["storage.inventory_interval"],
      unknownKeptMs: config["storage.unknown_kept"],
      writeLimitMs: MAX_BLOB_WRITE_MS,
      onMissing: (address) => {
        metrics.inventoryMissing.increment();
        logger.error("a chunk is missing on this node's disk", { address });
      },
      onRemoved: (blobId) => {
        metrics.inventoryRemoved.increment();
        logger.info("bytes that belong to nothing were removed", { blobId });
      },
    });
    metrics.onRender(() => this.#observe());
    damages.onUnclear = () => this.inventory.start();
    if (damages.isUnclear) this.inventory.start();
  }

  /** For the peer listener. */
  handlers(): ReadonlyMap<string, StreamHandler> {
    return copyHandler({
      identity: this.#options.identified.stored.identity,
      isMember: (peer) => this.#parts.targets.isMember(peer.nodeId),
      copier: this.#copier,
    });
  }

  workers(): readonly ClusterWorker[] {
    const { config } = this.#options;
    const { metadata, raft, health, damages } = this.#parts;
    const { nodeId } = this.#options.identified.stored.identity;
    return [
      lostChunksWorker({ nodeId, metadata, lost: damages.lost }),
      this.scrub.worker(),
      this.inventory.worker(),
      repairWorker({
        ...timesOf(this.#options),
        metadata,
        raft,
        health,
        settings: {
          lossDelayMs: config["repair.loss_delay"],
          bytesPerSecond: config["repair.bytes_per_second"],
          concurrency: config["repair.concurrency"],
        },
        request: (destination, wanted, signal) => this.#request(destination, wanted, signal),
      }),
    ];
  }

  async #request(
    destination: number,
    wanted: readonly WantedBlob[],
    signal: AbortSignal,
  ): Promise<readonly CopyOutcome[]> {
    const { nodeId, clusterId } = this.#options.identified.stored.identity;
    if (destination === nodeId) return this.#copier.copy(wanted, signal);
    const target = this.#parts.targets.copyTarget(destination);
    if (target === undefined) throw new BlobError("unavailable", `node ${destination} has no address`);
    const { timers } = this.#options.platform;
    return requestCopies({ clusterId, timers }, target, wanted, signal);
  }

  #observe(): void {
    const { metrics, identified } = this.#options;
    const { view } = this.#parts.metadata;
    metrics.repairUnderReplicated.set(view.underReplicatedTotal().blobs);
    metrics.repairHeldBytes.set(view.holdings(identified.stored.identity.nodeId).bytes);
    const { isRunning, checkedBytes, totalBytes } = this.scrub.status();
    metrics.scrubProgress.set(isRunning ? Math.min(1, checkedBytes / Math.max(1, totalBytes)) : 1);
  }
}

function timesOf({ platform }: EnginesOptions) {
  return { clock: platform.clock, timers: platform.timers };
}

/** This node's segments and the other nodes' chunks as repair asks for them. */
function chunkCopies({ platform }: EnginesOptions, { segments, targets }: UpkeepParts): ChunkCopies {
  return {
    has: (address) => segments.has(address),
    read: async (nodeId, address, lengthBytes, signal) => {
      const target = targets.target(nodeId);
      if (target === undefined) throw new BlobError("unavailable", `node ${nodeId} has no address`);
      return (await target.read(address, 0, lengthBytes, signal)).pieces;
    },
    store: (address, length, pieces) =>
      segments.append({
        ...address,
        length,
        pieces,
        blockChecksums: blockChecksums(platform.hasher, pieces, length),
      }),
    quarantine: (address) => segments.quarantine(address),
  };
}
