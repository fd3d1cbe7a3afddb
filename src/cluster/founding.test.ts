import { X509Certificate } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { PlainHasher } from "../platform/node/index.ts";
import { checkNodeCertificate } from "./ca.ts";
import { completeFounding, foundCluster, foundingCommand } from "./founding.ts";
import { CA_KEY_CONTEXT } from "./issuer.ts";
import { FOUNDING_KEYS_FILE, NodeDirectory } from "./node-directory.ts";
import { NODE_STATE } from "./node-rows.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

const nowMs = 1_750_000_000_000;
const random = createPrng("founding");
const sealed: string[] = [];
const sealer = {
  seal: (plaintext: Uint8Array, context: string) => {
    sealed.push(`${context}:${new TextDecoder().decode(plaintext)}`);
    return Uint8Array.of(42);
  },
  open: () => new Uint8Array(0),
};
const node = {
  zone: "a",
  peerAddress: "10.0.0.1:7400",
  s3Address: "",
  apiAddress: "",
  roles: ["meta", "storage"],
  weight: 3,
};

let disk: MemoryDisk;
let directory: NodeDirectory;
beforeEach(() => {
  disk = new MemoryDisk();
  directory = new NodeDirectory({
    disk,
    hasher: new PlainHasher(),
    dataDirectory: "/data",
  });
});

describe("founding a cluster", () => {
  test("makes the first node, durably, with everything that a node needs", async () => {
    const stored = await foundCluster({ directory, name: "node-1", nowMs, random });
    expect(await directory.inspect()).toEqual({ kind: "member", stored });
    expect(stored.identity).toMatchObject({ nodeId: 1, name: "node-1" });
    expect(stored.identity.clusterId).toMatch(/^[0-9a-f]{32}$/);
    expect(stored.identity.incarnation).toMatch(/^[0-9a-f]{32}$/);
    expect(stored.identity.keyEncryptionKey).toHaveLength(32);
    await checkNodeCertificate(stored.identity);
    expect(new X509Certificate(stored.identity.caCertificatePem).ca).toBe(true);
  });

  test("is not done twice in one directory, and never gives the same cluster", async () => {
    const { identity } = await foundCluster({ directory, name: "node-1", nowMs, random });
    await expect(foundCluster({ directory, name: "node-1", nowMs, random })).rejects.toMatchObject({
      code: "identity-exists",
    });
    const elsewhere = new NodeDirectory({
      disk: new MemoryDisk(),
      hasher: new PlainHasher(),
      dataDirectory: "/data",
    });
    const second = await foundCluster({ directory: elsewhere, name: "node-1", nowMs, random });
    expect(second.identity.clusterId).not.toBe(identity.clusterId);
    expect(second.identity.incarnation).not.toBe(identity.incarnation);
  });

  test("has what a founder cannot be without before it has the identity, and begins again without it", async () => {
    const cut = new Error("power loss");
    const founding = { directory, name: "node-1", nowMs, random };
    const states: unknown[] = [];
    const beforeIdentity = async () => {
      states.push(await directory.inspect());
      await disk.open(`/data/${FOUNDING_KEYS_FILE}`, "create");
      throw cut;
    };
    await expect(foundCluster({ ...founding, beforeIdentity })).rejects.toBe(cut);
    expect(states).toEqual([{ kind: "fresh" }]);
    expect(await directory.inspect()).toEqual({ kind: "fresh" });
    const stored = await foundCluster(founding);
    expect(await directory.inspect()).toEqual({ kind: "member", stored });
  });

  test("puts cluster and node into one command, the CA's key only sealed", async () => {
    const stored = await foundCluster({ directory, name: "node-1", nowMs, random });
    const command = foundingCommand({
      stored,
      sealer,
      node,
      replicationFactor: 3,
      deleteGraceSeconds: 900,
      nowMs: nowMs + 0.5,
    });
    expect(command.cluster).toMatchObject({
      clusterId: stored.identity.clusterId,
      replicationFactor: 3,
      deleteGraceSeconds: 900,
      caCertificatePem: stored.identity.caCertificatePem,
      caKeySealed: Uint8Array.of(42),
      createdAtMs: BigInt(nowMs),
    });
    expect(command.firstNode).toMatchObject({
      nodeId: 1n,
      name: "node-1",
      incarnation: stored.identity.incarnation,
      zone: "a",
      state: NODE_STATE.active,
    });
    expect(sealed.at(-1)).toBe(`${CA_KEY_CONTEXT}:${stored.foundingCaKeyPem}`);
  });

  test("refuses a node that cannot be described", async () => {
    const stored = await foundCluster({ directory, name: "node-1", nowMs, random });
    const command = { stored, sealer, replicationFactor: 3, deleteGraceSeconds: 900, nowMs };
    expect(() => foundingCommand({ ...command, node: { ...node, zone: "" } })).toThrow(
      expect.objectContaining({ code: "join-invalid" }),
    );
  });

  test("is complete when the CA's key is gone from the disk", async () => {
    const stored = await foundCluster({ directory, name: "node-1", nowMs, random });
    const completed = await completeFounding(directory);
    expect(completed).toEqual({ ...stored, foundingCaKeyPem: undefined });
    expect(await directory.load()).toEqual(completed);
    expect(await completeFounding(directory)).toEqual(completed);
    const command = { sealer, node, replicationFactor: 3, deleteGraceSeconds: 900, nowMs };
    expect(() => foundingCommand({ ...command, stored: completed })).toThrow(
      expect.objectContaining({ code: "identity-exists" }),
    );
  });
});
