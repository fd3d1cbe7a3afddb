import { create } from "@bufbuild/protobuf";
import { type Prng, toHex } from "../../base/index.ts";
import type { CertificateIssuer, StoredIdentity } from "../../cluster/index.ts";
import { PutJoinTokenSchema, RegisterNodeSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { JoinTokenRowSchema, NodeRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata } from "../../meta/index.ts";
import { PEER_PORT } from "./node-config.ts";

/**
 * Identities without certificates. Keys and certificates are made by the machine's own crypto threads, in an order that no seed decides; the
 * simulated network checks identities by itself.
 */

const NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nsimulated\n-----END CERTIFICATE-----\n";
const NO_KEY = "-----BEGIN PRIVATE KEY-----\nsimulated\n-----END PRIVATE KEY-----\n";
const TOKEN_LIFE_MS = 24 * 3600 * 1000;

/** Nobody asks for a certificate in the simulated cluster. */
export const NO_ISSUER: CertificateIssuer = {
  prepare: () => Promise.reject(new Error("there are no certificates in the simulator")),
};

export function foundingIdentity(name: string, prng: Prng): StoredIdentity {
  const clusterId = toHex(prng.bytes(16));
  const keyEncryptionKey = prng.bytes(32);
  return {
    ...identityOf({ clusterId, nodeId: 1, name, incarnation: newIncarnation(prng), keyEncryptionKey }),
    foundingCaKeyPem: NO_KEY,
  };
}

export function newIncarnation(prng: Prng): string {
  return toHex(prng.bytes(16));
}

export function identityOf(
  identity: Pick<
    StoredIdentity["identity"],
    "clusterId" | "nodeId" | "name" | "incarnation" | "keyEncryptionKey"
  >,
): StoredIdentity {
  const credentials = {
    certificatePem: NO_CERTIFICATE,
    privateKeyPem: NO_KEY,
    caCertificatePem: NO_CERTIFICATE,
  };
  return { identity: { ...identity, ...credentials }, createdAtMs: 0, foundingCaKeyPem: undefined };
}

/** What a join does to the metadata: a token, then the node's row. Resolves with the id that the state machine gave. Rejects when it could not be had. */
export async function registerNode(
  metadata: Metadata,
  node: { readonly name: string; readonly incarnation: string; readonly tokenHash: Uint8Array },
): Promise<number> {
  const { name, incarnation, tokenHash } = node;
  const token = create(JoinTokenRowSchema, {
    tokenId: toHex(tokenHash.subarray(0, 4)),
    tokenHash,
    expiresAtMs: BigInt(Math.floor(metadata.view.appliedTimeMs()) + TOKEN_LIFE_MS),
  });
  await metadata.submit({ case: "putJoinToken", value: create(PutJoinTokenSchema, { token }) });
  const row = create(NodeRowSchema, {
    name,
    zone: name,
    incarnation,
    peerAddress: `${name}:${PEER_PORT}`,
    roles: ["meta", "storage", "gateway"],
    weight: 1,
  });
  const { result } = await metadata.submit({
    case: "registerNode",
    value: create(RegisterNodeSchema, { node: row, tokenHash }),
  });
  if (result.case === "nodeRegistered") return Number(result.value.nodeId);
  throw new Error(
    `the node was not registered: ${result.case === "refusal" ? result.value.detail : result.case}`,
  );
}
