import { createGate, type Gate, type Sealer, TrustedProxies } from "../../access/index.ts";
import type { NodeIdentity } from "../../cluster/index.ts";
import { Accounts, IdentityDirectory, IdentityStore } from "../../identity/index.ts";
import type { MetadataClient } from "../../meta/index.ts";
import type { ObjectStore } from "../../object/index.ts";
import type { Logger } from "../../observe/index.ts";
import type { Platform } from "../../platform/index.ts";
import {
  type AccessLogRecord,
  AccessLogRecorder,
  DEFAULT_SERVER_LIMITS,
  queryOperationRows,
  S3Gateway,
  S3Server,
  s3OperationRows,
} from "../../s3/index.ts";
import { bucketsMatching } from "../bucket-patterns.ts";
import type { CountingReplayGuard, NodeLimits } from "../caller-limits.ts";
import { type Config, loadTls } from "../config/index.ts";
import { s3Credentials } from "../credentials.ts";
import { parseDestination } from "../destinations.ts";
import { IssuerKeySource } from "../issuer-keys.ts";
import type { Observing } from "../observing.ts";

/** Who calls, by the rows of keys and identities. */
export interface Identities {
  readonly store: IdentityStore;
  readonly directory: IdentityDirectory;
  readonly accounts: Accounts;
}

export function identitiesOf(metadata: MetadataClient, clusterId: string): Identities {
  const store = new IdentityStore(metadata);
  return { store, directory: new IdentityDirectory(store), accounts: new Accounts(store, clusterId) };
}

/** The gate of S3, and of what else there are `others` for. */
export function gateOf(
  objects: ObjectStore,
  config: Config,
  others: Parameters<typeof createGate>[0] = [],
): Gate {
  return createGate([...s3OperationRows, ...queryOperationRows, ...others], {
    bucket: (name) => objects.bucketAccess(name),
    isPublicBucket: bucketsMatching(config["s3.public_buckets"]),
  });
}

/** What a thread that serves S3 does it with. */
export interface S3Parts {
  readonly config: Config;
  readonly platform: Pick<Platform, "clock" | "timers" | "random" | "hasher">;
  readonly identity: Pick<NodeIdentity, "nodeId">;
  readonly metadata: MetadataClient;
  readonly objects: ObjectStore;
  readonly sealer: Sealer;
  readonly identities: Identities;
  readonly gate: Gate;
  readonly observing: Observing;
  readonly limits: NodeLimits;
  readonly replays: CountingReplayGuard | undefined;
  readonly logger: Logger;
  /** Threads that serve S3 on this node: connections are limited for all of them together. */
  readonly threads: number;
  readonly takeAccessLog: (record: AccessLogRecord) => void;
  /** Takes back the memory of a piece of a body once it has been sent. */
  readonly recycle: (piece: Uint8Array) => void;
}

/** The S3 server of one thread. */
export function createS3(parts: S3Parts): S3Server {
  const { config, platform, identities, observing, replays } = parts;
  const hostId = `node-${parts.identity.nodeId}`;
  const accessLogs = new AccessLogRecorder({
    store: parts.objects,
    clock: platform.clock,
    hostId,
    take: parts.takeAccessLog,
  });
  const issuerKeys = new IssuerKeySource({
    clock: platform.clock,
    logger: parts.logger,
    privateNetworks: config["iam.private_issuer_networks"],
  });
  const gateway = new S3Gateway({
    ...platform,
    store: parts.objects,
    credentials: s3Credentials(parts.metadata, identities.directory, parts.sealer),
    authorizer: parts.gate,
    owners: identities.directory,
    identities: { store: identities.store, sealer: parts.sealer, issuerKeys },
    region: config["s3.region"],
    anyRegion: true,
    customerKeysOverHttp: config["s3.customer_keys_over_http"],
    baseDomains: config["s3.domains"],
    websiteDomains: config["s3.website_domains"],
    notificationDestinations: config["notifications.destinations"].flatMap(
      (entry) => parseDestination(entry)?.name ?? [],
    ),
    hostId,
    maxClockSkewMs: config["s3.max_clock_skew"],
    limits: parts.limits,
    ...(replays && { replays }),
    requiredDigest: config["s3.require_digest"],
    hooks: {
      onRequest: (event, exchange) => {
        observing.s3Request(event);
        accessLogs.note(event, exchange);
      },
      onUnexpectedError: observing.unexpected.bind(observing),
    },
  });
  const tls = loadTls(config);
  const server = new S3Server({
    gateway,
    clock: platform.clock,
    timers: platform.timers,
    trustedProxies: new TrustedProxies(config["listeners.trusted_proxies"]),
    recycle: parts.recycle,
    onFault: (error) => parts.logger.warn("S3 could not accept a connection", { error }),
    limits: { maxConnections: Math.ceil(DEFAULT_SERVER_LIMITS.maxConnections / parts.threads) },
    ...(tls && { tls: { cert: tls.certificate, key: tls.key } }),
  });
  observing.requestsInFlight = () => server.inflight;
  return server;
}
