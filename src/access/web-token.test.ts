/** The promise: a token counts only if its issuer signed exactly it, for one of the clients named, and now. */
import { constants, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type IssuerKey, readIssuerKeys, readWebToken, verifyWebToken } from "./web-token.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const NOW = NOW_MS / 1000;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const short = generateKeyPairSync("rsa", { modulusLength: 1024 });
const curve = generateKeyPairSync("ec", { namedCurve: "P-256" });
const curve384 = generateKeyPairSync("ec", { namedCurve: "P-384" });

const jwkOf = (key: KeyObject, more: object) => ({ ...key.export({ format: "jwk" }), ...more });
const KEYS = readIssuerKeys({
  keys: [
    jwkOf(rsa.publicKey, { kid: "rsa" }),
    jwkOf(curve.publicKey, { kid: "curve", use: "sig", alg: "ES256" }),
    jwkOf(curve384.publicKey, { kid: "curve384" }),
    jwkOf(short.publicKey, { kid: "short" }),
    jwkOf(rsa.publicKey, { kid: "only512", alg: "RS512" }),
    jwkOf(other.publicKey, { kid: "for-encryption", use: "enc" }),
    { kty: "oct", k: "c2VjcmV0", kid: "shared" },
    { kty: "EC", crv: "secp256k1", x: "AA", y: "AA", kid: "another-curve" },
    null,
    "nonsense",
  ],
})!;
const CLAIMS = { iss: "https://issuer.example", sub: "me", aud: "app", iat: NOW, exp: NOW + 300 };

function encoded(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return Buffer.from(text).toString("base64url");
}

interface Made {
  readonly alg?: string;
  readonly kid?: string | undefined;
  readonly key?: KeyObject;
  readonly header?: object;
  readonly claims?: object | string;
}

function token({
  alg = "RS256",
  kid = "rsa",
  key = rsa.privateKey,
  header = {},
  claims = {},
}: Made = {}): string {
  const body = typeof claims === "string" ? claims : { ...CLAIMS, ...claims };
  const signed = `${encoded({ alg, ...(kid !== "" && { kid }), ...header })}.${encoded(body)}`;
  const options =
    key.asymmetricKeyType === "ec"
      ? { key, dsaEncoding: "ieee-p1363" as const }
      : alg.startsWith("PS")
        ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
        : { key };
  const signature = sign(`sha${/\d+/.exec(alg)?.[0] ?? 256}`, Buffer.from(signed), options);
  return `${signed}.${signature.toString("base64url")}`;
}

function verdictOf(text: string, keys: readonly IssuerKey[] = KEYS): string {
  const read = readWebToken(text);
  if (read === undefined) return "unreadable";
  const verdict = verifyWebToken(read, { keys, clientIds: ["app", "app-2"], nowMs: NOW_MS });
  return verdict.kind === "invalid" ? verdict.reason : verdict.kind;
}

describe("a token", () => {
  it.each([
    ["RS256", {}],
    ["RS384", { alg: "RS384" }],
    ["RS512", { alg: "RS512", kid: "only512" }],
    ["PS256", { alg: "PS256" }],
    ["ES256", { alg: "ES256", kid: "curve", key: curve.privateKey }],
    ["ES384", { alg: "ES384", kid: "curve384", key: curve384.privateKey }],
    ["a list of audiences", { claims: { aud: ["x", "app-2"] } }],
    ["an authorized party", { claims: { aud: ["x"], azp: "app" } }],
    ["a clock a little off", { claims: { iat: NOW + 30, exp: NOW - 30 } }],
  ])("with %s is good", (_, made) => {
    expect(verdictOf(token(made))).toBe("valid");
  });

  it("says whom it speaks of", () => {
    const read = readWebToken(token({ claims: { azp: "app", amr: ["mfa", "pwd"] } }))!;
    expect(verifyWebToken(read, { keys: KEYS, clientIds: ["app"], nowMs: NOW_MS })).toEqual({
      kind: "valid",
      identity: { subject: "me", audiences: ["app"], authorizedParty: "app", methods: ["mfa", "pwd"] },
    });
  });

  const badSignature = "the signature does not fit the issuer's key";
  it.each([
    ["of another key", { key: other.privateKey }, badSignature],
    ["of a key that is for another algorithm", { kid: "only512" }, badSignature],
    ["whose algorithm is none", { alg: "none" }, badSignature],
    ["whose algorithm is a shared secret", { alg: "HS256" }, badSignature],
    ["of a curve that is called RSA", { kid: "curve" }, badSignature],
    ["of RSA that is called a curve", { alg: "ES256" }, badSignature],
    ["of a short key", { kid: "short", key: short.privateKey }, "unknown-key"],
    ["of a key for something else", { kid: "for-encryption", key: other.privateKey }, "unknown-key"],
    ["of a key that nobody knows", { kid: "unknown" }, "unknown-key"],
    ["of no key in particular, where there are several", { kid: "" }, "unknown-key"],
    ["with an extension that must be understood", { header: { crit: ["exp"] } }, "unreadable"],
    ["that is over", { claims: { exp: NOW - 61 } }, "expired"],
    ["that never ends", { claims: { exp: undefined } }, "exp and iat are times, and nbf if it is there"],
    ["that ends in words", { claims: { exp: "soon" } }, "exp and iat are times, and nbf if it is there"],
    ["of the future", { claims: { iat: NOW + 61 } }, "the token is not valid yet"],
    ["that is not good yet", { claims: { nbf: NOW + 61 } }, "the token is not valid yet"],
    ["of nobody", { claims: { sub: "" } }, "sub names whom the token speaks of"],
    ["for nobody", { claims: { aud: [] } }, "aud names whom the token is for"],
    ["for others", { claims: { aud: "other" } }, "Incorrect token audience"],
    ["that somebody else asked for", { claims: { azp: "other" } }, "Incorrect token audience"],
    ["that says something twice", { claims: '{"iss":"a","iss":"b"}' }, "unreadable"],
    ["without an issuer", { claims: { iss: undefined } }, "unreadable"],
    ["that is too long", { claims: { more: "x".repeat(20_000) } }, "unreadable"],
  ])("%s is not", (_, made, expected) => {
    expect(verdictOf(token(made))).toBe(expected);
  });

  it("without a key id is good where the issuer has one key", () => {
    expect(verdictOf(token({ kid: "" }), KEYS.slice(0, 1))).toBe("valid");
  });

  it("that was changed anywhere is not good", () => {
    const text = token();
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(..."AZaz09-_."), (at, character) => {
        if (text[at] === character) return;
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        const read = readWebToken(changed);
        // The last character of base64 has bits that mean nothing: another spelling of the same bytes.
        const before = readWebToken(text)!;
        const isSame =
          read !== undefined &&
          Buffer.compare(read.signature, before.signature) === 0 &&
          Buffer.compare(read.signed, before.signed) === 0;
        if (!isSame) expect(verdictOf(changed)).not.toBe("valid");
      }),
    );
    for (const nonsense of ["", ".", "..", "a.b.c", "é.é.é", "{}.{}.", `${text}.x`]) {
      expect(verdictOf(nonsense)).toBe("unreadable");
    }
  });
});

it("what is no set of keys is none", () => {
  for (const set of [undefined, null, [], {}, { keys: {} }, "keys"])
    expect(readIssuerKeys(set)).toBeUndefined();
  expect(KEYS.map(({ keyId }) => keyId)).toEqual(["rsa", "curve", "curve384", "only512"]);
});
