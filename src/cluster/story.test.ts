/** One story over the real network: a cluster is founded, a node joins it by token, the two watch each other under mutual TLS. */

import { create } from "@bufbuild/protobuf";
import { afterEach, expect, test } from "vitest";
import { type CommandResult, CommandResultSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { JoinTokenRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../meta/ports.ts";
import { NodeClock, NodeRandom, NodeTimers, PlainHasher } from "../platform/node/index.ts";
import { createAnonymousConnection, createNodeNetwork, type NodeNetwork } from "../platform/node/network.ts";
import type { SocketAddress } from "../platform/ports.ts";
import { certificateFingerprint, createClusterCa } from "./ca.ts";
import { foundCluster, foundingCommand } from "./founding.ts";
import { HealthService } from "./health-service.ts";
import { createIssuer } from "./issuer.ts";
import { joinCluster } from "./join-client.ts";
import { mintJoinToken } from "./join-token.ts";
import { heartbeatPeersOf, membershipHandlers } from "./members.ts";
import { NodeDirectory } from "./node-directory.ts";
import { formatAddress, parseAddress } from "./node-rows.ts";
import type { NodeIdentity } from "./ports.ts";
import { certificateRenewalWorker } from "./renewal.ts";
import { DONE, FakeMetadata } from "./testing/fake-metadata.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

const clock = new NodeClock();
const timers = new NodeTimers();
const random = new NodeRandom();
const hasher = new PlainHasher();
const sealer = { seal: (bytes: Uint8Array) => bytes, open: (bytes: Uint8Array) => bytes };
const description = { zone: "a", s3Address: "", apiAddress: "", roles: ["meta", "storage"], weight: 1 };

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The metadata that both nodes see. */
const metadata = new FakeMetadata();
metadata.decide = (body: CommandBody): CommandResult => {
  if (body.case === "initCluster") {
    metadata.cluster = body.value.cluster;
    metadata.nodes = [body.value.firstNode!];
    return DONE;
  }
  if (body.case !== "registerNode") throw new Error(body.case);
  metadata.joinTokens = [];
  metadata.nodes = [...metadata.nodes, { ...body.value.node!, nodeId: 2n }];
  return create(CommandResultSchema, { result: { case: "nodeRegistered", value: { nodeId: 2n } } });
};

/** Network, services and listener of one node. */
async function start(identity: NodeIdentity, address: SocketAddress) {
  const network: NodeNetwork = createNodeNetwork({ ...identity, identity });
  closing.push(() => network.close());
  const health = new HealthService({
    identity,
    network,
    clock,
    timers,
    heartbeatMs: 20,
    localHealth: () => ({
      appliedIndex: BigInt(identity.nodeId * 100),
      hashIndex: 0n,
      stateHash: new Uint8Array(0),
      storageWritable: true,
      storageFull: false,
      storageFreeBytes: 0n,
      storageUsedBytes: 0n,
      raftTerm: 1n,
      raftLastIndex: 0n,
      raftFenced: false,
      snapshotReceivedBytes: 0n,
    }),
  });
  closing.push(() => health.close());
  const issuer = createIssuer({ clusterId: identity.clusterId, metadata, sealer, clock, random });
  const handlers = membershipHandlers({ identity, metadata, issuer, clock, hasher }, health);
  const listener = await network.listen(address, handlers);
  closing.push(() => listener.close());
  health.start();
  return { network, health, issuer, address: listener.address };
}

test("founding, joining, watching, renewing", async () => {
  const firstDirectory = new NodeDirectory({ disk: new MemoryDisk(), hasher, dataDirectory: "/first" });
  const first = await foundCluster({
    directory: firstDirectory,
    name: "node-1",
    nowMs: clock.wallMs(),
    random,
  });
  const firstNode = await start(first.identity, { host: "127.0.0.1", port: 0 });
  const value = foundingCommand({
    stored: first,
    sealer,
    node: { ...description, peerAddress: formatAddress(firstNode.address) },
    replicationFactor: 3,
    deleteGraceSeconds: 60,
    nowMs: clock.wallMs(),
  });
  await metadata.submit({ case: "initCluster", value });

  const caFingerprint = await certificateFingerprint(first.identity.caCertificatePem);
  const { text, record } = mintJoinToken({ caFingerprint, nowMs: clock.wallMs(), random, hasher });
  metadata.joinTokens = [create(JoinTokenRowSchema, record)];
  const secondDirectory = new NodeDirectory({ disk: new MemoryDisk(), hasher, dataDirectory: "/second" });
  // Where the second node listens is known before it joins.
  const joining = {
    addresses: [firstNode.address],
    node: { ...description, name: "node-2", peerAddress: "127.0.0.1:1" },
    directory: secondDirectory,
    connect: (to: SocketAddress, caFingerprintSha256: string) =>
      createAnonymousConnection(to, { caFingerprintSha256 }),
    clock,
    timers,
    random,
  };

  // A token that speaks of another CA gets nothing, not even its secret is sent.
  const stranger = await createClusterCa({ clusterId: "other", nowMs: clock.wallMs(), random });
  const wrong = text.replace(caFingerprint, await certificateFingerprint(stranger.certificatePem));
  await expect(joinCluster({ ...joining, token: wrong })).rejects.toMatchObject({ code: "join-untrusted" });
  expect(metadata.joinTokens).toHaveLength(1);

  const second = await joinCluster({ ...joining, token: text });
  expect(second.stored.identity).toMatchObject({ clusterId: first.identity.clusterId, nodeId: 2 });
  expect(second.peers.map((peer) => peer.peerAddress)).toEqual([formatAddress(firstNode.address)]);

  const secondNode = await start(second.stored.identity, { host: "127.0.0.1", port: 0 });
  metadata.nodes = metadata.nodes.map((row) =>
    row.nodeId === 2n ? { ...row, peerAddress: formatAddress(secondNode.address) } : row,
  );
  expect(parseAddress(metadata.nodes[1]!.peerAddress)).toEqual(secondNode.address);
  firstNode.health.setPeers(heartbeatPeersOf(metadata.nodes, 1));
  secondNode.health.setPeers(heartbeatPeersOf(metadata.nodes, 2));
  await expect
    .poll(() => firstNode.health.peer(2), { timeout: 10_000 })
    .toMatchObject({
      state: "alive",
      health: { nodeId: 2n, appliedIndex: 200n, incarnation: second.stored.identity.incarnation },
    });
  await expect.poll(() => secondNode.health.peer(1).state, { timeout: 10_000 }).toBe("alive");

  const late = clock.wallMs() + 300 * 24 * 3600 * 1000;
  const renewal = certificateRenewalWorker({
    directory: secondDirectory,
    issuer: secondNode.issuer,
    clock: { wallMs: () => late },
    onRenewed: (identity) => secondNode.network.updateCredentials(identity),
  });
  await renewal.runUnit(new AbortController().signal);
  const renewed = (await secondDirectory.load()).identity;
  expect(renewed.certificatePem).not.toBe(second.stored.identity.certificatePem);
});
