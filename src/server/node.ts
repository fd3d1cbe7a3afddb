import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  createApiKeyHasher,
  createGate,
  createSealer,
  FailedAuthenticationLimiter,
  type Gate,
  InflightLimiter,
  ownerNamed,
  type Sealer,
} from "../access/index.ts";
import { ClusterAdministration, KeyAdministration } from "../admin/index.ts";
import { BackgroundRuntime } from "../background/index.ts";
import { ID_RANDOM_BYTES, TimeOrderedIds } from "../base/index.ts";
import { createClusterBlobStore } from "../blob/index.ts";
import {
  announceWorker,
  certificateChainPem,
  certificateRenewalWorker,
  createIssuer,
  HealthService,
  heartbeatPeersOf,
  leaderWorkers,
  membershipHandlers,
  type NodeIdentity,
  parseAddress,
  stateHashWatch,
  unlinkWorker,
} from "../cluster/index.ts";
import { type NodeRow, NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import {
  type Metadata,
  MetaStateMachine,
  ReplicatedMetadata,
  SnapshotReceiver,
  SnapshotSender,
  StateStoreDirectory,
} from "../meta/index.ts";
import { createObjectStore, ObjectError, type ObjectStore } from "../object/index.ts";
import { AuditLog, type Logger, type Metrics, newRequestId } from "../observe/index.ts";
import type { Listener, Platform, SocketAddress } from "../platform/index.ts";
import { createNodeNetwork, type NodeNetwork } from "../platform/node/index.ts";
import { type RaftEvent, type RaftPeer, type StartedRaftThread, startRaftThread } from "../raft/index.ts";
import { RPC_OPERATIONS, type RpcServer, startRpcServer } from "../rpc/index.ts";
import { type CallerLimits, S3Gateway, S3Server, s3OperationRows } from "../s3/index.ts";
import { chunkServiceHandlers, openSegmentStore, type SegmentStore } from "../segment/index.ts";
import { apiAuthenticator } from "./api-authenticator.ts";
import { NodeTargets } from "./chunk-targets.ts";
import type { Config } from "./config/index.ts";
import { s3Credentials } from "./credentials.ts";
import { ROOT_OWNER, settleFounding } from "./founding.ts";
import {
  describeSelf,
  type Identified,
  identify,
  type JoinRequest,
  noteRaftHasRun,
  raftAddressOf,
  raftHasRun,
} from "./identity.ts";
import { measuredBlobs, measuredMetadata, measuredSegments } from "./measured.ts";
import { type MetricsServer, startMetricsServer } from "./metrics-server.ts";
import { Observing } from "./observing.ts";

/** The one Raft group of the metadata. */
const META_GROUP_ID = 1;
/** How long requests in flight may go on when the node stops, in milliseconds. */
const STOP_GRACE_MS = 10_000;
/**
 * How long a chunk that has its quorum waits for the remaining nodes, in milliseconds. Long enough that a node that is merely busy is not left
 * behind, which would leave the blob with a copy less; a node that is gone is noticed earlier, by its broken connection or by heartbeats.
 */
const STRAGGLER_MS = 5000;
/** S3's least size of a part that is not the last. */
const MINIMUM_PART_BYTES = 5 * 1024 * 1024;
const RETRY_MS = 200;

export interface NodeStart {
  readonly config: Config;
  readonly platform: Platform;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly join?: JoinRequest;
  /** The node cannot go on and has stopped serving; the process should end. */
  readonly onFatal: (error: Error) => void;
}

/** A running node. */
export interface RunningNode {
  readonly identity: NodeIdentity;
  readonly s3Address: SocketAddress;
  readonly apiAddress: SocketAddress;
  /** Undefined: ready to serve. */
  notReadyReason(): string | undefined;
  /** Lets requests in flight finish, hands leadership over, closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts a node: the only place where the engines meet. Resolves when the listeners are open; what needs the rest of the cluster goes on behind it and
 * shows in `notReadyReason`. Rejects with ClusterError, DiskError, or what the operating system says of an address.
 */
export async function startNode(start: NodeStart): Promise<RunningNode> {
  const node = new Node(start);
  try {
    await node.start();
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

class Node implements RunningNode {
  readonly #start: NodeStart;
  readonly #dataDirectory: string;
  readonly #ids = new TimeOrderedIds();
  /** Undone in reverse order by `stop`. */
  readonly #closers: (() => void | Promise<void>)[] = [];
  readonly #stopping = new AbortController();
  #identified!: Identified;
  #network!: NodeNetwork;
  #raft!: StartedRaftThread;
  #machine!: MetaStateMachine;
  #metadata!: Metadata;
  #stateDirectory!: StateStoreDirectory;
  #segments!: SegmentStore;
  #health!: HealthService;
  #targets!: NodeTargets;
  #sealer!: Sealer;
  #background!: BackgroundRuntime;
  #nodes: readonly NodeRow[] = [];
  #isSettled = false;
  #stopped: Promise<void> | undefined;
  s3Address!: SocketAddress;
  apiAddress!: SocketAddress;

  constructor(start: NodeStart) {
    this.#start = start;
    this.#dataDirectory = resolve(start.config["node.data_dir"]);
  }

  get identity(): NodeIdentity {
    return this.#identified.stored.identity;
  }

  async start(): Promise<void> {
    const { platform, config, join } = this.#start;
    this.#identified = await identify(platform, config, { dataDirectory: this.#dataDirectory, join });
    this.#sealer = createSealer({
      keyEncryptionKey: this.identity.keyEncryptionKey,
      randomBytes: (length) => platform.random.bytes(length),
    });
    this.#network = createNodeNetwork({
      identity: this.identity,
      ...networkCredentials(this.identity),
      onProblem: (problem) => this.#log.debug("a connection failed", { problem }),
    });
    this.#closers.push(() => this.#network.close());
    await this.#openState();
    await this.#startRaft();
    await this.#openSegments();
    this.#startHealth();
    await this.#listenToPeers();
    await this.#followCluster();
    await this.#serve();
    this.#startBackground();
    this.#settle();
  }

  notReadyReason(): string | undefined {
    if (this.#stopping.signal.aborted) return "stopping";
    const status = this.#raft.status();
    if (status.fenced) return "the log of this node is damaged; it waits for a snapshot from the leader";
    if (status.leader === 0) return "no leader";
    if (this.#metadata.view.cluster() === undefined) return "the metadata has not arrived yet";
    if (!this.#isSettled) return "starting";
    const own = this.#nodes.find((row) => Number(row.nodeId) === this.identity.nodeId);
    if (own?.state !== NodeState.ACTIVE) return "not an active member yet";
    if (!this.#targets.hasPlace()) return "no place for new bytes yet";
    if (!this.#targets.includes(this.identity.nodeId) && own.roles.includes("storage")) {
      return "not part of the layout yet";
    }
    return undefined;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  async #close(): Promise<void> {
    this.#stopping.abort(new Error("the node stops"));
    for (const close of this.#closers.reverse()) {
      try {
        await close();
      } catch (error) {
        this.#log.warn("something did not close cleanly", { error });
      }
    }
  }

  get #log(): Logger {
    return this.#start.logger;
  }

  #fatal(error: Error): void {
    this.#log.error("the node cannot go on", { error });
    this.#start.onFatal(error);
  }

  async #openState(): Promise<void> {
    const { platform } = this.#start;
    this.#stateDirectory = await StateStoreDirectory.open(platform, `${this.#dataDirectory}/state`);
    this.#closers.push(() => this.#stateDirectory.close());
    this.#machine = new MetaStateMachine({
      nodeId: this.identity.nodeId,
      store: this.#stateDirectory.live,
      hasher: {
        blake3: (bytes) => platform.hasher.blake3(bytes),
        md5: (bytes) => platform.hasher.digest("md5", bytes),
      },
      snapshots: this.#stateDirectory,
    });
  }

  async #startRaft(): Promise<void> {
    const { platform, config } = this.#start;
    const { stored } = this.#identified;
    const { identity } = stored;
    const hasRun = await raftHasRun(platform, this.#dataDirectory);
    const founds = stored.foundingCaKeyPem !== undefined;
    this.#raft = await startRaftThread({
      identity: { ...identity, groupId: META_GROUP_ID },
      directory: `${this.#dataDirectory}/raft`,
      listen: raftAddressOf(config["peer.listen"]),
      peers: this.#identified.peers.flatMap(raftPeerOf),
      ...(founds && { bootstrap: { voters: [identity.nodeId] } }),
      requireExisting: hasRun,
      settings: { walSegmentBytes: config["raft.wal_segment_size"] },
      stateMachine: this.#machine,
      tls: networkCredentials(identity),
      onFatal: (error) => this.#fatal(error),
      onEvent: (event) => logRaftEvent(this.#log, event),
    });
    this.#closers.push(() => this.#raft.close());
    await noteRaftHasRun(platform, this.#dataDirectory);
    const metadata = new ReplicatedMetadata({
      ...platform,
      nodeId: identity.nodeId,
      machine: this.#machine,
      log: this.#raft,
    });
    this.#metadata = measuredMetadata(metadata, this.#start.metrics, platform.clock);
    this.#watchRaft();
    this.#closers.push(() => metadata.close());
    const sender = new SnapshotSender({
      ...platform,
      nodeId: identity.nodeId,
      clusterId: identity.clusterId,
      groupId: META_GROUP_ID,
      store: this.#stateDirectory.live,
      connect: (nodeId) => {
        const address = this.#peerAddress(nodeId);
        return address && this.#network.connect({ address, nodeId }, "snapshot");
      },
      waitForApplied: (index) => this.#machine.waitForApplied(index),
    });
    this.#machine.sendSnapshotsWith(sender);
  }

  /** Counts what only shows as it happens. */
  #watchRaft(): void {
    const { metrics } = this.#start;
    let leader = this.#raft.status().leader;
    this.#raft.onStatus((status) => {
      if (status.leader !== 0 && leader !== 0 && status.leader !== leader)
        metrics.raftLeaderChanges.increment();
      if (status.leader !== 0) leader = status.leader;
    });
    let applied = this.#metadata.view.appliedIndex();
    this.#metadata.onChange(({ appliedIndex }) => {
      metrics.metaAppliedEntries.add(Math.max(0, appliedIndex - applied));
      applied = appliedIndex;
    });
  }

  async #openSegments(): Promise<void> {
    const { platform, config } = this.#start;
    const segments = await openSegmentStore({
      ...platform,
      directory: `${this.#dataDirectory}/segments`,
      identity: {
        clusterId: this.identity.clusterId,
        incarnation: this.identity.incarnation,
        diskId: "disk-1",
      },
      settings: {
        segmentBytes: config["storage.segment_size"],
        // Room for all that this node's own writers may hold, and as much again from the others: writers wait, they are not refused.
        maxQueuedBytes: 2 * config["storage.write_buffers"],
      },
      onDamage: (damage) => {
        this.#start.metrics.segmentDamage.increment({ found: "read" });
        this.#log.error("damaged bytes were found and are not served", { damage });
      },
    });
    this.#segments = measuredSegments(segments, this.#start.metrics, platform.clock);
    this.#closers.push(() => this.#segments.close());
  }

  #startHealth(): void {
    const { platform } = this.#start;
    this.#health = new HealthService({
      ...platform,
      identity: this.identity,
      network: this.#network,
      localHealth: () => this.#localHealth(),
    });
    this.#closers.push(() => this.#health.close());
    this.#targets = new NodeTargets({
      nodeId: this.identity.nodeId,
      clusterId: this.identity.clusterId,
      segments: this.#segments,
      network: this.#network,
      hasher: platform.hasher,
      health: this.#health,
    });
    this.#closers.push(() => this.#targets.close());
  }

  #localHealth() {
    const status = this.#segments.status();
    const hash = this.#machine.stateHashes().at(-1);
    return {
      appliedIndex: BigInt(this.#metadata.view.appliedIndex()),
      hashIndex: BigInt(hash?.index ?? 0),
      stateHash: hash?.hash ?? new Uint8Array(0),
      storageWritable: status.writable,
      storageFreeBytes: BigInt(status.freeBytes),
      storageUsedBytes: BigInt(status.liveBytes + status.deadBytes),
    };
  }

  async #listenToPeers(): Promise<void> {
    const { platform, config } = this.#start;
    const { identity } = this;
    const receiver = new SnapshotReceiver({
      ...platform,
      nodeId: identity.nodeId,
      clusterId: identity.clusterId,
      groupId: META_GROUP_ID,
      directory: this.#stateDirectory,
      log: this.#raft,
    });
    const issuer = this.#issuer();
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
      ...receiver.handlers(),
      ...membershipHandlers(
        {
          identity,
          metadata: this.#metadata,
          issuer,
          clock: platform.clock,
          hasher: platform.hasher,
          onOutcome: (outcome) => this.#log.info("join", { outcome }),
        },
        this.#health,
      ),
    ]);
    const listener: Listener = await this.#network.listen(config["peer.listen"], handlers);
    this.#closers.push(() => listener.close());
  }

  #issuer() {
    return createIssuer({
      clusterId: this.identity.clusterId,
      metadata: this.#metadata,
      sealer: this.#sealer,
      clock: this.#start.platform.clock,
      random: this.#start.platform.random,
    });
  }

  /** Peers, placement and heartbeats follow the rows of the cluster. */
  async #followCluster(): Promise<void> {
    let running: Promise<void> | undefined;
    let again = false;
    const follow = (): void => {
      if (running !== undefined) {
        again = true;
        return;
      }
      running = this.#refreshCluster()
        .catch((error: unknown) => this.#log.error("the cluster's rows could not be read", { error }))
        .finally(() => {
          running = undefined;
          if (again && !this.#stopping.signal.aborted) {
            again = false;
            follow();
          }
        });
    };
    this.#closers.push(this.#metadata.onChange((change) => (change.cluster ? follow() : undefined)));
    await this.#refreshCluster();
    this.#health.start();
  }

  async #refreshCluster(): Promise<void> {
    this.#nodes = await this.#metadata.view.nodes();
    await this.#targets.refresh(this.#metadata.view);
    if (this.#nodes.length === 0) return;
    const others = this.#nodes.filter(
      (row) => Number(row.nodeId) !== this.identity.nodeId && row.state !== NodeState.REMOVED,
    );
    this.#health.setPeers(heartbeatPeersOf(this.#nodes, this.identity.nodeId));
    const peers = others.map((row) => ({
      nodeId: Number(row.nodeId),
      incarnation: row.incarnation,
      peerAddress: row.peerAddress,
    }));
    this.#raft.setPeers(peers.flatMap(raftPeerOf));
    await this.#identified.directory.savePeers(peers);
  }

  #peerAddress(nodeId: number): SocketAddress | undefined {
    const row = this.#nodes.find((candidate) => Number(candidate.nodeId) === nodeId);
    return row && parseAddress(row.peerAddress);
  }

  async #serve(): Promise<void> {
    const { platform, config, metrics } = this.#start;
    const objects = this.#createObjects();
    const gate = createGate([...s3OperationRows, ...RPC_OPERATIONS]);
    const observing = new Observing({
      logger: this.#log,
      metrics,
      audit: await this.#openAudit(),
      isRead: (operation) => isRead(gate, operation),
    });
    const metricsServer: MetricsServer = await startMetricsServer(config["metrics.listen"], metrics);
    this.#closers.push(() => metricsServer.close());
    metrics.onRender(() => this.#observeState());
    const api = await this.#startApi(objects, gate, observing);
    this.apiAddress = api.address;
    const hooks = {
      onRequest: observing.s3Request.bind(observing),
      onUnexpectedError: observing.unexpected.bind(observing),
    };
    const gateway = new S3Gateway({
      ...platform,
      store: objects,
      credentials: s3Credentials(this.#metadata, this.#sealer),
      authorizer: gate,
      region: config["s3.region"],
      anyRegion: true,
      baseDomains: config["s3.domains"],
      hostId: `node-${this.identity.nodeId}`,
      maxClockSkewMs: config["s3.max_clock_skew"],
      limits: this.#callerLimits(),
      hooks,
    });
    const tls = loadTls(config);
    const server = new S3Server({
      gateway,
      clock: platform.clock,
      timers: platform.timers,
      ...(tls && { tls: { cert: tls.certificate, key: tls.key } }),
    });
    this.s3Address = await server.listen(config["s3.listen"]);
    metrics.onRender(() => metrics.requestsInFlight.set(server.inflight, { surface: "s3" }));
    this.#closers.push(() => server.close(STOP_GRACE_MS));
  }

  /** One count over all requests and one for each key; whoever guesses signatures is slowed down. */
  #callerLimits(): CallerLimits {
    const { platform, config } = this.#start;
    const all = new InflightLimiter(config["limits.requests_in_flight"]);
    const perKey = new InflightLimiter(config["limits.requests_in_flight_per_key"]);
    const failures = new FailedAuthenticationLimiter();
    return {
      enter: (principal) => {
        const leaveAll = all.enter("");
        const leaveKey = leaveAll && perKey.enter(principal.keyId);
        if (leaveAll === undefined || leaveKey === undefined) {
          leaveAll?.();
          return undefined;
        }
        return () => {
          leaveKey();
          leaveAll();
        };
      },
      failedAuthentication: (source, claimedKeyId) =>
        failures.failed(source, claimedKeyId, platform.clock.monotonicMs()),
    };
  }

  #createObjects(): ObjectStore {
    const { platform, config } = this.#start;
    const newId = () => this.#ids.next(platform.clock.wallMs(), platform.random.bytes(ID_RANDOM_BYTES));
    const blobs = createClusterBlobStore({
      ...platform,
      targets: this.#targets,
      newBlobId: newId,
      inlineBytes: config["storage.inline_size"],
      bufferBudgetBytes: config["storage.write_buffers"],
      stragglerMs: STRAGGLER_MS,
    });
    return createObjectStore({
      metadata: this.#metadata,
      blobs: measuredBlobs(blobs, this.#start.metrics, platform.clock),
      hasher: platform.hasher,
      newId,
      minimumPartBytes: MINIMUM_PART_BYTES,
    });
  }

  async #startApi(objects: ObjectStore, gate: Gate, observing: Observing): Promise<RpcServer> {
    const { platform, config } = this.#start;
    const hasher = createApiKeyHasher(this.identity.keyEncryptionKey);
    const api = await startRpcServer({
      listen: config["api.listen"],
      tls: loadTls(config),
      newRequestId: () => newRequestId(platform.random),
      notReadyReason: () => this.notReadyReason(),
      authenticator: apiAuthenticator(this.#metadata, hasher, platform.clock),
      gate,
      clock: platform.clock,
      hooks: {
        onCall: observing.rpcCall.bind(observing),
        onUnexpectedError: observing.unexpected.bind(observing),
      },
      objects,
      region: config["s3.region"],
      keys: new KeyAdministration({
        clusterId: this.identity.clusterId,
        metadata: this.#metadata,
        sealer: this.#sealer,
        hasher,
        random: platform.random,
      }),
      cluster: new ClusterAdministration({
        ...platform,
        metadata: this.#metadata,
        raft: this.#raft,
        health: this.#health,
      }),
    });
    this.#closers.push(() => api.close(STOP_GRACE_MS));
    return api;
  }

  async #openAudit(): Promise<AuditLog | undefined> {
    const { platform, config, logger, metrics } = this.#start;
    if (!config["audit.enabled"]) return undefined;
    const audit = await AuditLog.open({
      ...platform,
      directory: `${this.#dataDirectory}/audit`,
      logger,
      metrics,
      whenItFails: "report",
    });
    this.#closers.push(() => audit.close());
    return audit;
  }

  #observeState(): void {
    const { metrics } = this.#start;
    const status = this.#raft.status();
    metrics.raftTerm.set(status.term);
    metrics.raftIsLeader.set(status.role === "leader" ? 1 : 0);
    metrics.raftHasLeader.set(status.leader === 0 ? 0 : 1);
    metrics.raftFenced.set(status.fenced ? 1 : 0);
    for (const { nodeId, match } of status.progress) {
      metrics.raftFollowerLag.set(Math.max(0, status.lastIndex - match), { node: String(nodeId) });
    }
    metrics.raftIndex.set(status.firstIndex, { position: "first" });
    metrics.raftIndex.set(status.lastIndex, { position: "last" });
    metrics.raftIndex.set(status.commit, { position: "commit" });
    metrics.raftIndex.set(this.#metadata.view.appliedIndex(), { position: "applied" });
    const segments = this.#segments.status();
    metrics.segments.set(segments.segments);
    metrics.segmentBytes.set(segments.liveBytes, { state: "live" });
    metrics.segmentBytes.set(segments.deadBytes, { state: "dead" });
    metrics.diskBytes.set(segments.freeBytes, { state: "free" });
    metrics.diskBytes.set(segments.totalBytes, { state: "total" });
    metrics.segmentWritable.set(segments.writable ? 1 : 0);
  }

  #startBackground(): void {
    const { platform, logger, metrics } = this.#start;
    const { identity } = this;
    const metadata = this.#metadata;
    this.#background = new BackgroundRuntime({
      ...platform,
      logger,
      metrics,
      onBug: (violation) => this.#fatal(violation),
    });
    this.#closers.push(() => this.#background.stop());
    const workers = [
      ...leaderWorkers({ metadata, raft: this.#raft, health: this.#health, clock: platform.clock }),
      unlinkWorker({ identity, metadata, segments: this.#segments }),
      announceWorker({ identity, metadata, node: describeSelf(this.#boundConfig()) }),
      certificateRenewalWorker({
        directory: this.#identified.directory,
        issuer: this.#issuer(),
        clock: platform.clock,
        onRenewed: (renewed) => {
          this.#network.updateCredentials(networkCredentials(renewed));
          this.#raft.updateCredentials(networkCredentials(renewed));
        },
      }),
      stateHashWatch({
        identity,
        health: this.#health,
        memberCount: () => {
          const { voters, learners } = this.#raft.status().confState;
          return voters.length + learners.length;
        },
        onVerdict: (verdict) => {
          if (verdict.kind === "self-diverges") {
            this.#fatal(new Error("this node's metadata differs from the majority's: it must not serve"));
          } else if (verdict.kind !== "agree") {
            this.#log.warn("state hashes", { verdict });
          }
        },
      }),
    ];
    for (const worker of workers) this.#background.add(worker, { throttle: 0 });
    this.#closers.push(
      metadata.onChange((change) => {
        if (change.unlinkOrders && this.#background.has("unlink")) this.#background.wake("unlink");
      }),
    );
  }

  /** With the ports that the system chose where the configuration leaves that to it. */
  #boundConfig(): Config {
    const { config } = this.#start;
    return { ...config, "s3.listen": this.s3Address, "api.listen": this.apiAddress };
  }

  /** What needs the cluster: it is tried until it is done or the node stops. */
  #settle(): void {
    const { platform } = this.#start;
    const once = async (): Promise<void> => {
      await settleFounding({
        config: this.#boundConfig(),
        platform,
        dataDirectory: this.#dataDirectory,
        directory: this.#identified.directory,
        stored: this.#identified.stored,
        sealer: this.#sealer,
        metadata: this.#metadata,
      });
    };
    const run = async (): Promise<void> => {
      while (!this.#stopping.signal.aborted) {
        try {
          await once();
          await this.#createBuckets();
          this.#isSettled = true;
          return;
        } catch (error) {
          this.#log.info("waiting for the cluster", { error });
          await platform.timers.sleep(RETRY_MS, this.#stopping.signal);
        }
      }
    };
    run().catch((error: unknown) => {
      if (!this.#stopping.signal.aborted)
        this.#fatal(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #createBuckets(): Promise<void> {
    const { config } = this.#start;
    const objects = this.#createObjects();
    for (const bucket of config.buckets) {
      const owner = ownerNamed(this.identity.clusterId, ROOT_OWNER);
      await objects.createBucket({ bucket, region: config["s3.region"], owner }).catch((error: unknown) => {
        const isThere =
          error instanceof ObjectError &&
          (error.code === "bucket-exists" || error.code === "bucket-owned-by-you");
        if (!isThere) throw error;
      });
    }
  }
}

/** Undefined while the peer's address is unusable. */
function raftPeerOf(peer: {
  readonly nodeId: number;
  readonly incarnation: string;
  readonly peerAddress: string;
}): RaftPeer[] {
  const address = parseAddress(peer.peerAddress);
  if (address === undefined) return [];
  return [{ nodeId: peer.nodeId, incarnation: peer.incarnation, ...raftAddressOf(address) }];
}

function networkCredentials(identity: NodeIdentity) {
  return {
    certificatePem: certificateChainPem(identity),
    privateKeyPem: identity.privateKeyPem,
    caCertificatePem: identity.caCertificatePem,
  };
}

function loadTls(config: Config): { readonly certificate: string; readonly key: string } | undefined {
  if (config["tls.certificate_file"] === "") return undefined;
  return {
    certificate: readFileSync(config["tls.certificate_file"], "utf8"),
    key: readFileSync(config["tls.key_file"], "utf8"),
  };
}

function isRead(gate: Gate, operation: string): boolean {
  return gate.operation(operation)?.leastRole === "reader";
}

/** What an operator wants to know of; the rest is for whoever looks for a fault. */
const NOTEWORTHY: ReadonlySet<RaftEvent["kind"]> = new Set([
  "role-changed",
  "fenced",
  "fence-lifted",
  "log-torn-tail-cut",
  "log-restarted",
  "configuration-changed",
  "snapshot-installed",
  "stalled",
]);

function logRaftEvent(logger: Logger, event: RaftEvent): void {
  const { kind, ...fields } = event;
  if (kind === "fenced") logger.error("raft", { event: kind, ...fields });
  else if (NOTEWORTHY.has(kind)) logger.info("raft", { event: kind, ...fields });
  else logger.debug("raft", { event: kind, ...fields });
}
