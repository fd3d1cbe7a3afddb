import { createApiKeyHasher, type Gate, TrustedProxies } from "../access/index.ts";
import {
  ClusterAdministration,
  EncryptionKeyAdministration,
  KeyAdministration,
  MaintenanceAdministration,
  MembershipAdministration,
  maintenanceName,
  type NodeStatistics,
  SearchStoreAdministration,
  StatisticsAdministration,
} from "../admin/index.ts";
import type { Worker } from "../background/index.ts";
import type { RecycledBuffers, SharedIndex } from "../base/index.ts";
import { AuditLog, type Logger, type Metrics, newRequestId } from "../observe/index.ts";
import type { Platform, SocketAddress } from "../platform/index.ts";
import { RPC_OPERATIONS, type RpcServer, startRpcServer } from "../rpc/index.ts";
import { AccessLogs } from "../s3/index.ts";
import { apiAuthenticator } from "./api-authenticator.ts";
import {
  type CountingReplayGuard,
  createLimitsMemory,
  type NodeLimits,
  nodeLimits,
  replayGuard,
  showReplays,
  strangersLimiter,
} from "./caller-limits.ts";
import { closeSurfaces, type Surface } from "./closing.ts";
import { type Config, loadTls } from "./config/index.ts";
import type { Engines } from "./engines/engines.ts";
import type { Closers } from "./engines/options.ts";
import { S3Listener } from "./gateway/listener.ts";
import { gateOf, type Identities, identitiesOf } from "./gateway/s3.ts";
import { startMetricsServer } from "./metrics-server.ts";
import { Observing } from "./observing.ts";
import { observeState } from "./state-metrics.ts";
import { StrangerEntries } from "./stranger-entries.ts";

export interface ListenersOptions {
  readonly config: Config;
  readonly dataDirectory: string;
  readonly platform: Platform;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly engines: Engines;
  /** For other threads. */
  readonly readIndex: SharedIndex;
  /** Those that segments read into. */
  readonly readBuffers: RecycledBuffers;
  readonly onFatal: (error: Error) => void;
  /** Takes back the memory of a piece of a body once it has been sent. */
  readonly recycle: (piece: Uint8Array) => void;
}

/** Where clients reach the node. */
export interface Listeners {
  readonly s3Address: SocketAddress;
  readonly apiAddress: SocketAddress;
  /** What they leave to the background. */
  readonly workers: readonly Worker[];
}

/** Opens audit log, metrics, API and S3, in this order. What it opened ends with `closers`. */
export async function startListeners(options: ListenersOptions, closers: Closers): Promise<Listeners> {
  const { config, metrics, logger, engines } = options;
  const { objects } = engines;
  const gate = gateOf(objects, config, RPC_OPERATIONS);
  const audit = await openAudit(options, closers);
  const { clock, timers, random } = options.platform;
  const limitsMemory = createLimitsMemory(config, random);
  const limiter = strangersLimiter(limitsMemory);
  const observing = new Observing({
    logger,
    metrics,
    audit,
    strangers: audit && new StrangerEntries({ audit, limiter, clock, timers }),
    isRead: (operation) => gate.operation(operation)?.leastRole === "reader",
  });
  closers.push(async () => observing.close());
  const metricsServer = await startMetricsServer(config["metrics.listen"], metrics, logger);
  closers.push(() => metricsServer.close());
  metrics.onRender(() => observeState(metrics, engines));
  const identities = identitiesOf(engines.metadata, engines.identity.clusterId);
  const counted = { ...options, clock, memory: limitsMemory };
  const limits = nodeLimits(counted);
  const trustedProxies = new TrustedProxies(config["listeners.trusted_proxies"]);
  const replays = replayGuard(counted);
  if (replays !== undefined) showReplays(metrics, replays);
  const shared: Shared = { gate, observing, identities, limits, trustedProxies, replays };
  const accessLogs = createAccessLogs(options);
  const surfaces: Surface[] = [];
  closers.push(() => closeSurfaces({ surfaces, accessLogs, clock }));
  const api = await startApi(options, shared);
  surfaces.push(api);
  const { listener: s3, address: s3Address } = await S3Listener.open({
    ...options,
    parts: {
      ...options,
      ...shared,
      identity: engines.identity,
      metadata: engines.metadata,
      objects,
      sealer: engines.sealer,
    },
    identity: engines.identity,
    engines: engines.forThreads,
    limits: limitsMemory,
    accessLogs,
    audit,
  });
  surfaces.push(s3);
  metrics.onRender(() => metrics.requestsInFlight.set(s3.inflight, { surface: "s3" }));
  return { s3Address, apiAddress: api.address, workers: [accessLogs] };
}

async function openAudit(options: ListenersOptions, closers: Closers): Promise<AuditLog | undefined> {
  const { platform, config, logger, metrics, dataDirectory } = options;
  if (!config["audit.enabled"]) return undefined;
  const directory = `${dataDirectory}/audit`;
  const audit = await AuditLog.open({ ...platform, directory, logger, metrics, whenItFails: "report" });
  closers.push(() => audit.close());
  return audit;
}

/** What the surfaces share. */
interface Shared {
  readonly gate: Gate;
  readonly observing: Observing;
  readonly identities: Identities;
  readonly limits: NodeLimits;
  readonly trustedProxies: TrustedProxies;
  readonly replays: CountingReplayGuard | undefined;
}

async function startApi(options: ListenersOptions, shared: Shared): Promise<RpcServer> {
  const { gate, observing, identities, limits, trustedProxies } = shared;
  const { platform, config, engines } = options;
  const { identity, metadata, sealer } = engines;
  const hasher = createApiKeyHasher(identity.keyEncryptionKey);
  const maintenance = new MaintenanceAdministration({
    metadata,
    writesUnderWay: () => engines.writes.underWay,
  });
  return startRpcServer({
    listen: config["api.listen"],
    tls: loadTls(config),
    newRequestId: () => newRequestId(platform.random),
    notReadyReason: () => engines.notReadyReason(),
    maintenanceState: () => maintenanceName(metadata.view.maintenance()),
    authenticator: apiAuthenticator(
      { metadata, identities: identities.directory },
      hasher,
      limits,
      platform.clock,
    ),
    limits,
    trustedProxies,
    gate,
    clock: platform.clock,
    timers: platform.timers,
    hooks: {
      onCall: observing.rpcCall.bind(observing),
      onUnexpectedError: observing.unexpected.bind(observing),
      onListenerFault: (error) => options.logger.warn("the API could not accept a connection", { error }),
    },
    objects: engines.objects,
    namespaces: engines.search.engine,
    region: config["s3.region"],
    keys: new KeyAdministration({
      clusterId: identity.clusterId,
      metadata,
      sealer,
      hasher,
      random: platform.random,
      accounts: identities.accounts,
    }),
    accounts: identities.accounts,
    encryptionKeys: new EncryptionKeyAdministration({ metadata, sealer, random: platform.random }),
    searchStores: new SearchStoreAdministration({
      metadata,
      sealer,
      tryOut: (location, signal) => engines.search.stores.tryOut(location, signal),
    }),
    cluster: new ClusterAdministration({
      ...platform,
      metadata,
      raft: engines.raft,
      health: engines.health,
      maxVoters: config["raft.max_voters"],
      workers: () => engines.workerStatus(),
      notReadyReason: () => engines.notReadyReason(),
    }),
    maintenance,
    statistics: new StatisticsAdministration({
      metadata,
      nodeId: identity.nodeId,
      maintenance,
      node: () => nodeStatistics(engines, shared),
    }),
    membership: new MembershipAdministration({
      ...platform,
      metadata,
      raft: engines.raft,
      health: engines.health,
    }),
  });
}

function createAccessLogs({ platform, config, metrics, engines }: ListenersOptions): AccessLogs {
  return new AccessLogs({
    ...platform,
    store: engines.objects,
    region: config["s3.region"],
    intervalMs: config["access_logs.interval"],
    bufferBytes: config["access_logs.buffer_size"],
    onRecords: (outcome, count) => metrics.accessLogRecords.add(count, { outcome }),
  });
}

async function nodeStatistics(engines: Engines, { observing, replays }: Shared): Promise<NodeStatistics> {
  return {
    ...(await observing.totals()),
    segments: engines.segments.status(),
    scrub: engines.scrubStatus(),
    workers: engines.workerStatus(),
    replays: replays?.replays() ?? 0,
  };
}
