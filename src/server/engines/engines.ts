import { createSealer, type Sealer } from "../../access/index.ts";
import type { Worker, WorkerStatus } from "../../background/index.ts";
import type { BlobStore } from "../../blob/index.ts";
import {
  HealthService,
  handOver,
  heirOf,
  type LocalHealth,
  membershipHandlers,
  type NodeIdentity,
  type ScrubStatus,
} from "../../cluster/index.ts";
import { NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata, ReplicatedMetadata, StateMemory, StateStoreDirectory } from "../../meta/index.ts";
import { ObjectError, type ObjectStore, Writes, withMaintenance } from "../../object/index.ts";
import type { DiskError } from "../../platform/index.ts";
import type { StartedRaft } from "../../raft/index.ts";
import { chunkServiceHandlers, type SegmentStore } from "../../segment/index.ts";
import type { NodeTargets } from "../chunk-targets.ts";
import type { Config } from "../config/index.ts";
import { rootOwner, settleFounding } from "../founding.ts";
import { measuredBlobs } from "../measured.ts";
import { ClusterFollower } from "./cluster-follower.ts";
import { type Consensus, startConsensus } from "./consensus.ts";
import { noteRemoved } from "./node-life.ts";
import { createIds, createObjects } from "./objects.ts";
import type { Certificates, Closers, EnginesOptions } from "./options.ts";
import { refuseRemoved } from "./removed-peers.ts";
import { openSearch, type Search } from "./search.ts";
import { warnOfMissingSegments } from "./segments-watch.ts";
import { Settling } from "./settling.ts";
import { createBlobs, createTargets, openSegments } from "./storage.ts";
import { Damages, Upkeep } from "./upkeep.ts";
import { type StartedWorkers, startWorkers } from "./workers.ts";

/** How long a node that stops waits for another one to lead, in milliseconds: an election would take as long. */
const LEAVE_LEAD_MS = 3_000;

/**
 * Opens the engines of a node and joins them: metadata, segments, health, the listener for peers. They serve peers when it resolves; the
 * work of the node begins with `work`. Rejects with DiskError, a WalError or what the network says of the address; nothing is left open then.
 */
export async function openEngines(options: EnginesOptions): Promise<Engines> {
  const engines = new Engines(options);
  try {
    await engines.open();
    return engines;
  } catch (error) {
    await engines.close();
    throw error;
  }
}

/** What threads that serve requests need of the engines. */
export interface EnginesForThreads {
  readonly metadata: ReplicatedMetadata;
  readonly directory: StateStoreDirectory;
  readonly memory: StateMemory;
  readonly onUnreadable: (error: DiskError) => void;
  readonly blobs: BlobStore;
  /** Of `Writes`. */
  readonly writes: SharedArrayBuffer;
}

/** What a node is without its listeners for clients: the same in production and in the simulator. */
export class Engines {
  readonly #options: EnginesOptions;
  readonly #closers: Closers = [];
  readonly #stopping = new AbortController();
  #consensus!: Consensus;
  #segments!: SegmentStore;
  #health!: HealthService;
  #targets!: NodeTargets;
  #upkeep!: Upkeep;
  #follower: ClusterFollower | undefined;
  #certificates!: Certificates;
  /** Not measured. */
  #blobs!: BlobStore;
  #workers: StartedWorkers | undefined;
  readonly #settling: Settling;
  #isRemoved = false;
  readonly sealer: Sealer;
  objects!: ObjectStore;
  search!: Search;
  /** Of clients, through `objects`. */
  writes!: Writes;

  constructor(options: EnginesOptions) {
    this.#options = options;
    this.#settling = new Settling({
      timers: options.platform.timers,
      logger: options.logger,
      signal: this.#stopping.signal,
    });
    this.sealer = createSealer({
      keyEncryptionKey: this.identity.keyEncryptionKey,
      randomBytes: (length) => options.platform.random.bytes(length),
    });
  }

  get identity(): NodeIdentity {
    return this.#options.identified.stored.identity;
  }

  get metadata(): Metadata {
    return this.#consensus.metadata;
  }

  get raft(): StartedRaft {
    return this.#consensus.raft;
  }

  get forThreads(): EnginesForThreads {
    const { replicated, stateDirectory, memory, onUnreadable } = this.#consensus;
    const writes = this.writes.memory;
    return {
      metadata: replicated,
      directory: stateDirectory,
      memory,
      onUnreadable,
      blobs: this.#blobs,
      writes,
    };
  }

  get segments(): SegmentStore {
    return this.#segments;
  }

  get health(): HealthService {
    return this.#health;
  }

  async open(): Promise<void> {
    const options = this.#options;
    // Raft may want to send a snapshot before this node has read where the others are.
    const peerAddress = (nodeId: number) => this.#follower?.peerAddress(nodeId);
    this.#consensus = await startConsensus(options, this.#closers, peerAddress);
    const damages = new Damages();
    this.#segments = await openSegments(options, this.#closers, (damage) => damages.add(damage));
    const { liveBytes, deadBytes } = this.#segments.status();
    warnOfMissingSegments({
      directory: `${options.dataDirectory}/segments`,
      storedBytes: liveBytes + deadBytes,
      heldBlobs: () => this.metadata.view.holdings(this.identity.nodeId).blobs,
      logger: options.logger,
    });
    this.#health = new HealthService({
      ...options.platform,
      identity: this.identity,
      network: options.network,
      localHealth: () => this.#localHealth(),
      hasLeft: (nodeId) => this.#follower?.hasLeft(nodeId) ?? false,
      onRemoved: (by) => this.#hasBeenRemoved(`node ${by} says so`),
    });
    this.#closers.push(() => this.#health.close());
    this.#targets = createTargets(options, this.#segments, this.#health, this.#closers);
    this.writes = new Writes(this.metadata.view);
    const newId = createIds(options.platform, this.metadata.view);
    this.#blobs = createBlobs(options, this.#targets, { newId, metadata: this.metadata });
    const blobs = measuredBlobs(this.#blobs, options.metrics, options.platform.clock);
    const { metadata, sealer } = this;
    const objects = createObjects(options, { metadata, sealer, blobs, newId });
    const { signal } = this.#stopping;
    this.search = await openSearch(options, { metadata, blobs, signal, sealer, newId }, this.#closers);
    this.objects = withMaintenance(objects, this.writes);
    this.#certificates = options.certificates(this.metadata, this.sealer);
    const follower = new ClusterFollower({
      nodeId: this.identity.nodeId,
      metadata: this.metadata,
      raft: this.raft,
      health: this.#health,
      targets: this.#targets,
      directory: options.identified.directory,
      logger: options.logger,
      onLeft: () => this.#hasBeenRemoved("the metadata say so"),
    });
    this.#follower = follower;
    this.#closers.push(() => follower.close());
    this.#upkeep = await Upkeep.open(
      options,
      {
        metadata: this.metadata,
        raft: this.raft,
        segments: this.#segments,
        targets: this.#targets,
        health: this.#health,
        damages,
      },
      this.#closers,
    );
    await this.#listenToPeers();
    await follower.refresh();
    this.#health.start();
  }

  /** Begins the background work, with what `workers` adds, and what needs the cluster; `boundConfig` has the ports that the system chose. What it returns ends it. */
  work(boundConfig: Config, workers: readonly Worker[] = []): () => Promise<void> {
    this.#workers = startWorkers(this.#options, {
      metadata: this.metadata,
      sealer: this.sealer,
      raft: this.raft,
      segments: this.#segments,
      health: this.#health,
      upkeep: this.#upkeep,
      certificates: this.#certificates,
      writes: this.writes,
      search: this.search,
      boundConfig,
      others: workers,
    });
    this.#settling
      .run(() => this.#settle(boundConfig))
      .catch((error: unknown) => {
        if (this.#stopping.signal.aborted) return;
        this.#options.onFatal(error instanceof Error ? error : new Error(String(error)));
      });
    const { stop } = this.#workers;
    return stop;
  }

  /** Of this node's bytes. */
  scrubStatus(): ScrubStatus {
    return this.#upkeep.scrub.status();
  }

  /** Of the background work of this node. */
  workerStatus(): readonly WorkerStatus[] {
    return this.#workers?.status() ?? [];
  }

  /** Why this node should not get requests yet; undefined: it is ready. */
  notReadyReason(): string | undefined {
    if (this.#stopping.signal.aborted) return "stopping";
    const status = this.raft.status();
    if (status.fenced) return "the log of this node is damaged; it waits for a snapshot from the leader";
    if (status.leader === 0) return "no leader";
    if (this.metadata.view.cluster() === undefined) return "the metadata has not arrived yet";
    const unsettled = this.#settling.notDoneReason;
    if (unsettled !== undefined) return unsettled;
    const own = this.#follower?.node(this.identity.nodeId);
    if (own?.state === NodeState.REMOVED) return "removed from the cluster";
    if (own?.state !== NodeState.ACTIVE && own?.state !== NodeState.DRAINING)
      return "not an active member yet";
    if (!this.#targets.hasPlace()) return "no place for new bytes yet";
    // A node that is being drained serves what it has, and takes no new bytes.
    if (own.state === NodeState.DRAINING) return undefined;
    if (!this.#targets.includes(this.identity.nodeId) && own.roles.includes("storage")) {
      return "not part of the layout yet";
    }
    return undefined;
  }

  /** What is still being tried is given up; requests in flight go on. */
  stopping(): void {
    this.#stopping.abort(new Error("the node stops"));
  }

  /** A leader lets another voter lead before it goes, so that writes wait for that and not for an election. Bounded, and never rejects. */
  async leaveLead(): Promise<void> {
    const { raft, health } = this;
    const { role, nodeId, confState } = raft.status();
    if (role !== "leader") return;
    const { platform, logger } = this.#options;
    const appliedIndexOf = (peer: number) => Number(health.peer(peer).health?.appliedIndex ?? 0n);
    const isAlive = (peer: number) => health.peer(peer).state === "alive";
    const heir = heirOf({ nodes: this.#follower?.nodes ?? [], confState, isAlive }, nodeId, appliedIndexOf);
    if (heir === undefined) return;
    const isHandedOver = await handOver(heir, { ...platform, raft, timeoutMs: LEAVE_LEAD_MS });
    logger.info("leadership before stopping", { to: heir, isHandedOver });
  }

  /** Closes everything, in the reverse order of opening. */
  async close(): Promise<void> {
    this.stopping();
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        this.#options.logger.warn("something did not close cleanly", { error });
      }
    }
  }

  /** For ever: it is noted, so that the next start says so at once, and the node stops. */
  #hasBeenRemoved(why: string): void {
    if (this.#isRemoved || this.#stopping.signal.aborted) return;
    this.#isRemoved = true;
    this.#options.logger.warn("this node was removed from the cluster", { why });
    noteRemoved(this.#options.identified.directory, this.identity).then(
      this.#options.onFatal,
      this.#options.onFatal,
    );
  }

  #localHealth(): LocalHealth {
    const { machine, stateDirectory } = this.#consensus;
    const raft = this.raft.status();
    const { staging } = stateDirectory;
    const status = this.#segments.status();
    const hash = machine.stateHashes().at(-1);
    return {
      appliedIndex: BigInt(this.metadata.view.appliedIndex()),
      hashIndex: BigInt(hash?.index ?? 0),
      stateHash: hash?.hash ?? new Uint8Array(0),
      storageWritable: status.writable,
      storageFull: status.full,
      storageFreeBytes: BigInt(status.freeBytes),
      storageUsedBytes: BigInt(status.liveBytes + status.deadBytes),
      raftTerm: BigInt(raft.term),
      raftLastIndex: BigInt(raft.lastIndex),
      raftFenced: raft.fenced,
      snapshotReceivedBytes: BigInt(staging?.receivedBytes ?? 0),
    };
  }

  async #listenToPeers(): Promise<void> {
    const { platform, config, network, logger } = this.#options;
    const { identity, metadata } = this;
    const hasLeft = (nodeId: number) => this.#follower?.hasLeft(nodeId) ?? false;
    const handlers = new Map([
      ...chunkServiceHandlers({
        store: this.#segments,
        hasher: platform.hasher,
        guard: {
          clusterId: identity.clusterId,
          incarnation: identity.incarnation,
          oldestAcceptedLayoutEpoch: () => this.#targets.oldestAcceptedLayoutEpoch(),
          isMember: (peer) => this.#targets.isMember(peer.nodeId),
        },
      }),
      ...refuseRemoved(this.#consensus.snapshots.handlers(), hasLeft),
      ...refuseRemoved(this.#upkeep.handlers(), hasLeft),
      ...membershipHandlers(
        {
          identity,
          metadata,
          issuer: this.#certificates.issuer,
          clock: platform.clock,
          hasher: platform.hasher,
          onOutcome: (outcome) => logger.info("join", { outcome }),
        },
        this.#health,
      ),
    ]);
    const listener = await network.listen(config["peer.listen"], handlers);
    this.#closers.push(() => listener.close());
  }

  /** What needs the cluster. */
  async #settle(config: Config): Promise<void> {
    const { platform, dataDirectory, identified } = this.#options;
    const { metadata, sealer } = this;
    await settleFounding({ ...identified, config, platform, dataDirectory, sealer, metadata });
    const owner = rootOwner(config, this.identity.clusterId);
    for (const bucket of config.buckets) {
      // A bucket that is there already needs no write, which the maintenance mode would refuse.
      if (metadata.view.bucket(bucket) !== undefined) continue;
      await this.objects
        .createBucket({ bucket, region: config["s3.region"], owner })
        .catch((error: unknown) => {
          const isThere =
            error instanceof ObjectError &&
            (error.code === "bucket-exists" || error.code === "bucket-owned-by-you");
          if (!isThere) throw error;
        });
    }
  }
}
