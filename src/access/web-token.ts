/**
 * Tokens of OpenID Connect issuers: signed JWTs in the compact form. Source: RFC 7515, 7517, 7518 and 7519; OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725
 * (best practices). Pure: keys and time are arguments.
 *
 * What a token says of its own algorithm is believed only as far as the key fits: RSA keys verify RS and PS, a curve verifies its one ES. There is
 * no "none" and no shared secret.
 */

import { fromBase64Url } from "../base/index.ts";
import { type SignatureKey, signatureKeyOfJwk, verifySignature } from "./crypto.ts";
import { isJsonObject, type JsonObject, type JsonValue, readStrictJson } from "./policy/strict-json.ts";

/** Longest token that is looked at, in characters, as in STS. */
export const MAX_WEB_TOKEN_CHARACTERS = 20_000;
/** Keys of one issuer that are looked at. */
export const MAX_ISSUER_KEYS = 100;
const MAX_KEY_ID_CHARACTERS = 256;
const MAX_CLAIM_CHARACTERS = 2048;
const MAX_AUDIENCES = 32;
/** How far the clocks of an issuer and of this node may be apart. */
const MAX_ISSUER_SKEW_MS = 60_000;

/** One public key of an issuer. */
export interface IssuerKey {
  readonly keyId: string | undefined;
  readonly key: SignatureKey;
}

/** A token as it was read: nothing of it is true yet. */
export interface UnverifiedWebToken {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly issuer: string;
  readonly claims: JsonObject;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whom a token speaks of. */
export interface WebIdentity {
  readonly subject: string;
  /** Whom the token was made for: the authorized party where the issuer names one, else the audience. */
  readonly audiences: readonly string[];
  readonly authorizedParty: string | undefined;
  readonly methods: readonly string[];
}

export type WebTokenVerdict =
  | { readonly kind: "valid"; readonly identity: WebIdentity }
  | { readonly kind: "unknown-key" }
  | { readonly kind: "expired" }
  | { readonly kind: "invalid"; readonly reason: string };

/** The usable keys of a JSON Web Key Set; others are passed over, as RFC 7517, section 5, demands. Undefined: it is no such set. */
export function readIssuerKeys(set: unknown): readonly IssuerKey[] | undefined {
  const value = set as JsonValue | undefined;
  if (!isJsonObject(value) || !Array.isArray(value.keys)) return undefined;
  const keys: IssuerKey[] = [];
  for (const jwk of (value.keys as readonly JsonValue[]).slice(0, MAX_ISSUER_KEYS)) {
    if (!isJsonObject(jwk) || (jwk.use !== undefined && jwk.use !== "sig")) continue;
    const key = signatureKeyOfJwk(jwk);
    if (key !== undefined) keys.push({ keyId: textOf(jwk.kid, MAX_KEY_ID_CHARACTERS), key });
  }
  return keys;
}

/** Undefined: it is no token of the kind that is understood. */
export function readWebToken(token: string): UnverifiedWebToken | undefined {
  if (token.length > MAX_WEB_TOKEN_CHARACTERS) return undefined;
  const parts = token.split(".");
  const [head = "", body = "", tail = ""] = parts;
  const header = jsonOf(head);
  const claims = jsonOf(body);
  const signature = fromBase64Url(tail);
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined)
    return undefined;
  // An extension that must be understood is not.
  if (header.crit !== undefined) return undefined;
  const algorithm = textOf(header.alg, MAX_KEY_ID_CHARACTERS);
  const issuer = textOf(claims.iss, MAX_CLAIM_CHARACTERS);
  if (algorithm === undefined || issuer === undefined) return undefined;
  const signed = new TextEncoder().encode(`${head}.${body}`);
  return { algorithm, keyId: textOf(header.kid, MAX_KEY_ID_CHARACTERS), issuer, claims, signed, signature };
}

export interface WebTokenExpectation {
  readonly keys: readonly IssuerKey[];
  /** One of them is whom the token must have been made for. */
  readonly clientIds: readonly string[];
  readonly nowMs: number;
}

/** The issuer is whoever the keys are of: the caller has seen to that. */
export function verifyWebToken(token: UnverifiedWebToken, expected: WebTokenExpectation): WebTokenVerdict {
  const key = keyFor(token, expected.keys);
  if (key === undefined) return { kind: "unknown-key" };
  if (!verifySignature(key.key, token.algorithm, token.signed, token.signature)) {
    return invalid("the signature does not fit the issuer's key");
  }
  return checkClaims(token.claims, expected);
}

/** A token without the name of its key is of an issuer that has one only. */
function keyFor({ keyId }: UnverifiedWebToken, keys: readonly IssuerKey[]): IssuerKey | undefined {
  if (keyId === undefined) return keys.length === 1 ? keys[0] : undefined;
  return keys.find((key) => key.keyId === keyId);
}

function checkClaims(claims: JsonObject, { clientIds, nowMs }: WebTokenExpectation): WebTokenVerdict {
  const { exp: ends, iat: issued, nbf: begins = 0 } = claims;
  if (!isTime(ends) || !isTime(issued) || !isTime(begins)) {
    return invalid("exp and iat are times, and nbf if it is there");
  }
  if (ends * 1000 + MAX_ISSUER_SKEW_MS <= nowMs) return { kind: "expired" };
  if (Math.max(issued, begins) * 1000 > nowMs + MAX_ISSUER_SKEW_MS)
    return invalid("the token is not valid yet");
  const subject = textOf(claims.sub, MAX_CLAIM_CHARACTERS);
  if (subject === undefined) return invalid("sub names whom the token speaks of");
  const audiences = textsOf(claims.aud);
  if (audiences === undefined || audiences.length === 0) return invalid("aud names whom the token is for");
  const authorizedParty = textOf(claims.azp, MAX_CLAIM_CHARACTERS);
  const madeFor = authorizedParty === undefined ? audiences : [authorizedParty];
  if (!madeFor.some((name) => clientIds.includes(name))) return invalid("Incorrect token audience");
  const methods = textsOf(claims.amr) ?? [];
  return { kind: "valid", identity: { subject, audiences: madeFor, authorizedParty, methods } };
}

function isTime(value: JsonValue | undefined): value is number {
  return typeof value === "number" && value >= 0 && value < 1e11;
}

function textsOf(value: JsonValue | undefined): readonly string[] | undefined {
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
  if (list.length > MAX_AUDIENCES) return undefined;
  const texts = list.map((item) => textOf(item, MAX_CLAIM_CHARACTERS));
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function textOf(value: JsonValue | undefined, maxCharacters: number): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= maxCharacters ? value : undefined;
}

function jsonOf(part: string): JsonObject | undefined {
  const bytes = fromBase64Url(part);
  if (bytes === undefined) return undefined;
  try {
    const value = readStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function invalid(reason: string): WebTokenVerdict {
  return { kind: "invalid", reason };
}
