import { X509Certificate as NodeX509 } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import {
  CA_NOT_BEFORE_MS,
  CA_VALIDITY_MS,
  CLOCK_SKEW_MS,
  type ClusterCa,
  certificateChainPem,
  certificateFingerprint,
  certificateValidity,
  checkNodeCertificate,
  createClusterCa,
  createNodeKey,
  issueNodeCertificate,
  NODE_VALIDITY_MS,
  nodeUri,
  requestCertificate,
} from "./ca.ts";
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator } from "./x509.ts";

const clusterId = "0123456789abcdef0123456789abcdef";
const nowMs = 1_750_000_000_000;
const random = createPrng("ca");

let ca: ClusterCa;
beforeAll(async () => {
  ca = await createClusterCa({ clusterId, nowMs, random });
});

async function issue(overrides: Partial<Parameters<typeof issueNodeCertificate>[0]> = {}) {
  const key = await createNodeKey();
  const certificatePem = await issueNodeCertificate({
    ca,
    clusterId,
    nodeId: 7,
    certificateRequestPem: key.certificateRequestPem,
    nowMs,
    random,
    ...overrides,
  });
  return { certificatePem, privateKeyPem: key.privateKeyPem };
}

describe("the CA", () => {
  test("is self-signed, a CA, valid for ten years", () => {
    const certificate = new NodeX509(ca.certificatePem);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(certificateValidity(ca.certificatePem).notAfterMs).toBe(nowMs + CA_VALIDITY_MS);
  });

  test("is valid at once for everybody, also when the founder's clock is ahead", async () => {
    const ahead = await createClusterCa({ clusterId, nowMs: nowMs + 3 * 24 * 3600 * 1000, random });
    expect(certificateValidity(ahead.certificatePem).notBeforeMs).toBe(CA_NOT_BEFORE_MS);
    const { certificatePem } = await issue({ ca: ahead });
    expect(certificateValidity(certificatePem).notBeforeMs).toBe(nowMs - CLOCK_SKEW_MS);
  });

  test("its fingerprint is the one that other programs compute", async () => {
    const expected = new NodeX509(ca.certificatePem).fingerprint256.replaceAll(":", "").toLowerCase();
    expect(await certificateFingerprint(ca.certificatePem)).toBe(expected);
  });
});

describe("a node's certificate", () => {
  test("names cluster and node, serves both ends of a connection, and is signed by the CA", async () => {
    const { certificatePem, privateKeyPem } = await issue();
    const certificate = new NodeX509(certificatePem);
    const authority = new NodeX509(ca.certificatePem);
    expect(certificate.subjectAltName).toBe(`URI:skerry://${clusterId}/node/7`);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    expect(certificate.checkIssued(authority)).toBe(true);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificateValidity(certificatePem).notAfterMs).toBe(nowMs + NODE_VALIDITY_MS);
    await checkNodeCertificate({
      certificatePem,
      privateKeyPem,
      caCertificatePem: ca.certificatePem,
      clusterId,
      nodeId: 7,
    });
  });

  test("never outlives the CA", async () => {
    const { certificatePem } = await issue({ nowMs: nowMs + CA_VALIDITY_MS - 1000 });
    expect(certificateValidity(certificatePem).notAfterMs).toBe(nowMs + CA_VALIDITY_MS);
  });

  test("is for the node that the cluster names, whatever the request asks for", async () => {
    const key = await createNodeKey();
    expect(new Pkcs10CertificateRequest(key.certificateRequestPem).subject).toBe("CN=skerry-node");
    const { certificatePem } = await issue({ nodeId: 9 });
    expect(new NodeX509(certificatePem).subject).toBe("CN=skerry-node-9");
  });

  test("a request can be made again for a kept key", async () => {
    const key = await createNodeKey();
    const { certificatePem } = await issue({
      certificateRequestPem: await requestCertificate(key.privateKeyPem),
    });
    await checkNodeCertificate({
      certificatePem,
      privateKeyPem: key.privateKeyPem,
      caCertificatePem: ca.certificatePem,
      clusterId,
      nodeId: 7,
    });
  });

  test("is sent before the CA's certificate", async () => {
    const { certificatePem } = await issue();
    const chain = certificateChainPem({ certificatePem, caCertificatePem: ca.certificatePem });
    expect(chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(new NodeX509(chain).subject).toBe("CN=skerry-node-7");
  });
});

describe("refused requests", () => {
  const refused = { code: "certificate-request-invalid" };

  test("text that is no request", async () => {
    await expect(issue({ certificateRequestPem: "hello" })).rejects.toMatchObject(refused);
    await expect(issue({ certificateRequestPem: "" })).rejects.toMatchObject(refused);
    await expect(issue({ certificateRequestPem: ca.certificatePem })).rejects.toMatchObject(refused);
    await expect(issue({ certificateRequestPem: "x".repeat(20_000) })).rejects.toMatchObject(refused);
  });

  test("a request whose signature was not made with its key", async () => {
    const request = new Pkcs10CertificateRequest((await createNodeKey()).certificateRequestPem);
    const der = new Uint8Array(request.rawData);
    der[der.length - 1] = der[der.length - 1]! ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE REQUEST-----`;
    await expect(issue({ certificateRequestPem: forged })).rejects.toMatchObject(refused);
  });

  test("a request with another kind of key", async () => {
    const algorithm = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const request = await Pkcs10CertificateRequestGenerator.create({
      name: "CN=x",
      keys,
      signingAlgorithm: algorithm,
    });
    await expect(issue({ certificateRequestPem: request.toString("pem") })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("not ECDSA P-256"),
    });
  });
});

describe("a certificate that does not fit is refused", () => {
  const refused = { code: "certificate-invalid" };

  test.each([
    ["another node", { nodeId: 8 }],
    ["another cluster", { clusterId: "other" }],
  ])("%s", async (_, overrides) => {
    const issued = await issue();
    await expect(
      checkNodeCertificate({
        ...issued,
        caCertificatePem: ca.certificatePem,
        clusterId,
        nodeId: 7,
        ...overrides,
      }),
    ).rejects.toMatchObject(refused);
  });

  test("another CA, another key, no certificate", async () => {
    const issued = await issue();
    const otherCa = await createClusterCa({ clusterId, nowMs, random });
    const fits = { ...issued, caCertificatePem: ca.certificatePem, clusterId, nodeId: 7 };
    await expect(
      checkNodeCertificate({ ...fits, caCertificatePem: otherCa.certificatePem }),
    ).rejects.toMatchObject(refused);
    await expect(
      checkNodeCertificate({ ...fits, privateKeyPem: (await createNodeKey()).privateKeyPem }),
    ).rejects.toMatchObject(refused);
    await expect(checkNodeCertificate({ ...fits, certificatePem: "-" })).rejects.toMatchObject(refused);
    await expect(checkNodeCertificate({ ...fits, privateKeyPem: "-" })).rejects.toMatchObject(refused);
  });
});

describe("node URIs", () => {
  test("name cluster and node", () => {
    expect(nodeUri({ clusterId, nodeId: 12 })).toBe(`skerry://${clusterId}/node/12`);
  });

  test.each([
    { clusterId: "", nodeId: 1 },
    { clusterId: "A", nodeId: 1 },
    { clusterId: "a/node/2", nodeId: 1 },
    { clusterId: "a", nodeId: 0 },
    { clusterId: "a", nodeId: 1.5 },
  ])("%j has none", (identity) => {
    expect(() => nodeUri(identity)).toThrow("invariant violated");
  });
});
