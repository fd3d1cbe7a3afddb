/** A document from an address that a user wrote: what keeps this node from being sent to its own network, or from being kept waiting. */

import { X509Certificate } from "node:crypto";
import { type LookupAddress, lookup as systemLookup } from "node:dns";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { checkServerIdentity, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { isAddressIn, isPublicAddress } from "../access/index.ts";

const TIMEOUT_MS = 5000;
const MAX_BYTES = 256 * 1024;
/** Certificates from the server's own to the one that is known. */
const MAX_CHAIN = 8;

export interface GuardedFetchOptions {
  /** SHA-1 of certificates, in lower-case hexadecimal, one of which vouches for a server that no known authority does. */
  readonly thumbprints: readonly string[];
  /** Blocks of addresses that may be asked although they are not public. */
  readonly privateNetworks: readonly string[];
}

/** Rejects when it cannot be had within 5 s and 256 KiB, or must not be asked for. */
export async function getJson(url: URL, options: GuardedFetchOptions): Promise<unknown> {
  if (url.protocol !== "https:") throw new Error("only https is asked");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !mayAsk(host, options)) throw new Error("the address is not public");
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await get(url, host, options)));
}

function mayAsk(address: string, { privateNetworks }: GuardedFetchOptions): boolean {
  return isPublicAddress(address) || isAddressIn(address, privateNetworks);
}

function get(url: URL, host: string, options: GuardedFetchOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      agent: false,
      headers: { Accept: "application/json" },
      lookup: guardedLookup(options),
      minVersion: "TLSv1.2",
      // Who is not known to an authority may be known by a thumbprint; nothing secret is sent before that is looked at.
      rejectUnauthorized: options.thumbprints.length === 0,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    asked.on("error", reject);
    asked.on("response", (response) => {
      const socket = response.socket as TLSSocket;
      if (socket.authorized || isVouchedFor(socket, host, options.thumbprints)) {
        bodyOf(response).then(resolve, reject);
        return;
      }
      response.destroy();
      reject(new Error("nobody vouches for the server's certificate"));
    });
    asked.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`the server answered with status ${response.statusCode}`);
  }
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    sizeBytes += piece.length;
    if (sizeBytes > MAX_BYTES) throw new Error(`the document has more than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Names are looked up once, and what was found is what is asked: a name that changes its mind in between leads nowhere else. */
function guardedLookup(options: GuardedFetchOptions): LookupFunction {
  return (hostname, { all }, callback) => {
    systemLookup(hostname, { all: true }, (error, addresses: readonly LookupAddress[]) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined)
        return callback(error ?? new Error("the name has no address"), []);
      if (!addresses.every(({ address }) => mayAsk(address, options))) {
        return callback(new Error("the address is not public"), []);
      }
      return all === true ? callback(null, [...addresses]) : callback(null, first.address, first.family);
    });
  };
}

/** A known certificate is the server's own, or has signed it through others that all may sign. The chain as it was sent proves nothing by itself. */
function isVouchedFor(socket: TLSSocket, host: string, thumbprints: readonly string[]): boolean {
  const peer = socket.getPeerCertificate(true);
  if (peer.raw === undefined || checkServerIdentity(host, peer) !== undefined) return false;
  let certificate = peer;
  for (let depth = 0; depth < MAX_CHAIN; depth += 1) {
    const parsed = new X509Certificate(certificate.raw);
    if (!isInTime(parsed)) return false;
    if (thumbprints.includes(parsed.fingerprint.replaceAll(":", "").toLowerCase())) return true;
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    if (issuer?.raw === undefined || issuer === certificate) return false;
    const authority = new X509Certificate(issuer.raw);
    if (!authority.ca || !parsed.checkIssued(authority) || !parsed.verify(authority.publicKey)) return false;
    certificate = issuer;
  }
  return false;
}

function isInTime({ validFromDate, validToDate }: X509Certificate): boolean {
  const nowMs = Date.now();
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
}
