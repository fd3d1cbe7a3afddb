import { Code, type ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  type CallerRateDecision,
  createGate,
  InflightLimiter,
  type Principal,
  TrustedProxies,
} from "../../access/index.ts";
import {
  AdminError,
  type ClusterAdmin,
  type EncryptionKeyAdmin,
  type KeyAdmin,
  type KeyDescription,
  type MaintenanceAdmin,
  type MembershipAdmin,
  type NodeDescription,
  type SearchStoreAdmin,
  type StatisticsAdmin,
} from "../../admin/index.ts";
import type { WorkerStatus } from "../../background/index.ts";
import { SHARED_TABLE_SEED_BYTES } from "../../base/index.ts";
import { Accounts, IdentityStore } from "../../identity/index.ts";
import { OWNER, SingleNode } from "../../object/testing/single-node.ts";
import { NodeClock, NodeTimers } from "../../platform/node/index.ts";
import type { NamespaceService as Namespaces } from "../../search/index.ts";
import { RPC_OPERATIONS, type RpcEvent, type RpcServer, startRpcServer } from "../index.ts";
import type { ListenerLimits } from "../listener-limits.ts";
import { fakeNamespaces } from "./fake-namespaces.ts";

/** By the name that is the whole bearer key. */
const KEYS: Readonly<Record<string, Pick<Principal, "role" | "buckets" | "namespaces" | "inflightLimit">>> = {
  admin: { role: "admin", buckets: undefined },
  writer: { role: "writer", buckets: undefined },
  reader: { role: "reader", buckets: undefined },
  limited: { role: "writer", buckets: ["mine"] },
  organization: { role: "admin", buckets: undefined, namespaces: ["acme"] },
  project: { role: "admin", buckets: undefined, namespaces: ["acme/web"] },
  slowed: { role: "admin", buckets: undefined, namespaces: ["acme/web"], inflightLimit: 2 },
};

const KNOWN: KeyDescription = {
  keyId: "known",
  kind: "api",
  role: "reader",
  description: "",
  buckets: undefined,
  namespaces: ["acme/web/docs"],
  createdAtMs: 1,
  ownerId: "o",
  ownerDisplayName: "",
  userName: "",
  inactive: false,
  inflightLimit: 0,
  previousUntilMs: 0,
};

const keys: KeyAdmin = {
  create: async (request) => ({
    key: {
      ...request,
      keyId: "k",
      createdAtMs: 1,
      ownerId: "o",
      userName: "",
      inactive: false,
      previousUntilMs: 0,
    },
    secret: "shown once",
  }),
  list: async () => [
    KNOWN,
    { ...KNOWN, keyId: "mixed", buckets: ["b"] },
    { ...KNOWN, keyId: "slower", inflightLimit: 2 },
  ],
  rotate: async (keyId, { graceSeconds }) => {
    const key = (await keys.list()).find((known) => known.keyId === keyId);
    if (key === undefined) throw new AdminError("not-found", "there is no key of this id");
    return { key: { ...key, previousUntilMs: graceSeconds * 1000 }, secret: "shown once" };
  },
  revoke: async (keyId) => {
    if (keyId !== "known" && keyId !== "slower")
      throw new AdminError("not-found", "there is no key of this id");
  },
};

const encryptionKey = {
  keyId: "k",
  description: "",
  createdAtMs: 1,
  version: 1,
  rotatedAtMs: 1,
  versions: [{ version: 1, createdAtMs: 1, uses: 0 }],
};
const encryptionKeys: EncryptionKeyAdmin = {
  create: async () => encryptionKey,
  list: async () => [encryptionKey],
  rotate: async (keyId) => {
    if (keyId !== "k") throw new AdminError("not-found", "there is no encryption key of this id");
    return { ...encryptionKey, version: 2 };
  },
  removeVersion: async () => encryptionKey,
};

const searchStores: SearchStoreAdmin = {
  list: async () => [
    {
      storeId: 1,
      place: {
        kind: "bucket",
        endpoint: "https://s3.example.com",
        region: "r",
        bucket: "b",
        prefix: "p/",
        accessKeyId: "k",
        secretAccessKey: "",
      },
      isCurrent: true,
      blobs: 2,
      bytes: 3,
      changedAtMs: 4,
    },
  ],
  set: async (place) => {
    if (place.kind !== "directory") return [];
    const changed = { storeId: 2, isCurrent: true, blobs: 0, bytes: 0, changedAtMs: 5 };
    if (place.path === "/mnt") return [{ ...changed, place }];
    throw new AdminError("refused", "the store can not be used: it is not there", {
      refusal: { reason: "store-unfit", advice: "mend it" },
    });
  },
};

const NODE: NodeDescription = {
  nodeId: 1,
  name: "node-1",
  zone: "a",
  roles: ["meta"],
  state: "active",
  health: "alive",
  peerAddress: "a:1",
  s3Address: "",
  apiAddress: "",
  storageWritable: false,
  storageFull: true,
  storageUsedBytes: 1,
  storageFreeBytes: 2,
  appliedIndex: 3,
  held: { blobs: 4, bytes: 5 },
  raftTerm: 2,
  raftLastIndex: 3,
  raftFenced: true,
  snapshotReceivedBytes: 6,
};

const WORKER: WorkerStatus = {
  name: "unlink",
  state: "failing",
  progress: { done: 1, total: undefined, unit: "blobs" },
  unitsDone: 7,
  errors: 1,
  consecutiveErrors: 1,
  lastError: { message: "no disk", wallMs: 1 },
  lastRunWallMs: 1,
  nextRunWallMs: undefined,
};

const cluster: ClusterAdmin = {
  status: async () => ({
    clusterId: "c",
    nodeId: 1,
    replicationFactor: 3,
    leaderNodeId: 1,
    term: 2,
    commitIndex: 3,
    appliedIndex: 3,
    voters: [1],
    learners: [],
    votersOutgoing: [],
    leaving: [],
    firstIndex: 1,
    lastIndex: 3,
    progress: [{ nodeId: 1, match: 3, state: "replicate", recentlyActive: true, learner: false }],
    fenced: false,
    nodes: [NODE],
    underReplicated: { blobs: 2, bytes: 9 },
    maxVoters: 5,
    workers: [WORKER],
    notReadyReason: undefined,
    maintenance: "off",
  }),
  createJoinToken: async () => ({ token: "t", expiresAtMs: 5, peerAddresses: ["a:1"] }),
};

const membership: MembershipAdmin = {
  drain: async (nodeId, { cancel }) => {
    if (nodeId === 7) throw new AdminError("not-found", "there is no node 7");
    return { state: cancel ? "active" : "draining", held: { blobs: 3, bytes: 30 } };
  },
  remove: async (_, { force }) => {
    if (force) return { blobs: 4, bytes: 40 };
    const refusal = { reason: "not-drained", advice: "drain it first" };
    throw new AdminError("refused", "node-2 still holds copies", { refusal });
  },
  transferLeadership: async (nodeId) => ({ leaderNodeId: nodeId ?? 5, term: 9 }),
};

const quiesced = { state: "quiesced" as const, sinceMs: 7, waitingNodeIds: [2], writesUnderWay: 3 };
const maintenance: MaintenanceAdmin = {
  describe: async () => quiesced,
  set: async ({ on, force }) => {
    if (on && !force) throw new AdminError("unavailable", "no quorum");
    return { ...quiesced, state: on ? "quiesced" : "off" };
  },
};

const statistics: StatisticsAdmin = {
  statistics: async () => ({
    nodeId: 1,
    stored: { buckets: 1, objects: 2, objectBytes: 3, versions: 4, versionBytes: 5, uploads: 6 },
    underReplicated: { blobs: 2, bytes: 9 },
    maintenance: quiesced,
    segments: {
      writable: true,
      reason: undefined,
      full: false,
      segments: 7,
      liveBytes: 8,
      deadBytes: 9,
      freeBytes: 10,
      totalBytes: 11,
      damaged: 0,
    },
    scrub: { isRunning: true, startedMs: 12, finishedMs: undefined, checkedBytes: 13, badChunks: 14 },
    workers: [WORKER],
    operations: [
      {
        surface: "s3",
        operation: "GetObject",
        outcomes: new Map([["ok", 15]]),
        latency: { p50Ms: 1.5, p95Ms: 2, p99Ms: 3, samples: 15 },
      },
    ],
    requestsInFlight: 16,
    bytesIn: 17,
    bytesOut: 18,
    replays: 19,
  }),
};

/** The listener of the API over one node's objects, administrators that always answer alike, and namespaces that remember what they are asked. */
export class TestApi {
  readonly events: RpcEvent[] = [];
  /** What was reported as a bug. */
  readonly unexpected: unknown[] = [];
  notReadyReason: string | undefined;
  maintenanceState = "off";
  /** What has to be waited for before this node knows what others have done. */
  asOfNow: (() => Promise<void>) | undefined;
  /** Names of keys that are refused. */
  readonly revoked = new Set<string>();
  readonly inflight = new InflightLimiter(
    { all: 1_000, perName: 100 },
    InflightLimiter.memory({ all: 1_000 }, new Uint8Array(SHARED_TABLE_SEED_BYTES)),
  );
  rate: CallerRateDecision = { kind: "allow" };
  /** Organizations that the last request counted for. */
  organizations: readonly string[] = [];
  #server!: RpcServer;

  static async start(
    namespaces: Namespaces = fakeNamespaces,
    listenerLimits: Partial<ListenerLimits> = {},
  ): Promise<TestApi> {
    const api = new TestApi();
    const node = await SingleNode.create();
    let requests = 0;
    api.#server = await startRpcServer({
      listen: { host: "127.0.0.1", port: 0 },
      tls: undefined,
      listenerLimits,
      newRequestId: () => `request-${++requests}`,
      notReadyReason: () => api.notReadyReason,
      maintenanceState: () => api.maintenanceState,
      trustedProxies: new TrustedProxies(["127.0.0.0/8", "::1"]),
      limits: {
        take: (_principal, _source, organizations) => {
          api.organizations = organizations;
          return api.rate;
        },
        enter: ({ keyId }) => api.inflight.enter(keyId),
      },
      authenticator: {
        authenticate: (header) => {
          const name = /^Bearer (.*)$/.exec(header ?? "")?.[1];
          if (name === undefined) return { kind: "anonymous" };
          const key = api.revoked.has(name) ? undefined : KEYS[name];
          if (key === undefined) return { kind: "refused", reason: "unknown-key", claimedKeyId: name };
          return { kind: "authenticated", principal: { ...key, keyId: name, owner: OWNER } };
        },
      },
      gate: createGate(RPC_OPERATIONS),
      clock: new NodeClock(),
      timers: new NodeTimers(),
      hooks: {
        onCall: (event) => api.events.push(event),
        onUnexpectedError: (error) => api.unexpected.push(error),
      },
      objects: { ...node.objects, asOfNow: () => api.asOfNow?.() },
      region: "r",
      keys,
      encryptionKeys,
      cluster,
      accounts: new Accounts(new IdentityStore(node.metadata), "c"),
      membership,
      maintenance,
      statistics,
      searchStores,
      namespaces,
    });
    return api;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.#server.address.port}`;
  }

  http2(): Transport {
    return createConnectTransport({ baseUrl: this.baseUrl, httpVersion: "2" });
  }

  close(graceMs = 1000): Promise<void> {
    return this.#server.close(graceMs);
  }

  /** Over REST; the answer's body is taken for JSON. */
  async rest(
    verb: string,
    path: string,
    options: {
      readonly key?: string;
      readonly body?: string;
      readonly type?: string;
      readonly header?: Record<string, string>;
    } = {},
  ): Promise<{ readonly status: number; readonly header: Headers; readonly body: object }> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      method: verb,
      headers: {
        ...(options.key !== undefined && as(options.key).headers),
        ...(options.body !== undefined && { "content-type": options.type ?? "application/json" }),
        ...options.header,
      },
      ...(options.body !== undefined && { body: options.body }),
    });
    return { status: response.status, header: response.headers, body: (await response.json()) as object };
  }
}

export function as(key: string): { readonly headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${key}` } };
}

export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "ok",
    (error: ConnectError) => Code[error.code],
  );
}
