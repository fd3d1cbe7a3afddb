/** For tests: the real state machine, disks in memory, and repair, scrub and inventory of every node, on virtual time. */

import { create } from "@bufbuild/protobuf";
import { concatBytes, fromHex, TimeOrderedIds, toHex } from "../../base/index.ts";
import { CommitObjectSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { BlobRow, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { LiveStore } from "../../meta/live-store.ts";
import type { CommandBody } from "../../meta/ports.ts";
import { RowVersions } from "../../meta/row-versions.ts";
import { createBucket, etag, initCluster, putCopysets, setNodeState } from "../../meta/testing/commands.ts";
import { Replica, testHasher } from "../../meta/testing/harness.ts";
import { StateView } from "../../meta/view.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import type { ClusterWorker, HealthView, PeerHealth } from "../ports.ts";
import { BlobLocks } from "../repair/blob-locks.ts";
import { BlobCopier } from "../repair/copier.ts";
import { Inventory } from "../repair/inventory.ts";
import type { ChunkCopies, LocalAddress } from "../repair/ports.ts";
import { repairWorker } from "../repair/repair-worker.ts";
import { Scrub } from "../repair/scrub.ts";
import type { UpkeepStore } from "../repair/upkeep-rows.ts";
import { removedNodesWorker } from "../workers/leader.ts";
import { unlinkWorker } from "../workers/local.ts";
import { registerStorageNode } from "./storage-node.ts";

export const LOSS_DELAY_MS = 600_000;
export const WRITE_LIMIT_MS = 48 * 3600 * 1000;
export const UNKNOWN_KEPT_MS = 24 * 3600 * 1000;

class DiskFailure extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** One node's chunks in memory. */
export class MemoryDisk {
  /** So many listings fail from now on. */
  failingListings = 0;
  readonly chunks = new Map<string, Uint8Array>();
  readonly quarantined = new Set<string>();
  /** Chunks whose reads end with this code. */
  readonly failing = new Map<string, string>();
  isFull = false;

  read(name: string, lengthBytes: number): Uint8Array {
    const code = this.failing.get(name);
    if (code !== undefined) throw new DiskFailure(code);
    const bytes = this.quarantined.has(name) ? undefined : this.chunks.get(name);
    if (bytes === undefined) throw new DiskFailure("not-found");
    if (bytes.length < lengthBytes) throw new DiskFailure("invalid");
    return bytes.subarray(0, lengthBytes);
  }
}

export class RepairCluster {
  readonly replica = new Replica();
  readonly simulation: Simulation;
  readonly disks = new Map<number, MemoryDisk>();
  readonly silent = new Set<number>();
  readonly inventories = new Map<number, Inventory>();
  readonly scrubs = new Map<number, Scrub>();
  /** How far the wall clock of the nodes' scrubs is ahead of what it should be, in milliseconds. */
  scrubAheadMs = 0;
  /** What each node remembers of its upkeep. */
  readonly upkeeps = new Map<number, UpkeepStore>();
  readonly events: string[] = [];
  readonly #platform;
  readonly #workers = new Map<string, ClusterWorker>();
  readonly #view: StateView;
  readonly #ids = new TimeOrderedIds();
  readonly #versions = new RowVersions(RowVersions.memory(64));
  #nextVersion = 1;

  constructor(nodeIds: readonly number[], seed = 1) {
    this.simulation = new Simulation(seed);
    this.#platform = new SimMachine(this.simulation, "m").boot().platform;
    this.replica.timeMs = this.#platform.clock.wallMs();
    const position = {
      index: () => this.replica.state.appliedIndex,
      timeMs: () => Number(this.replica.state.nowMs),
    };
    this.#view = new StateView(new LiveStore(this.replica.store), position, { versions: this.#versions });
    this.submit(initCluster());
    for (const nodeId of nodeIds) {
      registerStorageNode(this.replica, nodeId);
      this.#start(nodeId);
    }
    this.submit(createBucket("bucket"));
  }

  get view(): StateView {
    return this.#view;
  }

  submit(body: CommandBody) {
    this.replica.timeMs = Math.max(this.replica.timeMs, this.#platform.clock.wallMs());
    const result = this.replica.run(body);
    // Whole tables are kept decoded until a batch touches them.
    this.#versions.changedAll();
    return result;
  }

  copysets(...copysets: { id?: number; nodes: number[] }[]): void {
    this.submit(putCopysets(Number(this.#view.cluster()?.layoutEpoch ?? 0n), ...copysets));
  }

  setState(nodeId: number, state: NodeState): void {
    setNodeState(this.replica, nodeId, state);
    this.#versions.changedAll();
  }

  /** An object of these chunks on these nodes, as an upload leaves it. Gives the blob's id in hexadecimal. */
  put(chunks: readonly Uint8Array[], holders: readonly number[], copysetId = 1): string {
    const blobId = this.newBlobId();
    for (const [chunkIndex, bytes] of chunks.entries()) {
      for (const nodeId of holders) this.disk(nodeId).chunks.set(nameOf({ blobId, chunkIndex }), bytes);
    }
    const size = chunks.reduce((sum, bytes) => sum + bytes.length, 0);
    const value = create(CommitObjectSchema, {
      bucket: "bucket",
      key: toHex(blobId),
      versionId: this.#ids.next(this.#platform.clock.wallMs(), new Uint8Array(10)),
      size: BigInt(size),
      etag: etag(this.#nextVersion++),
      blobs: [
        {
          blobId,
          size: BigInt(size),
          copysetId: BigInt(copysetId),
          layoutEpoch: this.#view.cluster()?.layoutEpoch ?? 0n,
          chunks: chunks.map((bytes) => ({
            length: bytes.length,
            blake3: testHasher.blake3(bytes),
            nodeIds: holders.map(BigInt),
          })),
        },
      ],
      slices: [{ blobId, offset: 0n, length: BigInt(size) }],
    });
    const result = this.submit({ case: "commitObject", value });
    if (result.result.case !== "objectCommitted") throw new Error(JSON.stringify(result.result.case));
    return toHex(blobId);
  }

  newBlobId(): Uint8Array {
    return this.#ids.next(this.#platform.clock.wallMs(), new Uint8Array(10));
  }

  disk(nodeId: number): MemoryDisk {
    const disk = this.disks.get(nodeId);
    if (disk === undefined) throw new Error(`no node ${nodeId}`);
    return disk;
  }

  row(blobHex: string): BlobRow {
    const row = this.#view.blob(fromHex(blobHex) ?? new Uint8Array(0));
    if (row === undefined) throw new Error("no such blob");
    return row;
  }

  /** Who is recorded for each chunk. */
  holders(blobHex: string): number[][] {
    return this.row(blobHex).chunks.map(({ nodeIds }) => nodeIds.map(Number).sort((a, b) => a - b));
  }

  /** Runs a worker ("repair", "scrub/2", "inventory/3", "unlink/1") until it is idle; how many units that took. */
  async run(name: string, mostUnits = 200): Promise<number> {
    const worker = this.#workers.get(name);
    if (worker === undefined) throw new Error(`no worker ${name}`);
    const { signal } = new AbortController();
    for (let units = 1; units <= mostUnits; units++) {
      const unit = worker.runUnit(signal);
      if ((await this.simulation.complete(unit, 10 * 3_600_000)) === "idle") return units;
    }
    throw new Error(`${name} does not become idle`);
  }

  async wait(ms: number): Promise<void> {
    await this.simulation.runFor(ms);
  }

  #start(nodeId: number): void {
    const { clock, timers } = this.#platform;
    const disk = new MemoryDisk();
    this.disks.set(nodeId, disk);
    const locks = new BlobLocks();
    const metadata = {
      view: this.#view,
      submit: async (body: CommandBody) => this.submit(body),
      barrier: async () => {},
      onChange: () => () => {},
    };
    const chunks = this.#chunksOf(nodeId);
    const shared = { nodeId, metadata, chunks, hasher: testHasher, clock, timers };
    const events = {
      onCopied: () => {},
      onBadCopy: (source: number) => void this.events.push(`bad copy on ${source}`),
    };
    const copier = new BlobCopier({ ...shared, locks, events });
    this.#copiers.set(nodeId, copier);
    const segments = {
      unlink: async (blobIds: readonly Uint8Array[]) => {
        for (const name of [...disk.chunks.keys()]) {
          if (blobIds.some((blobId) => name.startsWith(toHex(blobId)))) disk.chunks.delete(name);
        }
      },
    };
    const store = new MemoryUpkeep();
    this.upkeeps.set(nodeId, store);
    const scrub = new Scrub({
      ...shared,
      clock: {
        wallMs: () => clock.wallMs() + this.scrubAheadMs,
        monotonicMs: () => clock.monotonicMs(),
      },
      store,
      intervalMs: 14 * 24 * 3_600_000,
      bytesPerSecond: 1024 * 1024,
      onChecked: () => {},
      onBad: (_, why) => void this.events.push(`scrub ${nodeId}: ${why}`),
    });
    const inventory = new Inventory({
      ...shared,
      inventory: () => listed(disk),
      segments,
      copier,
      locks,
      store,
      intervalMs: 3_600_000,
      unknownKeptMs: UNKNOWN_KEPT_MS,
      writeLimitMs: WRITE_LIMIT_MS,
      onMissing: () => void this.events.push(`inventory ${nodeId}: missing`),
      onRemoved: () => void this.events.push(`inventory ${nodeId}: removed`),
    });
    this.scrubs.set(nodeId, scrub);
    this.inventories.set(nodeId, inventory);
    this.#workers.set(`scrub/${nodeId}`, scrub.worker());
    this.#workers.set(`inventory/${nodeId}`, inventory.worker());
    this.#workers.set(`unlink/${nodeId}`, unlinkWorker({ identity: { nodeId }, metadata, segments, locks }));
    const raft = {
      status: () => ({ ...FOLLOWER, role: "leader" as const }),
      proposeConfigurationChange: () => true,
      transferLeadership: () => {},
    };
    this.#workers.set("removed-nodes", removedNodesWorker({ metadata, raft, health: this.#health, clock }));
    this.#workers.set(
      "repair",
      repairWorker({
        metadata,
        raft,
        health: this.#health,
        clock,
        timers,
        settings: { lossDelayMs: LOSS_DELAY_MS, bytesPerSecond: 1024 * 1024, concurrency: 2 },
        request: async (destination, wanted, signal) => {
          if (this.silent.has(destination)) throw new Error("no answer");
          this.events.push(`asked ${destination} for ${wanted.length}`);
          return this.#copiers.get(destination)?.copy(wanted, signal) ?? [];
        },
      }),
    );
  }

  readonly #copiers = new Map<number, BlobCopier>();

  readonly #health: HealthView = {
    peer: (nodeId): PeerHealth => ({
      nodeId,
      state: this.silent.has(nodeId) ? "dead" : "alive",
      lastSeenMs: undefined,
      heardMs: undefined,
      health: undefined,
    }),
    all: () => [],
    onChange: () => () => {},
  };

  #chunksOf(nodeId: number): ChunkCopies {
    const own = () => this.disk(nodeId);
    return {
      has: (address) => own().chunks.has(nameOf(address)) && !own().quarantined.has(nameOf(address)),
      read: async (source, address, lengthBytes) => {
        if (this.silent.has(source)) throw new DiskFailure("unavailable");
        return [this.disk(source).read(nameOf(address), lengthBytes)];
      },
      store: async (address, _, pieces) => {
        if (own().isFull) throw new DiskFailure("no-space");
        own().chunks.set(nameOf(address), concatBytes(pieces));
        own().quarantined.delete(nameOf(address));
      },
      quarantine: (address) => void own().quarantined.add(nameOf(address)),
    };
  }
}

const FOLLOWER = {
  nodeId: 1,
  term: 1,
  commit: 1,
  confState: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  progress: [],
};

class MemoryUpkeep implements UpkeepStore {
  readonly #rows = new Map<string, Uint8Array>();

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  async write(changes: Parameters<UpkeepStore["write"]>[0]): Promise<void> {
    for (const change of changes) {
      if (change.kind === "put") this.#rows.set(change.key, change.value);
      else this.#rows.delete(change.key);
    }
  }

  async page(range: Parameters<UpkeepStore["page"]>[0]) {
    return [...this.#rows]
      .filter(([key]) => key >= (range.gte ?? "") && (range.lt === undefined || key < range.lt))
      .map(([key, value]) => ({ key, value }));
  }
}

export function nameOf({ blobId, chunkIndex }: LocalAddress): string {
  return `${toHex(blobId)}/${String(chunkIndex).padStart(5, "0")}`;
}

async function* listed(disk: MemoryDisk): AsyncIterable<LocalAddress & { readonly length: number }> {
  if (disk.failingListings-- > 0) throw new Error("the disk cannot be listed");
  for (const [name, bytes] of [...disk.chunks].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (disk.quarantined.has(name)) continue;
    const [hex, index] = name.split("/");
    yield { blobId: fromHex(hex ?? "")!, chunkIndex: Number(index), length: bytes.length };
  }
}
