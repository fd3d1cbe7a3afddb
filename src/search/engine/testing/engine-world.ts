/** A cluster's metadata and blobs in memory, and engines on it that can be thrown away and begun anew, as nodes are. */

import { create } from "@bufbuild/protobuf";
import { createPrng, toHex } from "../../../base/index.ts";
import { type CommandResult, NewBlobSchema } from "../../../gen/skerry/meta/v1/commands_pb.js";
import { LiveStore } from "../../../meta/live-store.ts";
import { readyReplica } from "../../../meta/testing/commands.ts";
import { Replica } from "../../../meta/testing/harness.ts";
import { StateView } from "../../../meta/view.ts";
import { createMetrics, SILENT_LOGGER } from "../../../observe/index.ts";
import type { Clock, Random, Timers } from "../../../platform/index.ts";
import { PlainHasher } from "../../../platform/node/plain-hasher.ts";
import { BlockCache } from "../../cache/block-cache.ts";
import { CachedReader } from "../../cache/cached-reader.ts";
import type { DiskCache } from "../../cache/disk-cache.ts";
import type { BlobDriver, NamespaceCommand, NamespaceStore } from "../../ports.ts";
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
  return {
    nodeId,
    store,
    driver,
    kernel: new LocalKernel({ clock, timers, hasher, vectors: vectorKernels() }),
    clock,
    timers,
    random,
    logger: SILENT_LOGGER,
    metrics: createMetrics(),
    checksum: (bytes) => hasher.crc32c(bytes),
    hash: (bytes) => hasher.blake3(bytes),
    settings: { ...DEFAULT_ENGINE_SETTINGS, ...settings },
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

  #store(): NamespaceStore {
    const position = { index: () => this.replica.state.appliedIndex, timeMs: () => this.nowMs };
    const { replica } = this;
    return {
      submit: async (command) => {
        await this.beforeCommand(command);
        return this.submit(command);
      },
      barrier: async () => undefined,
      // A view of its own for each use: it keeps rows decoded until the machine tells it otherwise, and there is no machine here.
      get view() {
        return new StateView(new LiveStore(replica.store), position);
      },
    };
  }

  submit(command: NamespaceCommand): CommandResult {
    return this.replica.run(command);
  }

  #driver(): BlobDriver {
    return {
      write: async (bytes) => {
        const blobId = new Uint8Array(16);
        new DataView(blobId.buffer).setUint32(12, this.#nextBlob++);
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
