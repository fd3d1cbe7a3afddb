import {
  accountIdOf,
  createGate,
  type Owner,
  openS3Secret,
  type Principal,
  parsePolicy,
  type TrustedProxies,
} from "../../access/index.ts";
import {
  Accounts,
  IdentityDirectory,
  IdentityError,
  IdentityStore,
  type IssuerKeys,
  sessionHolder,
} from "../../identity/index.ts";
import { SingleNode } from "../../object/testing/single-node.ts";
import type { SocketAddress } from "../../platform/index.ts";
import { NodeClock, NodeRandom, NodeTimers, PlainHasher } from "../../platform/node/index.ts";
import type { ManualTime } from "../../platform/testing/manual-time.ts";
import { type GatewayOptions, S3Gateway } from "../gateway.ts";
import type { ServerLimits } from "../http-server/server-limits.ts";
import { s3OperationRows } from "../operations.ts";
import type { Credential, CredentialSource, OwnerDirectory, RequestEvent } from "../ports.ts";
import { queryOperationRows } from "../query/operations.ts";
import { S3Server } from "../server.ts";
import { type FaultyStore, faultyStore } from "./faulty-store.ts";

export const WRITER = { accessKeyId: "SKWRITER000000000001", secretAccessKey: "writer/secret+key" };
export const READER = { accessKeyId: "SKREADER000000000001", secretAccessKey: "reader/secret+key" };
/** A writer that may touch only the bucket "mine". */
export const LIMITED = { accessKeyId: "SKLIMITED00000000001", secretAccessKey: "limited/secret+key" };
/** The administrator of the first user. */
export const ADMIN = { accessKeyId: "SKADMIN0000000000001", secretAccessKey: "admin/secret+key" };
/** Another user's writer. */
export const OTHER = { accessKeyId: "SKOTHER0000000000001", secretAccessKey: "other/secret+key" };

/** Two users and nothing else: what they may do comes from owning, policies and lists. */
export const ALICE = { accessKeyId: "SKALICE0000000000001", secretAccessKey: "alice/secret+key" };
export const BOB = { accessKeyId: "SKBOB000000000000001", secretAccessKey: "bob/secret+key" };
/** A user of Alice's account with policies of its own: it may read objects, and tell who it is. */
export const CAROL = { accessKeyId: "SKCAROL0000000000001", secretAccessKey: "carol/secret+key" };
export const ALICE_OWNER = { id: "c".repeat(64), displayName: "Alice" };
export const BOB_OWNER = { id: "d".repeat(64), displayName: "Bob" };

/** Those who can be named in grants. */
const OWNERS: OwnerDirectory = {
  ownerById: (id) => [ALICE_OWNER, BOB_OWNER].find((owner) => owner.id === id),
  ownerByEmail: (email) => (email === "bob@example.com" ? BOB_OWNER : undefined),
};

const userOf = (keyId: string, owner: Owner): Principal => ({
  keyId,
  role: "user",
  buckets: undefined,
  owner,
});

function carol(): Principal {
  const accountId = accountIdOf(ALICE_OWNER.id);
  const document = { Statement: { Effect: "Allow", Action: "s3:GetObject*", Resource: "*" } };
  return {
    ...userOf(CAROL.accessKeyId, ALICE_OWNER),
    identity: {
      caller: {
        kind: "user",
        accountId,
        canonicalId: ALICE_OWNER.id,
        arn: `arn:aws:iam::${accountId}:user/carol`,
        roleArn: undefined,
        uniqueId: "AIDACAROL00000000001",
      },
      policies: [parsePolicy(JSON.stringify(document), { kind: "identity" })],
      sessionPolicies: undefined,
      context: new Map([["aws:username", ["carol"]]]),
    },
  };
}

function principal(
  keyId: string,
  role: Principal["role"],
  owner: string,
  buckets?: readonly string[],
): Principal {
  return { keyId, role, buckets, owner: { id: owner.repeat(64), displayName: `user ${owner}` } };
}

const CREDENTIALS = new Map<string, Credential>([
  [ALICE.accessKeyId, { principal: userOf(ALICE.accessKeyId, ALICE_OWNER), secret: ALICE.secretAccessKey }],
  [BOB.accessKeyId, { principal: userOf(BOB.accessKeyId, BOB_OWNER), secret: BOB.secretAccessKey }],
  [CAROL.accessKeyId, { principal: carol(), secret: CAROL.secretAccessKey }],
  [
    WRITER.accessKeyId,
    { principal: principal(WRITER.accessKeyId, "writer", "a"), secret: WRITER.secretAccessKey },
  ],
  [
    ADMIN.accessKeyId,
    { principal: principal(ADMIN.accessKeyId, "admin", "a"), secret: ADMIN.secretAccessKey },
  ],
  [
    READER.accessKeyId,
    { principal: principal(READER.accessKeyId, "reader", "a"), secret: READER.secretAccessKey },
  ],
  [
    LIMITED.accessKeyId,
    { principal: principal(LIMITED.accessKeyId, "writer", "a", ["mine"]), secret: LIMITED.secretAccessKey },
  ],
  [
    OTHER.accessKeyId,
    { principal: principal(OTHER.accessKeyId, "writer", "b"), secret: OTHER.secretAccessKey },
  ],
]);

/** The keys above, and those that IAM and STS give out. */
function credentialsOf(directory: IdentityDirectory, { metadata, sealer }: SingleNode): CredentialSource {
  return {
    lookup: (accessKeyId) => {
      const fixed = CREDENTIALS.get(accessKeyId);
      if (fixed !== undefined) return fixed;
      const row = metadata.view.key(accessKeyId);
      const found = row && directory.principalOfKey(row);
      return row && found && { principal: found, secret: openS3Secret(row, sealer) };
    },
    session: (keyId, token) => sessionHolder(directory, sealer, { keyId, token }),
  };
}

/** Nobody to ask. */
const NO_ISSUERS: IssuerKeys = {
  keysOf: () => Promise.reject(new IdentityError("issuer-unreachable", "there are no issuers")),
};

export interface Rig {
  readonly store: FaultyStore;
  readonly node: SingleNode;
  readonly gateway: S3Gateway;
  readonly server: S3Server;
  readonly address: SocketAddress;
  readonly endpoint: string;
  /** Finished requests. */
  readonly events: RequestEvent[];
  /** Errors that no table knows: there must be none. */
  readonly unexpected: unknown[];
  readonly close: () => Promise<void>;
}

/**
 * A whole gateway on a port of its own on loopback, over the real object layer with its metadata and blobs in memory. Closing it checks that the
 * metadata is sound.
 */
export async function startRig(
  overrides: Partial<GatewayOptions> & {
    readonly serverLimits?: Partial<ServerLimits>;
    readonly trustedProxies?: TrustedProxies;
    /** That of the HTTP server's limits alone. */
    readonly serverTime?: Pick<ManualTime, "clock" | "timers">;
    readonly requiresIfMatch?: (bucket: string) => boolean;
    readonly issuerKeys?: IssuerKeys;
  } = {},
): Promise<Rig> {
  const {
    serverLimits,
    trustedProxies,
    serverTime,
    requiresIfMatch,
    issuerKeys = NO_ISSUERS,
    ...gatewayOverrides
  } = overrides;
  const clock = new NodeClock();
  const hasher = new PlainHasher();
  const node = await SingleNode.create(Date.now, { ...(requiresIfMatch && { requiresIfMatch }) });
  const store = faultyStore(node.objects);
  const identities = new IdentityStore(node.metadata);
  const directory = new IdentityDirectory(identities);
  const accounts = new Accounts(identities, "rig");
  for (const { id, displayName } of [ALICE_OWNER, BOB_OWNER]) {
    const name = displayName.toLowerCase();
    await accounts.create({ name, displayName, email: `${name}@example.com`, canonicalId: id });
  }
  const events: RequestEvent[] = [];
  const unexpected: unknown[] = [];
  const gateway = new S3Gateway({
    store,
    credentials: credentialsOf(directory, node),
    identities: { store: identities, sealer: node.sealer, issuerKeys },
    authorizer: createGate([...s3OperationRows, ...queryOperationRows], {
      bucket: (name) => store.bucketAccess(name),
      isPublicBucket: (name) => name.startsWith("public"),
    }),
    owners: OWNERS,
    hasher,
    clock,
    random: new NodeRandom(),
    region: "us-east-1",
    baseDomains: ["s3.localhost"],
    hostId: "test-node",
    hooks: {
      onRequest: (event) => events.push(event),
      onUnexpectedError: (error) => unexpected.push(error),
    },
    ...gatewayOverrides,
  });
  const server = new S3Server({
    gateway,
    clock: serverTime?.clock ?? clock,
    timers: serverTime?.timers ?? new NodeTimers(),
    limits: serverLimits ?? {},
    ...(trustedProxies && { trustedProxies }),
  });
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  return {
    store,
    node,
    gateway,
    server,
    address,
    endpoint: `http://127.0.0.1:${address.port}`,
    events,
    unexpected,
    close: async () => {
      await server.close(1000);
      const violations = await node.violations();
      if (violations.length > 0) throw new Error(`the metadata is unsound: ${JSON.stringify(violations)}`);
    },
  };
}
