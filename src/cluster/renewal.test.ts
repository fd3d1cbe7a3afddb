import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { ClusterRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { PlainHasher } from "../platform/node/index.ts";
import { certificateValidity, checkNodeCertificate, NODE_VALIDITY_MS } from "./ca.ts";
import { foundCluster } from "./founding.ts";
import { createIssuer, sealCaKey } from "./issuer.ts";
import { NodeDirectory } from "./node-directory.ts";
import type { NodeIdentity } from "./ports.ts";
import { certificateRenewalWorker, needsRenewal } from "./renewal.ts";
import { FakeMetadata } from "./testing/fake-metadata.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

const foundedMs = 1_750_000_000_000;
const random = createPrng("renewal");
const identitySealer = { seal: (bytes: Uint8Array) => bytes, open: (bytes: Uint8Array) => bytes };
const signal = new AbortController().signal;

let directory: NodeDirectory;
let metadata: FakeMetadata;
let first: NodeIdentity;
let nowMs: number;
let taken: NodeIdentity[];

beforeEach(async () => {
  nowMs = foundedMs;
  taken = [];
  directory = new NodeDirectory({
    disk: new MemoryDisk(),
    hasher: new PlainHasher(),
    dataDirectory: "/data",
  });
  const stored = await foundCluster({ directory, name: "node-1", nowMs, random });
  first = stored.identity;
  metadata = new FakeMetadata();
  metadata.cluster = create(ClusterRowSchema, {
    clusterId: first.clusterId,
    caCertificatePem: first.caCertificatePem,
    caKeySealed: sealCaKey(stored.foundingCaKeyPem!, identitySealer),
  });
});

function worker() {
  const clock = { wallMs: () => nowMs };
  const issuer = createIssuer({
    clusterId: first.clusterId,
    metadata,
    sealer: identitySealer,
    clock,
    random,
  });
  return certificateRenewalWorker({
    directory,
    issuer,
    clock,
    onRenewed: (identity) => void taken.push(identity),
  });
}

describe("a certificate", () => {
  test("is left alone while more than a third of its life is left", async () => {
    nowMs = foundedMs + NODE_VALIDITY_MS * 0.6;
    expect(needsRenewal(first.certificatePem, nowMs)).toBe(false);
    expect(await worker().runUnit(signal)).toBe("idle");
    expect((await directory.load()).identity).toEqual(first);
    expect(taken).toEqual([]);
  });

  test("is replaced after that, with a new key, for the same node", async () => {
    nowMs = foundedMs + NODE_VALIDITY_MS * 0.7;
    await worker().runUnit(signal);
    const { identity } = await directory.load();
    expect(taken).toEqual([identity]);
    expect(identity).toMatchObject({ nodeId: 1, incarnation: first.incarnation, clusterId: first.clusterId });
    expect(identity.privateKeyPem).not.toBe(first.privateKeyPem);
    await checkNodeCertificate(identity);
    expect(certificateValidity(identity.certificatePem).notAfterMs).toBe(nowMs + NODE_VALIDITY_MS);
    await worker().runUnit(signal);
    expect(taken).toHaveLength(1);
  });

  test("that is over is replaced too", () => {
    expect(needsRenewal(first.certificatePem, foundedMs + 2 * NODE_VALIDITY_MS)).toBe(true);
  });

  test("from the future is replaced when it still is an hour later, and left alone when the clock was behind for a moment", async () => {
    const replacing = worker();
    nowMs = foundedMs - NODE_VALIDITY_MS;
    await replacing.runUnit(signal);
    nowMs = foundedMs;
    await replacing.runUnit(signal);
    nowMs = foundedMs - NODE_VALIDITY_MS;
    await replacing.runUnit(signal);
    expect(taken).toEqual([]);
    await replacing.runUnit(signal);
    const { identity } = await directory.load();
    expect(taken).toEqual([identity]);
    expect(certificateValidity(identity.certificatePem).notAfterMs).toBe(nowMs + NODE_VALIDITY_MS);
    await checkNodeCertificate(identity);
  });

  test("stays when the CA cannot be had, and the worker says so", async () => {
    nowMs = foundedMs + NODE_VALIDITY_MS * 0.9;
    metadata.cluster = undefined;
    await expect(worker().runUnit(signal)).rejects.toMatchObject({ code: "join-unavailable" });
    expect((await directory.load()).identity).toEqual(first);
  });
});
