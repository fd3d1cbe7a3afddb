import { create, toBinary } from "@bufbuild/protobuf";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { type JoinRequest, JoinRequestSchema } from "../gen/skerry/cluster/v1/cluster_pb.js";
import { type CommandResult, CommandResultSchema, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  JoinTokenRowSchema,
  type NodeRow,
  NodeRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../meta/ports.ts";
import type { Disk, MessageStream, StreamError } from "../platform/index.ts";
import { NodeTimers, PlainHasher } from "../platform/node/index.ts";
import {
  type ClusterCa,
  certificateFingerprint,
  checkNodeCertificate,
  createClusterCa,
  createNodeKey,
} from "./ca.ts";
import { createIssuer, sealCaKey } from "./issuer.ts";
import { type JoinOptions, joinCluster } from "./join-client.ts";
import { FAILED_JOIN_BURST, type JoinOutcome, joinHandler, MAX_CONCURRENT_JOINS } from "./join-service.ts";
import { mintJoinToken } from "./join-token.ts";
import { JOIN_PATH } from "./messages.ts";
import { NodeDirectory } from "./node-directory.ts";
import { NODE_STATE } from "./node-rows.ts";
import type { SecretSealer } from "./ports.ts";
import { FakeMetadata } from "./testing/fake-metadata.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";
import { TestWire } from "./testing/streams.ts";

const clusterId = "cafe".repeat(8);
const nowMs = Date.UTC(2030, 0, 1);
const hasher = new PlainHasher();
const random = createPrng("join");
const keyEncryptionKey = random.bytes(32);
const address = { host: "10.0.0.1", port: 7400 };

/** Not a cipher: that secrets are really sealed is access's promise. Binds to the context. */
const sealer: SecretSealer = {
  seal: (plaintext, context) =>
    new TextEncoder().encode(`${context}|${Buffer.from(plaintext).toString("hex")}`),
  open: (sealed, context) => {
    const [bound, hex] = new TextDecoder().decode(sealed).split("|");
    if (bound !== context) throw new Error("sealed for something else");
    return Buffer.from(hex!, "hex");
  },
};

let ca: ClusterCa;
let otherCa: ClusterCa;
beforeAll(async () => {
  ca = await createClusterCa({ clusterId, nowMs, random });
  otherCa = await createClusterCa({ clusterId, nowMs, random });
});

/** The state machine's rules for tokens and nodes, in short. */
function decideRegistration(metadata: FakeMetadata, body: CommandBody): CommandResult {
  if (body.case !== "registerNode") throw new Error(body.case);
  const { tokenHash, node } = body.value;
  const token = metadata.joinTokens.find((row) => Buffer.compare(row.tokenHash, tokenHash) === 0);
  if (token === undefined) return refusal(RefusalCode.TOKEN_INVALID);
  const known = metadata.nodes.find((row) => row.name === node?.name);
  if (known !== undefined && known.incarnation !== node?.incarnation) return refusal(RefusalCode.NODE_EXISTS);
  metadata.joinTokens = metadata.joinTokens.filter((row) => row !== token);
  const nodeId = known?.nodeId ?? BigInt(metadata.nodes.length + 1);
  if (known === undefined) metadata.nodes = [...metadata.nodes, { ...node!, nodeId }];
  return create(CommandResultSchema, { result: { case: "nodeRegistered", value: { nodeId } } });
}

function refusal(code: RefusalCode): CommandResult {
  return create(CommandResultSchema, { result: { case: "refusal", value: { code, detail: "detail" } } });
}

/** One cluster with one node that serves joins. */
class Cluster {
  readonly metadata = new FakeMetadata();
  readonly wire = new TestWire();
  readonly outcomes: JoinOutcome[] = [];
  wallMs = nowMs;
  monotonicMs = 0;
  readonly clock = { wallMs: () => this.wallMs, monotonicMs: () => this.monotonicMs };
  /** What the served chain shows, which is what a pinned connection checks. */
  servedFingerprint = "";

  constructor() {
    this.metadata.cluster = create(ClusterRowSchema, {
      clusterId,
      caCertificatePem: ca.certificatePem,
      caKeySealed: sealCaKey(ca.privateKeyPem, sealer),
    });
    this.metadata.nodes = [firstNode()];
    this.metadata.decide = (body) => decideRegistration(this.metadata, body);
    const issuer = createIssuer({ clusterId, metadata: this.metadata, sealer, clock: this.clock, random });
    const handler = joinHandler({
      identity: { clusterId, caCertificatePem: ca.certificatePem, keyEncryptionKey },
      metadata: this.metadata,
      issuer,
      clock: this.clock,
      hasher,
      onOutcome: (outcome) => this.outcomes.push(outcome),
    });
    this.wire.serve("10.0.0.1:7400", {
      identity: { clusterId, nodeId: 1 },
      handlers: new Map([[JOIN_PATH, handler]]),
    });
  }

  async token(validityMs = 60_000): Promise<string> {
    const caFingerprint = await certificateFingerprint(ca.certificatePem);
    const { text, record } = mintJoinToken({ caFingerprint, nowMs: this.wallMs, validityMs, random, hasher });
    this.metadata.joinTokens = [...this.metadata.joinTokens, create(JoinTokenRowSchema, record)];
    return text;
  }
}

function firstNode(): NodeRow {
  return create(NodeRowSchema, {
    nodeId: 1n,
    name: "node-1",
    zone: "a",
    incarnation: "11".repeat(16),
    peerAddress: "10.0.0.1:7400",
    state: NODE_STATE.active,
  });
}

const node: JoinOptions["node"] = {
  name: "node-2",
  zone: "b",
  peerAddress: "10.0.0.2:7400",
  s3Address: "10.0.0.2:9000",
  apiAddress: "10.0.0.2:8080",
  roles: ["meta", "storage"],
  weight: 5,
};

let cluster: Cluster;
let disk: Disk;
let directory: NodeDirectory;
beforeEach(() => {
  cluster = new Cluster();
  disk = new MemoryDisk();
  directory = new NodeDirectory({ disk, hasher, dataDirectory: "/data" });
});

function join(token: string, overrides: Partial<JoinOptions> = {}) {
  return joinCluster({
    token,
    addresses: [address],
    node,
    directory,
    connect: (to) => cluster.wire.networkOf(undefined).connect({ address: to }, "control"),
    clock: cluster.clock,
    timers: new NodeTimers(),
    random,
    ...overrides,
  });
}

describe("a new node", () => {
  test("becomes a member with a certificate for the id that the cluster gave, durably", async () => {
    const { stored, peers } = await join(await cluster.token());
    const { identity } = stored;
    expect(identity).toMatchObject({ clusterId, nodeId: 2, name: "node-2" });
    expect(Buffer.from(identity.keyEncryptionKey)).toEqual(Buffer.from(keyEncryptionKey));
    await checkNodeCertificate(identity);
    expect(peers).toEqual([{ nodeId: 1, incarnation: "11".repeat(16), peerAddress: "10.0.0.1:7400" }]);
    expect(await directory.inspect()).toEqual({ kind: "member", stored });
    expect(await directory.loadPeers()).toEqual(peers);
    expect(cluster.metadata.nodes[1]).toMatchObject({
      nodeId: 2n,
      zone: "b",
      incarnation: identity.incarnation,
      roles: ["meta", "storage"],
      weight: 5,
      state: NODE_STATE.joining,
    });
    expect(cluster.outcomes).toEqual([{ kind: "joined", nodeId: 2, name: "node-2" }]);
  });

  test("uses its token up", async () => {
    const token = await cluster.token();
    await join(token);
    const second = new NodeDirectory({ disk: new MemoryDisk(), hasher, dataDirectory: "/data" });
    await expect(join(token, { directory: second, node: { ...node, name: "node-3" } })).rejects.toMatchObject(
      {
        code: "token-refused",
        advice: expect.stringContaining("new token"),
      },
    );
    expect(cluster.metadata.nodes).toHaveLength(2);
  });

  test("gets the same id with another token when the first answer was lost", async () => {
    const metadata = cluster.metadata;
    metadata.decide = (body) => {
      decideRegistration(metadata, body);
      throw new Error("the connection broke");
    };
    await expect(join(await cluster.token())).rejects.toMatchObject({ code: "join-unavailable" });
    expect((await directory.inspect()).kind).toBe("joining");
    metadata.decide = (body) => decideRegistration(metadata, body);
    const { stored } = await join(await cluster.token());
    expect(stored.identity.nodeId).toBe(2);
    expect(metadata.nodes).toHaveLength(2);
  });

  test("is somebody else when its data directory was lost", async () => {
    await join(await cluster.token());
    const wiped = new NodeDirectory({ disk: new MemoryDisk(), hasher, dataDirectory: "/data" });
    await expect(join(await cluster.token(), { directory: wiped })).rejects.toMatchObject({
      code: "join-name-taken",
    });
  });

  test("asks the next node when one does not answer", async () => {
    const nobody = { host: "10.9.9.9", port: 7400 };
    const { stored } = await join(await cluster.token(), { addresses: [nobody, address] });
    expect(stored.identity.nodeId).toBe(2);
    await expect(join("x")).rejects.toMatchObject({ code: "token-malformed" });
  });

  test("does not join twice", async () => {
    await join(await cluster.token());
    await expect(join(await cluster.token())).rejects.toMatchObject({ code: "identity-exists" });
  });

  test("gives up when nobody answers in time", async () => {
    cluster.metadata.decide = () => new Promise(() => {});
    await expect(join(await cluster.token(), { timeoutMs: 20 })).rejects.toMatchObject({
      code: "join-unavailable",
      message: "10.0.0.1:7400: no answer in time",
    });
    await expect(join(await cluster.token(), { addresses: [] })).rejects.toMatchObject({
      code: "join-unavailable",
    });
  });
});

describe("the cluster refuses", () => {
  test("an expired token, without asking the log", async () => {
    const token = await cluster.token(1_000);
    cluster.wallMs += 1_001;
    await expect(join(token)).rejects.toMatchObject({ code: "token-refused" });
    expect(cluster.metadata.submitted).toEqual([]);
  });

  test("a token that it does not know, after one linearizable read", async () => {
    const token = await cluster.token();
    cluster.metadata.joinTokens = [];
    await expect(join(token)).rejects.toMatchObject({ code: "token-refused" });
    expect(cluster.metadata.barriers).toBe(1);
    expect(cluster.metadata.submitted).toEqual([]);
  });

  test("not a token that this node has not heard of yet", async () => {
    const token = await cluster.token();
    const rows = cluster.metadata.joinTokens;
    cluster.metadata.joinTokens = [];
    cluster.metadata.onBarrier = () => {
      cluster.metadata.joinTokens = rows;
    };
    expect((await join(token)).stored.identity.nodeId).toBe(2);
  });

  test("too many wrong tokens, but never a right one", async () => {
    const wrong = await cluster.token();
    cluster.metadata.joinTokens = [];
    for (let i = 0; i < FAILED_JOIN_BURST; i++) {
      await expect(join(wrong)).rejects.toMatchObject({ code: "token-refused" });
    }
    await expect(join(wrong)).rejects.toMatchObject({ code: "join-throttled" });
    expect(cluster.metadata.barriers).toBe(FAILED_JOIN_BURST);
    expect((await join(await cluster.token())).stored.identity.nodeId).toBe(2);
  });

  test("and lets wrong tokens through again as time passes", async () => {
    const wrong = await cluster.token();
    cluster.metadata.joinTokens = [];
    for (let i = 0; i <= FAILED_JOIN_BURST; i++) await join(wrong).catch(() => {});
    cluster.monotonicMs += 2_000;
    await expect(join(wrong)).rejects.toMatchObject({ code: "token-refused" });
    await expect(join(wrong)).rejects.toMatchObject({ code: "join-throttled" });
  });

  test.each<[string, Partial<JoinOptions["node"]>]>([
    ["a name that is none", { name: "no name" }],
    ["a role that is none", { roles: ["king"] }],
    ["an address that is none", { peerAddress: "here" }],
  ])("%s, before anything is written or used up", async (_, change) => {
    await expect(join(await cluster.token(), { node: { ...node, ...change } })).rejects.toMatchObject({
      code: "join-invalid",
    });
    expect(await directory.inspect()).toEqual({ kind: "fresh" });
    expect(cluster.metadata.joinTokens).toHaveLength(1);
  });

  test("while there is no quorum", async () => {
    cluster.metadata.decide = () => {
      throw new Error("no leader");
    };
    await expect(join(await cluster.token())).rejects.toMatchObject({ code: "join-unavailable" });
    expect(cluster.outcomes).toEqual([
      {
        kind: "refused",
        code: "join-unavailable",
        message: "the cluster could not register the node in time",
      },
    ]);
  });

  test("without saying why, when the fault is its own", async () => {
    cluster.metadata.cluster = {
      ...cluster.metadata.cluster!,
      caKeySealed: new TextEncoder().encode("another row|00"),
    };
    const refused = await join(await cluster.token()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "join-unavailable" });
    expect(String(refused)).not.toContain("sealed for something else");
    expect(cluster.outcomes).toMatchObject([{ kind: "refused", code: "internal" }]);
    // Nothing was used up: the key is opened before the command.
    expect(cluster.metadata.joinTokens).toHaveLength(1);
  });

  test.each([
    [RefusalCode.INVALID, "join-invalid"],
    [RefusalCode.TOKEN_INVALID, "token-refused"],
    [RefusalCode.NODE_EXISTS, "join-name-taken"],
    [RefusalCode.TOO_LARGE, "join-unavailable"],
  ])("what the state machine refuses with code %d", async (code, clusterCode) => {
    cluster.metadata.decide = () => refusal(code);
    await expect(join(await cluster.token())).rejects.toMatchObject({ code: clusterCode });
  });
});

describe("what does not come from our own client", () => {
  function openJoin(): MessageStream {
    const connection = cluster.wire.networkOf(undefined).connect({ address }, "control");
    return connection.openStream(JOIN_PATH, { kind: "unary", maxMessageBytes: 1 << 20 });
  }

  function raw(bytes: Uint8Array): Promise<StreamError | undefined> {
    const stream = openJoin();
    return new Promise((resolve) => {
      stream.onMessage = () => resolve(undefined);
      stream.onClose = resolve;
      stream.send([bytes]);
    });
  }

  async function request(change: Partial<JoinRequest>): Promise<StreamError | undefined> {
    const message = create(JoinRequestSchema, {
      ...node,
      roles: [...node.roles],
      token: await cluster.token(),
      incarnation: "22".repeat(16),
      certificateRequestPem: (await createNodeKey()).certificateRequestPem,
    });
    return raw(toBinary(JoinRequestSchema, { ...message, ...change }));
  }

  test("is answered when it is in order", async () => {
    expect(await request({})).toBeUndefined();
  });

  test("is refused when it is no message at all", async () => {
    expect(await raw(Uint8Array.of(0xff, 0xff, 0xff))).toMatchObject({ code: "invalid_argument" });
    expect(await raw(new Uint8Array(0))).toMatchObject({ code: "invalid_argument" });
  });

  test.each<[string, Partial<JoinRequest>]>([
    ["token", { token: "skj_x" }],
    ["name", { name: "../../etc" }],
    ["incarnation", { incarnation: "" }],
    ["address", { peerAddress: "nowhere" }],
    ["roles", { roles: ["meta", "root"] }],
    ["certificate request", { certificateRequestPem: "-----BEGIN CERTIFICATE REQUEST-----" }],
  ])("is refused with a wrong %s, and its token is left", async (_, change) => {
    expect(await request(change)).toMatchObject({ code: "invalid_argument" });
    expect(cluster.metadata.joinTokens).toHaveLength(1);
    expect(cluster.metadata.submitted).toEqual([]);
    expect(cluster.outcomes).toMatchObject([{ kind: "refused" }]);
  });

  test("waits its turn: only so many at once", async () => {
    const waiting = Promise.withResolvers<CommandResult>();
    cluster.metadata.decide = () => waiting.promise;
    const first = Array.from({ length: MAX_CONCURRENT_JOINS }, () => request({}));
    await expect.poll(() => cluster.metadata.submitted.length).toBe(MAX_CONCURRENT_JOINS);
    expect(await request({})).toMatchObject({ code: "resource_exhausted" });
    waiting.resolve(refusal(RefusalCode.TOKEN_INVALID));
    await Promise.all(first);
    expect(await request({})).toMatchObject({ code: "permission_denied" });
  });

  test("has its place from the beginning of the call; who is slow to send its request gives it up", async () => {
    const closes: (StreamError | undefined)[] = [];
    const open = (_: unknown, at: number): void => {
      openJoin().onClose = (error) => {
        closes[at] = error;
      };
    };
    Array.from({ length: MAX_CONCURRENT_JOINS }, open);
    expect(await request({})).toBeUndefined();
    expect(closes).toMatchObject([{ code: "resource_exhausted" }]);
    // One place is free again: the next call takes nobody's, and the one behind it again that of the slowest.
    open(undefined, MAX_CONCURRENT_JOINS);
    open(undefined, MAX_CONCURRENT_JOINS + 1);
    await expect.poll(() => closes.length).toBe(2);
    expect(closes).toMatchObject([{ code: "resource_exhausted" }, { code: "resource_exhausted" }]);
    expect(cluster.outcomes.map(({ kind }) => kind)).toEqual(["refused", "joined", "refused"]);
  });
});

describe("the new node refuses", () => {
  test("an answer with another CA than the token's", async () => {
    const token = (await cluster.token()).replace(
      /\.[0-9a-f]{64}$/,
      `.${await certificateFingerprint(otherCa.certificatePem)}`,
    );
    await expect(join(token)).rejects.toMatchObject({ code: "join-untrusted" });
    expect((await directory.inspect()).kind).toBe("joining");
  });

  test("a certificate that the CA has not signed", async () => {
    cluster.metadata.cluster = {
      ...cluster.metadata.cluster!,
      caKeySealed: sealCaKey(otherCa.privateKeyPem, sealer),
    };
    await expect(join(await cluster.token())).rejects.toMatchObject({ code: "join-untrusted" });
    expect((await directory.inspect()).kind).toBe("joining");
  });
});
