/**
 * Certificates for tests of the network: a CA for each cluster, a certificate for each node. Production has its own CA in `cluster`.
 */

import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { PeerIdentity } from "../ports.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;

export interface TestCredentials {
  readonly caCertificatePem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface TestLeaf {
  /** Names as URI SANs; none when empty. */
  readonly uris: readonly string[];
  /** Names as DNS SANs. */
  readonly hosts?: readonly string[];
  /** When the certificate stops being valid, relative to now; negative for one that has expired. */
  readonly validForMs?: number;
  /** Until its time comes; by default that was a day ago. */
  readonly validInMs?: number;
}

export interface TestAuthority {
  readonly certificatePem: string;
  /** Of the CA certificate, 64 hexadecimal digits. */
  readonly fingerprintSha256: string;
  issue(identity: PeerIdentity): Promise<TestCredentials>;
  /** A certificate as it should not be. */
  issueLeaf(leaf: TestLeaf): Promise<TestCredentials>;
}

/** A new self-signed CA. */
export async function createTestAuthority(name = "test"): Promise<TestAuthority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: `CN=${name} CA`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const issueLeaf = (leaf: TestLeaf) => issue(certificate, keys, leaf);
  return {
    certificatePem: certificate.toString("pem"),
    fingerprintSha256: createHash("sha256").update(new Uint8Array(certificate.rawData)).digest("hex"),
    issueLeaf,
    issue: ({ clusterId, nodeId }) => issueLeaf({ uris: [`skerry://${clusterId}/node/${nodeId}`] }),
  };
}

async function issue(
  ca: x509.X509Certificate,
  caKeys: webcrypto.CryptoKeyPair,
  leaf: TestLeaf,
): Promise<TestCredentials> {
  const keys = await generateKeys();
  const names = [
    ...leaf.uris.map((value) => ({ type: "url" as const, value })),
    ...(leaf.hosts ?? []).map((value) => ({ type: "dns" as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: "CN=node",
    issuer: ca.subject,
    notBefore: new Date(Date.now() + (leaf.validInMs ?? -DAY_MS)),
    notAfter: new Date(Date.now() + (leaf.validForMs ?? DAY_MS)),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return {
    caCertificatePem: ca.toString("pem"),
    certificatePem: certificate.toString("pem"),
    privateKeyPem: await privateKeyPem(keys.privateKey),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey("pkcs8", key);
  const base64 = Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}

function randomSerial(): string {
  // Positive whatever the first byte is: a certificate's serial number is a signed integer.
  return `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString("hex")}`;
}
