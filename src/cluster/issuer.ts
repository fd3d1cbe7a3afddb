/**
 * The CA at work on a node: its key lies sealed in the metadata, is opened for one signature, and is kept nowhere. Every node can do it, for
 * every node has the key-encryption key: that is what lets a node join through any other, and renew its certificate by itself.
 */

import type { Clock, Random } from "../platform/ports.ts";
import { type ClusterCa, checkCertificateRequest, issueNodeCertificate } from "./ca.ts";
import { ClusterError } from "./errors.ts";
import type { ClusterMetadata, SecretSealer } from "./ports.ts";

/** What the sealed CA key is bound to. */
export const CA_KEY_CONTEXT = "cluster/ca-key";

export interface CertificateIssuer {
  /**
   * Does everything that can fail before it is known which node the certificate is for; what it resolves with makes the certificate (PEM).
   * Throws ClusterError "certificate-request-invalid" or "join-unavailable" (the metadata does not hold a CA).
   */
  prepare(certificateRequestPem: string): Promise<(nodeId: number) => Promise<string>>;
}

export interface IssuerOptions {
  readonly clusterId: string;
  readonly metadata: Pick<ClusterMetadata, "view">;
  readonly sealer: SecretSealer;
  readonly clock: Pick<Clock, "wallMs">;
  readonly random: Random;
  readonly validityMs?: number;
}

export function createIssuer(options: IssuerOptions): CertificateIssuer {
  const { clusterId, metadata, sealer, clock, random } = options;
  return {
    prepare: async (certificateRequestPem) => {
      await checkCertificateRequest(certificateRequestPem);
      const ca = openCa(metadata, sealer);
      return (nodeId) =>
        issueNodeCertificate({
          ca,
          clusterId,
          nodeId,
          certificateRequestPem,
          nowMs: clock.wallMs(),
          random,
          ...(options.validityMs === undefined ? {} : { validityMs: options.validityMs }),
        });
    },
  };
}

/** For the row of a new cluster. */
export function sealCaKey(privateKeyPem: string, sealer: SecretSealer): Uint8Array {
  return sealer.seal(new TextEncoder().encode(privateKeyPem), CA_KEY_CONTEXT);
}

function openCa(metadata: Pick<ClusterMetadata, "view">, sealer: SecretSealer): ClusterCa {
  const cluster = metadata.view.cluster();
  if (cluster === undefined || cluster.caKeySealed.length === 0) {
    throw new ClusterError(
      "join-unavailable",
      "this node does not hold the cluster's CA yet",
      "ask another node",
    );
  }
  const privateKeyPem = new TextDecoder().decode(sealer.open(cluster.caKeySealed, CA_KEY_CONTEXT));
  return { certificatePem: cluster.caCertificatePem, privateKeyPem };
}
