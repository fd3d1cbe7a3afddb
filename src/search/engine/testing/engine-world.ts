/** A cluster's metadata and blobs in memory, and engines on it that can be thrown away and begun anew, as nodes are. */

import { create } from "@bufbuild/protobuf";
import { ClusterTime, concatBytes, createPrng, toHex, WeightedSemaphore } from "../../../base/index.ts";
import {
  BeginBlobDeleteSchema,
  type CommandResult,
  NewBlobSchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import type { SearchStoreRow } from "../../../gen/skerry/meta/v1/rows_pb.js";
import { MAX_BLOB_WRITE_MS } from "../../../meta/index.ts";
import { LiveStore } from "../../../meta/live-store.ts";
import { readyReplica } from "../../../meta/testing/commands.ts";
import { Replica } from "../../../meta/testing/harness.ts";
import { setSearchStore } from "../../../meta/testing/namespaces.ts";
import { StateView } from "../../../meta/view.ts";
import { createMetrics, SILENT_LOGGER } from "../../../observe/index.ts";
import type { Clock, Random, Timers } from "../../../platform/index.ts";
import { PlainHasher } from "../../../platform/node/plain-hasher.ts";
import { BlockCache } from "../../cache/block-cache.ts";
import { CachedReader } from "../../cache/cached-reader.ts";
import type { DiskCache } from "../../cache/disk-cache.ts";
import { OutsideBlobs } from "../../drivers/outside-blobs.ts";
import type { OutsideStore } from "../../drivers/outside-store.ts";
import { outsideWorkers } from "../../drivers/outside-workers.ts";
import { type ClusterDriver, routedDriver } from "../../drivers/routed-driver.ts";
import type { BlobDriver, NamespaceCommand, NamespaceStore } from "../../ports.ts";
import { CHECKSUM_SEAL } from "../../testing/checksum-seal.ts";
import { vectorKernels } from "../../vector/index.ts";
import { DEFAULT_ENGINE_SETTINGS, type EngineContext, type EngineSettings } from "../context.ts";
import { SearchEngine } from "../engine.ts";
import { LocalKernel } from "../local-kernel.ts";

const hasher = new PlainHasher();

export interface EngineWorldNode {
  readonly nodeId: number;
  readonly seed: string;
  readonly nowMs: () => number;
  readonly store: NamespaceStore;
  readonly driver: BlobDriver;
  readonly settings: Partial<EngineSettings>;
  readonly diskCache?: DiskCache | undefined;
}

/** An engine's surroundings: one thread, a time that only the test moves, and chance from a seed. */
export function engineContext(node: EngineWorldNode): EngineContext {
  const { nodeId, seed, nowMs, store, driver, settings, diskCache } = node;
  const prng = createPrng(seed);
  const clock: Clock = { monotonicMs: nowMs, wallMs: nowMs };
  const random: Random = { bytes: (length) => prng.bytes(length), below: (bound) => prng.below(bound) };
  const timers: Timers = {
    after: () => ({ cancel: () => undefined }),
    endOfTurn: (action) => void Promise.resolve().then(action),
    sleep: () => Promise.resolve(),
  };
  const cache = new BlockCache(1024 * 1024);
  const closing = new AbortController().signal;
  const allSettings = { ...DEFAULT_ENGINE_SETTINGS, ...settings };
  return {
    nodeId,
    store,
    driver,
    kernel: new LocalKernel({ clock, timers, hasher, vectors: vectorKernels() }),
    clock,
    clusterTime: new ClusterTime(clock, () => store.view.appliedTimeMs()),
    timers,
    random,
    logger: SILENT_LOGGER,
    metrics: createMetrics(),
    checksum: (bytes) => hasher.crc32c(bytes),
    hash: (bytes) => hasher.blake3(bytes),
    settings: allSettings,
    merging: new WeightedSemaphore(allSettings.mergeBytes),
    closing,
    reader: (blob) => new CachedReader(blob, { driver, cache, disk: diskCache, signal: closing }),
    diskCache,
  };
}

export class EngineWorld {
  readonly replica = readyReplica(new Replica());
  readonly blobs = new Map<string, Uint8Array>();
  readonly seed: string;
  /** Called with every command before it is applied: a test lets something happen in between. */
  beforeCommand: (command: NamespaceCommand) => Promise<void> = async () => undefined;
  /** Stores outside the cluster, of which there are none unless a test says otherwise. */
  openStore: (location: SearchStoreRow["location"]) => OutsideStore = () => {
    throw new Error("this world has no stores outside the cluster");
  };
  readonly outside = new OutsideBlobs({
    row: (storeId) => this.view.searchStore(storeId),
    open: (location) => this.openStore(location),
    sealOf: () => CHECKSUM_SEAL,
    newBlobId: () => this.newBlobId(),
    randomBytes: (length) => new Uint8Array(length).fill(this.#nextBlob++),
    timers: { sleep: async () => undefined },
  });
  /** Reads from the store of blobs. */
  reads = 0;
  #nextBlob = 1_000_000;
  #engines = 0;

  constructor(seed: string) {
    this.seed = seed;
    this.replica.timeMs = 1_000_000_000;
  }

  get nowMs(): number {
    return this.replica.timeMs;
  }

  /** New segments go to a directory of this path, as `openStore` makes it; undefined: to the cluster. */
  setStore(path: string | undefined): void {
    this.replica.run(setSearchStore(path));
  }

  /** Everything that the cluster does to take away what nobody refers to, with whatever is due now. Names that are left in stores outside are returned with their number. */
  async collect(): Promise<readonly string[]> {
    const blobIds = [...(await this.view.pendingDeletes(this.nowMs, 10_000))];
    const value = create(BeginBlobDeleteSchema, { blobIds });
    this.replica.run({ case: "beginBlobDelete", value });
    const workers = outsideWorkers({
      blobs: this.outside,
      view: this.view,
      barrier: async () => undefined,
      acknowledge: async (acknowledged) =>
        this.replica.run({ case: "acknowledgeUnlink", value: acknowledged }),
      isLeader: () => true,
      maxWriteMs: MAX_BLOB_WRITE_MS,
      logger: SILENT_LOGGER,
    });
    const { signal } = new AbortController();
    for (const worker of workers) while ((await worker.runUnit(signal)) === "more");
    return this.stored();
  }

  async stored(): Promise<readonly string[]> {
    const { signal } = new AbortController();
    const names: string[] = [];
    for (let storeId = 1n; storeId <= (this.view.cluster()?.searchStoreCount ?? 0n); storeId++) {
      const page = await this.outside.store(storeId).list({ after: "", limit: 100_000 }, signal);
      names.push(...page.names.map((name) => `${storeId}/${name}`));
    }
    return names;
  }

  /** As the metadata have them. */
  async recorded(): Promise<readonly string[]> {
    const rows = await this.view.allBlobs({ limit: 100_000 });
    return rows
      .filter(({ searchStoreId }) => searchStoreId !== 0n)
      .map(({ blobId, searchStoreId }) => `${searchStoreId}/${toHex(blobId)}`)
      .sort();
  }

  engine(
    settings: Partial<EngineSettings> = {},
    diskCache?: DiskCache,
  ): {
    readonly engine: SearchEngine;
    readonly context: EngineContext;
  } {
    const context = this.#context(settings, diskCache);
    return { engine: new SearchEngine(context), context };
  }

  #context(settings: Partial<EngineSettings>, diskCache: DiskCache | undefined): EngineContext {
    const nodeId = ++this.#engines;
    return engineContext({
      nodeId,
      seed: `${this.seed}-engine-${nodeId}`,
      nowMs: () => this.nowMs,
      store: this.#store(),
      driver: this.#driver(),
      settings,
      diskCache,
    });
  }

  /** Of its own for each use: it keeps rows decoded until the machine tells it otherwise, and there is no machine here. */
  get view(): StateView {
    const position = { index: () => this.replica.state.appliedIndex, timeMs: () => this.nowMs };
    return new StateView(new LiveStore(this.replica.store), position);
  }

  #store(): NamespaceStore {
    const world = this;
    return {
      submit: async (command) => {
        await this.beforeCommand(command);
        return this.submit(command);
      },
      barrier: async () => undefined,
      get view() {
        return world.view;
      },
    };
  }

  submit(command: NamespaceCommand): CommandResult {
    return this.replica.run(command);
  }

  /** What is indexed goes where the metadata say, as on a node. */
  #driver(): BlobDriver {
    return routedDriver({
      cluster: this.#cluster(),
      outside: this.outside,
      blob: (blobId) => this.view.blob(blobId),
      currentStoreId: () => this.view.cluster()?.searchStoreId ?? 0n,
    });
  }

  newBlobId(): Uint8Array {
    const blobId = new Uint8Array(16);
    const bytes = new DataView(blobId.buffer);
    bytes.setUint16(0, Math.floor(this.nowMs / 2 ** 32));
    bytes.setUint32(2, this.nowMs % 2 ** 32);
    bytes.setUint32(12, this.#nextBlob++);
    return blobId;
  }

  #cluster(): ClusterDriver {
    return {
      write: async (parts) => {
        const bytes = concatBytes(parts);
        const blobId = this.newBlobId();
        this.blobs.set(toHex(blobId), bytes);
        return create(NewBlobSchema, {
          blobId,
          size: BigInt(bytes.length),
          isInline: true,
          inlineData: bytes,
        });
      },
      read: async ({ blobId }, { offset, length }) => {
        this.reads++;
        const bytes = this.blobs.get(toHex(blobId));
        if (bytes === undefined) throw new Error("the blob was never written");
        return bytes.slice(offset, offset + length);
      },
      isNear: () => false,
    };
  }
}
