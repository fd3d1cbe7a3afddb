/** The first node of a new cluster: its identity, and the command with which it puts the cluster into the metadata. */

import { create } from "@bufbuild/protobuf";
import { toHex } from "../base/index.ts";
import { type InitCluster, InitClusterSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { ClusterRowSchema, NodeRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Random } from "../platform/ports.ts";
import { createClusterCa, createNodeKey, issueNodeCertificate } from "./ca.ts";
import { ClusterError } from "./errors.ts";
import { sealCaKey } from "./issuer.ts";
import type { NodeDirectory, StoredIdentity } from "./node-directory.ts";
import { faultOf, INCARNATION_BYTES, NODE_STATE, type NodeDescription } from "./node-rows.ts";
import type { NodeIdentity, SecretSealer } from "./ports.ts";

export const FIRST_NODE_ID = 1;
const CLUSTER_ID_BYTES = 16;
const KEY_ENCRYPTION_KEY_BYTES = 32;

export interface FoundOptions {
  readonly directory: NodeDirectory;
  readonly name: string;
  readonly nowMs: number;
  readonly random: Random;
  /** Makes durable what a founder cannot be without. A crash before the identity then leaves a directory that is still nobody's. */
  readonly beforeIdentity?: (identity: NodeIdentity) => Promise<void>;
}

/**
 * Makes a new cluster: id, CA, key-encryption key, and this node as its first member, durably in the directory. The CA's key stays there until
 * `completeFounding`. Throws ClusterError "identity-exists" when the directory already belongs to a node, and those of
 * `NodeDirectory.inspect`.
 */
export async function foundCluster(options: FoundOptions): Promise<StoredIdentity> {
  const { random, nowMs } = options;
  const clusterId = newIncarnation(random, CLUSTER_ID_BYTES);
  const ca = await createClusterCa({ clusterId, nowMs, random });
  const key = await createNodeKey();
  const certificatePem = await issueNodeCertificate({
    ca,
    clusterId,
    nodeId: FIRST_NODE_ID,
    certificateRequestPem: key.certificateRequestPem,
    nowMs,
    random,
  });
  const stored: StoredIdentity = {
    identity: {
      clusterId,
      nodeId: FIRST_NODE_ID,
      name: options.name,
      incarnation: newIncarnation(random),
      certificatePem,
      privateKeyPem: key.privateKeyPem,
      caCertificatePem: ca.certificatePem,
      keyEncryptionKey: random.bytes(KEY_ENCRYPTION_KEY_BYTES),
    },
    createdAtMs: nowMs,
    foundingCaKeyPem: ca.privateKeyPem,
  };
  await options.directory.create(stored, () => options.beforeIdentity?.(stored.identity));
  return stored;
}

/** What a fresh data directory is called; never used again when the directory is lost. */
export function newIncarnation(random: Random, bytes: number = INCARNATION_BYTES): string {
  return toHex(random.bytes(bytes));
}

export interface FoundingCommandOptions {
  readonly stored: StoredIdentity;
  readonly sealer: SecretSealer;
  /** Name and incarnation come from the identity. */
  readonly node: Omit<NodeDescription, "name" | "incarnation">;
  readonly replicationFactor: number;
  readonly deleteGraceSeconds: number;
  readonly nowMs: number;
}

/**
 * The command that begins the metadata: the body of `initCluster`. To be submitted as long as `stored.foundingCaKeyPem` is there; "already
 * initialised" is as good as done. Throws ClusterError "join-invalid" when the description of the node is not acceptable.
 */
export function foundingCommand(options: FoundingCommandOptions): InitCluster {
  const { identity, foundingCaKeyPem } = options.stored;
  if (foundingCaKeyPem === undefined) {
    throw new ClusterError(
      "identity-exists",
      "this node has founded its cluster already",
      "start the node as it is",
    );
  }
  const description = { ...options.node, name: identity.name, incarnation: identity.incarnation };
  const fault = faultOf(description);
  if (fault !== undefined) throw new ClusterError("join-invalid", fault, "correct the node's configuration");
  const nowMs = BigInt(Math.floor(options.nowMs));
  return create(InitClusterSchema, {
    cluster: create(ClusterRowSchema, {
      clusterId: identity.clusterId,
      createdAtMs: nowMs,
      replicationFactor: options.replicationFactor,
      deleteGraceSeconds: options.deleteGraceSeconds,
      caCertificatePem: identity.caCertificatePem,
      caKeySealed: sealCaKey(foundingCaKeyPem, options.sealer),
    }),
    firstNode: create(NodeRowSchema, {
      ...description,
      roles: [...description.roles],
      nodeId: BigInt(identity.nodeId),
      state: NODE_STATE.active,
      joinedAtMs: nowMs,
    }),
  });
}

/** Forgets the CA's key on this node, once the metadata holds it sealed. */
export async function completeFounding(directory: NodeDirectory): Promise<StoredIdentity> {
  const stored = await directory.load();
  if (stored.foundingCaKeyPem === undefined) return stored;
  const completed = { ...stored, foundingCaKeyPem: undefined };
  await directory.replace(completed);
  return completed;
}
