/**
 * TLS between nodes: who may be at the other end, and how that is proved.
 *
 * Every node has a certificate of the cluster's own CA whose URI SAN is `skerry://<clusterId>/node/<nodeId>`. Addresses and host names prove
 * nothing and are not looked at. A node that has no certificate yet pins the CA by its SHA-256 fingerprint instead: the listener sends the CA
 * certificate along with its own.
 */

import { constants, createPrivateKey, X509Certificate } from "node:crypto";
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import type { PeerIdentity, SocketAddress, StreamError } from "../ports.ts";

/** Certificates and keys of a node, PEM. `caCertificatePem` may hold several CAs while one replaces another. */
export interface NodeCredentials {
  readonly caCertificatePem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** AES-128-GCM first: about 8 % less work for each byte than AES-256-GCM, on machines with AES instructions. */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
].join(":");

const NODE_URI = /^skerry:\/\/([A-Za-z0-9._-]{1,128})\/node\/([1-9][0-9]{0,15})$/;
const URI_PREFIX = "URI:";
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The most certificates of a peer's chain that are looked at. */
const MAX_CHAIN_LENGTH = 8;

/** The URI that names a node in its certificate. */
export function nodeUri(identity: PeerIdentity): string {
  return `skerry://${identity.clusterId}/node/${identity.nodeId}`;
}

/**
 * The node that a certificate names, from its subject alternative names as Node writes them ("DNS:a, URI:b"); undefined unless there is
 * exactly one Skerry URI. Names with special characters are quoted by Node and so never match.
 */
export function identityOfNames(subjectAltName: string | undefined): PeerIdentity | undefined {
  const uris = (subjectAltName ?? "")
    .split(", ")
    .filter((name) => name.startsWith(`${URI_PREFIX}skerry:`))
    .map((name) => NODE_URI.exec(name.slice(URI_PREFIX.length)));
  const match = uris.length === 1 ? uris[0] : undefined;
  if (match === null || match === undefined) return undefined;
  const nodeId = Number(match[2]);
  return Number.isSafeInteger(nodeId) ? { clusterId: match[1]!, nodeId } : undefined;
}

/** Throws unless the certificate is of the CA, of this key and names this node: a wrong configuration must not look like a network fault. */
export function checkCredentials(credentials: NodeCredentials, identity: PeerIdentity): void {
  const certificate = new X509Certificate(credentials.certificatePem);
  if (!certificate.checkPrivateKey(createPrivateKey(credentials.privateKeyPem))) {
    throw new Error("the node's private key does not belong to its certificate");
  }
  const named = identityOfNames(certificate.subjectAltName);
  if (named === undefined || nodeUri(named) !== nodeUri(identity)) {
    throw new Error(`the node's certificate does not name ${nodeUri(identity)}`);
  }
  if (!isIssuedBy(certificate, certificatesOf(credentials.caCertificatePem))) {
    throw new Error("the node's certificate is not one of the cluster's CA");
  }
}

/** Options of both ends that do not depend on who is at the other. */
function commonOptions(): {
  readonly minVersion: "TLSv1.2";
  readonly ciphers: string;
  readonly honorCipherOrder: true;
  readonly ALPNProtocols: string[];
} {
  return { minVersion: "TLSv1.2", ciphers: CIPHERS, honorCipherOrder: true, ALPNProtocols: ["h2"] };
}

/**
 * Options of a listener. The handshake asks for a client certificate but succeeds without: a joining node has none. What such a peer may
 * call is decided for each stream, see `peerOf`.
 */
export function serverTlsOptions(credentials: NodeCredentials) {
  return {
    ...commonOptions(),
    key: credentials.privateKeyPem,
    // With the CA, so that a joining node finds it there.
    cert: `${credentials.certificatePem.trim()}\n${credentials.caCertificatePem.trim()}\n`,
    ca: credentials.caCertificatePem,
    requestCert: true,
    rejectUnauthorized: false,
    // A resumed session would not show its certificate again to a listener whose CA has changed meanwhile.
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}

/** Who opened a connection to a listener. */
export type Caller =
  | { readonly kind: "node"; readonly identity: PeerIdentity }
  | { readonly kind: "anonymous" }
  /** There is a certificate, but not one that opens anything. `isOfCa`: though one of the cluster's CA, as of a node whose time is over. */
  | { readonly kind: "refused"; readonly isOfCa: boolean; readonly error: StreamError };

/** Judges the client certificate of an accepted connection, for a listener of `clusterId` that trusts the CAs of `caCertificatePem`. */
export function callerOf(socket: TLSSocket, clusterId: string, caCertificatePem: string): Caller {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { kind: "anonymous" };
  const isOfCa = isIssuedBy(certificate, certificatesOf(caCertificatePem));
  const refused = (code: StreamError["code"], message: string): Caller => ({
    kind: "refused",
    isOfCa,
    error: { code, message },
  });
  // OpenSSL's verdict covers dates, usage and chain; the signature is checked again here because the verdict on a resumed session is an old one.
  const dates = socket.authorized
    ? undefined
    : whyNotNow("the client certificate", String(socket.authorizationError));
  if (dates !== undefined) return refused("unauthenticated", dates);
  if (!socket.authorized || !isOfCa) {
    return refused("unauthenticated", "the client certificate is not one of this cluster's CA");
  }
  const identity = identityOfNames(certificate.subjectAltName);
  if (identity === undefined) return refused("permission_denied", "the client certificate names no node");
  if (identity.clusterId !== clusterId)
    return refused("permission_denied", "the caller is of another cluster");
  return { kind: "node", identity };
}

/** OpenSSL's verdicts on dates, as Node names them. */
const DATE_ERRORS: ReadonlyMap<string, string> = new Map([
  ["CERT_NOT_YET_VALID", "not valid yet"],
  ["CERT_HAS_EXPIRED", "over"],
]);

/** The words for a certificate that is refused for its dates; undefined: OpenSSL's `code` says something else. */
export function whyNotNow(whose: string, code: string): string | undefined {
  const verdict = DATE_ERRORS.get(code);
  if (verdict === undefined) return undefined;
  return `${whose} is ${verdict} by the clock of this machine (${new Date().toISOString()}): check the clocks of both`;
}

/** Whom a dialled connection must reach. */
export interface WantedPeer {
  readonly clusterId: string | undefined;
  readonly nodeId: number | undefined;
}

/** The other end is not who was dialled, or cannot prove it. Trying again soon helps only if somebody changes something. */
export class PeerIdentityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PeerIdentityError";
  }
}

/** Options of a dialled connection, without a client certificate when there are no credentials. */
export function clientTlsOptions(
  address: SocketAddress,
  caCertificatePem: string,
  wanted: WantedPeer,
  credentials: NodeCredentials | undefined,
) {
  return {
    ...commonOptions(),
    host: address.host,
    port: address.port,
    ca: caCertificatePem,
    ...(credentials === undefined
      ? {}
      : { cert: credentials.certificatePem, key: credentials.privateKeyPem }),
    rejectUnauthorized: true,
    checkServerIdentity: (_host: string, certificate: { readonly subjectaltname?: string }) =>
      refusalOf(identityOfNames(certificate.subjectaltname), wanted),
  };
}

function refusalOf(identity: PeerIdentity | undefined, wanted: WantedPeer): Error | undefined {
  if (identity === undefined) return new PeerIdentityError("the peer's certificate names no node");
  if (wanted.clusterId !== undefined && identity.clusterId !== wanted.clusterId) {
    return new PeerIdentityError("the peer is of another cluster");
  }
  if (wanted.nodeId !== undefined && identity.nodeId !== wanted.nodeId) {
    return new PeerIdentityError(`the peer is node ${identity.nodeId}, not node ${wanted.nodeId}`);
  }
  return undefined;
}

/**
 * Asks a listener for its chain and picks the CA certificate with this SHA-256 fingerprint (64 hexadecimal digits, colons allowed). Nothing
 * is proved by this connection; the next one is made with that CA as the only trusted one. Resolves with the certificate, PEM.
 */
export async function fetchPinnedCa(
  address: SocketAddress,
  fingerprintSha256: string,
  timeoutMs: number,
): Promise<string> {
  const wanted = normalFingerprint(fingerprintSha256);
  const socket = connectTls({
    ...commonOptions(),
    host: address.host,
    port: address.port,
    rejectUnauthorized: false,
  });
  try {
    await secured(socket, timeoutMs);
    for (const certificate of chainOf(socket)) {
      if (normalFingerprint(certificate.fingerprint256) === wanted && certificate.ca)
        return certificate.toString();
    }
    throw new PeerIdentityError("the peer does not present the CA that the fingerprint names");
  } finally {
    socket.destroy();
  }
}

/** Resolves when the TLS handshake is done and HTTP/2 agreed on; rejects, with the socket destroyed, when not within `timeoutMs`. */
export async function secured(socket: TLSSocket, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  timer.unref();
  socket.once("secureConnect", resolve);
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the peer closed the connection during the handshake")));
  try {
    await promise;
    if (socket.alpnProtocol !== "h2") throw new Error("the peer does not speak HTTP/2");
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    socket.off("error", reject);
  }
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let current: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (current?.raw !== undefined && chain.length < MAX_CHAIN_LENGTH) {
    chain.push(new X509Certificate(current.raw));
    current = current.issuerCertificate === current ? undefined : current.issuerCertificate;
  }
  return chain;
}

function certificatesOf(pem: string): X509Certificate[] {
  return (pem.match(PEM_CERTIFICATE) ?? []).map((one) => new X509Certificate(one));
}

function isIssuedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some((ca) => ca.ca && certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
}

function normalFingerprint(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}
