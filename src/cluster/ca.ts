/**
 * The cluster's own certificate authority. It signs nothing but node certificates, and a node trusts nothing else.
 *
 *   CA     ECDSA P-256, CN=skerry-ca <cluster id>, path length 0, certificate and CRL signing, 10 years from the founding, and since 2020
 *   node   ECDSA P-256, CN=skerry-node-<node id>, URI SAN skerry://<cluster id>/node/<node id>, server and client authentication, 1 year
 *
 * Names of hosts are not in the certificates: a node is who its URI says, wherever it runs. Of a request for a certificate only the public
 * key is used, after its signature has proved that the other side has the private key; who the node is, the cluster decides.
 */

import { assert, toHex } from "../base/index.ts";
import type { PeerIdentity, Random } from "../platform/ports.ts";
import { ClusterError } from "./errors.ts";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "./x509.ts";

export const CA_VALIDITY_MS = 10 * 365 * 24 * 3600 * 1000;
export const NODE_VALIDITY_MS = 365 * 24 * 3600 * 1000;
/**
 * A CA is valid from here on, long before any is founded: nodes know it by its fingerprint, so nothing is gained by a later date, and a founder whose clock is ahead would keep
 * everybody out until then.
 */
export const CA_NOT_BEFORE_MS = Date.UTC(2020, 0, 1);
/** Certificates of nodes are valid from a little earlier on, for nodes whose clock is behind. */
export const CLOCK_SKEW_MS = 3600 * 1000;
/** Greatest length of a PEM text that is parsed, in characters. */
export const MAX_PEM_CHARACTERS = 16 * 1024;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERIAL_BYTES = 16;
const CLUSTER_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

type Key = InstanceType<typeof CryptoKey>;

interface KeyPair {
  readonly privateKey: Key;
  readonly publicKey: Key;
}

export interface ClusterCa {
  readonly certificatePem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

export interface CreateCaOptions {
  readonly clusterId: string;
  readonly nowMs: number;
  readonly random: Random;
  readonly validityMs?: number;
}

/** A new CA with a new key. */
export async function createClusterCa(options: CreateCaOptions): Promise<ClusterCa> {
  const keys = await generateKeyPair();
  const name = `CN=skerry-ca ${options.clusterId}`;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(options.random),
    subject: name,
    issuer: name,
    notBefore: new Date(Math.min(CA_NOT_BEFORE_MS, options.nowMs)),
    notAfter: new Date(options.nowMs + (options.validityMs ?? CA_VALIDITY_MS)),
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: certificate.toString("pem"),
    privateKeyPem: await exportPrivateKey(keys.privateKey),
  };
}

export interface IssueOptions {
  readonly ca: ClusterCa;
  readonly clusterId: string;
  readonly nodeId: number;
  /** PEM, PKCS#10. */
  readonly certificateRequestPem: string;
  readonly nowMs: number;
  readonly random: Random;
  readonly validityMs?: number;
}

/**
 * Signs the public key of a request for a node of this cluster; ends no later than the CA. Returns PEM. Throws ClusterError
 * "certificate-request-invalid" when the request cannot be read, has another kind of key or is not signed by it.
 */
export async function issueNodeCertificate(options: IssueOptions): Promise<string> {
  const request = await verifiedRequest(options.certificateRequestPem);
  const caCertificate = parseCertificate(options.ca.certificatePem);
  const validUntilMs = options.nowMs + (options.validityMs ?? NODE_VALIDITY_MS);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(options.random),
    subject: `CN=skerry-node-${options.nodeId}`,
    issuer: caCertificate.subject,
    notBefore: new Date(Math.max(options.nowMs - CLOCK_SKEW_MS, caCertificate.notBefore.getTime())),
    notAfter: new Date(Math.min(validUntilMs, caCertificate.notAfter.getTime())),
    publicKey: request.publicKey,
    signingKey: await importPrivateKey(options.ca.privateKeyPem),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth], true),
      new SubjectAlternativeNameExtension(
        [{ type: "url", value: nodeUri({ clusterId: options.clusterId, nodeId: options.nodeId }) }],
        false,
      ),
      await SubjectKeyIdentifierExtension.create(request.publicKey),
      await AuthorityKeyIdentifierExtension.create(caCertificate.publicKey),
    ],
  });
  return certificate.toString("pem");
}

export interface NodeKey {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** PKCS#10, PEM. */
  readonly certificateRequestPem: string;
}

/** A new key for this node and the request to have it certified. */
export async function createNodeKey(): Promise<NodeKey> {
  const keys = await generateKeyPair();
  return {
    privateKeyPem: await exportPrivateKey(keys.privateKey),
    certificateRequestPem: await requestFor(keys),
  };
}

/** The request again, for a key that was made before. */
export async function requestCertificate(privateKeyPem: string): Promise<string> {
  const privateKey = await importPrivateKey(privateKeyPem, true);
  return requestFor({ privateKey, publicKey: await publicHalf(privateKey) });
}

async function requestFor(keys: KeyPair): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=skerry-node",
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return request.toString("pem");
}

/** Throws ClusterError "certificate-request-invalid" as `issueNodeCertificate` would. */
export async function checkCertificateRequest(certificateRequestPem: string): Promise<void> {
  await verifiedRequest(certificateRequestPem);
}

async function verifiedRequest(pem: string): Promise<Pkcs10CertificateRequest> {
  const request = readRequest(pem);
  const { algorithm } = request.publicKey;
  if (algorithm.name !== "ECDSA" || !("namedCurve" in algorithm) || algorithm.namedCurve !== "P-256") {
    throw badRequest("its key is not ECDSA P-256");
  }
  const signed = await request.verify().catch(() => false);
  if (!signed) throw badRequest("its signature does not belong to its key");
  return request;
}

function readRequest(pem: string): Pkcs10CertificateRequest {
  if (pem.length > MAX_PEM_CHARACTERS) throw badRequest(`it is longer than ${MAX_PEM_CHARACTERS} characters`);
  try {
    // Base64 and DER would be taken too; the protocol says PEM.
    if (!PemConverter.isPem(pem)) throw badRequest("it is not PEM");
    return new Pkcs10CertificateRequest(pem);
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause;
    throw badRequest("it cannot be read", cause);
  }
}

function badRequest(why: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "certificate-request-invalid",
    `the certificate request is refused: ${why}`,
    "join with the same program version as the cluster's",
    { cause },
  );
}

/** SHA-256 of the certificate, 64 lower-case hexadecimal digits. Throws ClusterError "certificate-invalid". */
export async function certificateFingerprint(certificatePem: string): Promise<string> {
  return toHex(new Uint8Array(await parseCertificate(certificatePem).getThumbprint("SHA-256")));
}

/** When a certificate begins and ends to be valid, in milliseconds since the epoch. Throws ClusterError "certificate-invalid". */
export function certificateValidity(certificatePem: string): {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
} {
  const certificate = parseCertificate(certificatePem);
  return { notBeforeMs: certificate.notBefore.getTime(), notAfterMs: certificate.notAfter.getTime() };
}

/** What a TLS server of a node sends: the leaf and, so that a joining node can pin it by its fingerprint, the CA's certificate. */
export function certificateChainPem(identity: {
  readonly certificatePem: string;
  readonly caCertificatePem: string;
}): string {
  return `${identity.certificatePem.trimEnd()}\n${identity.caCertificatePem.trimEnd()}\n`;
}

export interface CheckCertificateOptions {
  readonly certificatePem: string;
  readonly caCertificatePem: string;
  readonly privateKeyPem: string;
  readonly clusterId: string;
  readonly nodeId: number;
}

/**
 * That this certificate was signed by this CA, for this node of this cluster and this private key. Validity in time is not looked at. Throws
 * ClusterError "certificate-invalid".
 */
export async function checkNodeCertificate(options: CheckCertificateOptions): Promise<void> {
  const certificate = parseCertificate(options.certificatePem);
  const ca = parseCertificate(options.caCertificatePem);
  const signed = await certificate
    .verify({ publicKey: ca.publicKey, signatureOnly: true })
    .catch(() => false);
  if (!signed || certificate.issuer !== ca.subject)
    throw badCertificate("it is not signed by the cluster's CA");
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const expected = nodeUri(options);
  if (names.length !== 1 || names[0]?.type !== "url" || names[0].value !== expected) {
    throw badCertificate(`it is not for ${expected}`);
  }
  const publicKey = await publicHalf(await importPrivateKey(options.privateKeyPem, true));
  const own = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  if (toHex(own) !== toHex(new Uint8Array(certificate.publicKey.rawData))) {
    throw badCertificate("its key is not this node's");
  }
}

function parseCertificate(pem: string): X509Certificate {
  if (pem.length > MAX_PEM_CHARACTERS)
    throw badCertificate(`it is longer than ${MAX_PEM_CHARACTERS} characters`);
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw badCertificate("it cannot be read", cause);
  }
}

function badCertificate(why: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "certificate-invalid",
    `the certificate is refused: ${why}`,
    "restore the node's identity files from a backup, or remove the node and join it again with an empty directory",
    { cause },
  );
}

async function generateKeyPair(): Promise<KeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function exportPrivateKey(key: Key): Promise<string> {
  return `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), PemConverter.PrivateKeyTag)}\n`;
}

async function importPrivateKey(pem: string, extractable = false): Promise<Key> {
  try {
    const der = PemConverter.decodeFirst(pem);
    return await crypto.subtle.importKey("pkcs8", der, ALGORITHM, extractable, ["sign"]);
  } catch (cause) {
    throw badCertificate("its private key cannot be read", cause);
  }
}

/** The public key of a private key that may be exported. */
async function publicHalf(privateKey: Key): Promise<Key> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
  assert(
    kty === "EC" && crv === "P-256" && x !== undefined && y !== undefined,
    "a node's key is ECDSA P-256",
  );
  return crypto.subtle.importKey("jwk", { kty, crv, x, y }, ALGORITHM, true, ["verify"]);
}

/** The name of a node in its certificate. */
export function nodeUri(identity: PeerIdentity): string {
  assert(CLUSTER_ID.test(identity.clusterId), "a cluster id has only lower-case letters, digits and hyphens");
  assert(
    Number.isSafeInteger(identity.nodeId) && identity.nodeId > 0,
    "a node id is a positive whole number",
  );
  return `skerry://${identity.clusterId}/node/${identity.nodeId}`;
}

/** Positive and never zero, as RFC 5280, section 4.1.2.2, wants it. */
function serialNumber(random: Random): string {
  const bytes = random.bytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return toHex(bytes);
}
