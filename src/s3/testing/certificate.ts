import { createPrng } from "../../base/index.ts";
import { createClusterCa, createNodeKey, issueNodeCertificate } from "../../cluster/index.ts";
import type { TlsCertificate } from "../server.ts";

const CLUSTER_ID = "0123456789abcdef0123456789abcdef";

/** For servers whose clients trust any; another one for each number. */
export async function certificate(nodeId: number): Promise<TlsCertificate> {
  const random = createPrng(`tls ${nodeId}`);
  const nowMs = Date.now();
  const ca = await createClusterCa({ clusterId: CLUSTER_ID, nowMs, random });
  const { certificateRequestPem, privateKeyPem } = await createNodeKey();
  const request = { ca, clusterId: CLUSTER_ID, nodeId, certificateRequestPem, nowMs, random };
  return { cert: await issueNodeCertificate(request), key: privateKeyPem };
}
