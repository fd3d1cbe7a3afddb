/** The promise: an issuer is asked over TLS that somebody vouches for, at addresses that are public or allowed, seldom, and never for long. */
import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createTestAuthority } from "../platform/testing/network-certificates.ts";
import { IssuerKeySource } from "./issuer-keys.ts";

const LOOPBACK = ["127.0.0.0/8", "::1/128"];
const RSA = { kty: "RSA", kid: "1", e: "AQAB", n: Buffer.alloc(256, 0xa5).toString("base64url") };
const warnings: string[] = [];
let server: Server;
let port: number;
let thumbprints: readonly string[];
let othersThumbprint: string;
let requests: string[];
let nowMs = 0;
let answers: Readonly<Record<string, { readonly status?: number; readonly body: string }>>;

const sha1 = (pem: string) => new X509Certificate(pem).fingerprint.replaceAll(":", "").toLowerCase();

beforeAll(async () => {
  const authority = await createTestAuthority("issuer");
  const leaf = await authority.issueLeaf({ uris: [], hosts: ["localhost"] });
  thumbprints = [sha1(authority.certificatePem)];
  othersThumbprint = sha1((await createTestAuthority("other")).certificatePem);
  const cert = `${leaf.certificatePem}\n${authority.certificatePem}`;
  server = createServer({ cert, key: leaf.privateKeyPem }, (request, response) => {
    requests.push(request.url ?? "");
    const { status = 200, body } = answers[request.url ?? ""] ?? { status: 404, body: "" };
    response.writeHead(status, { Location: "/keys" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

beforeEach(() => {
  requests = [];
  warnings.length = 0;
  answers = {
    "/realm/.well-known/openid-configuration": {
      body: JSON.stringify({
        issuer: `https://localhost:${port}/realm`,
        jwks_uri: `https://localhost:${port}/keys`,
      }),
    },
    "/keys": { body: JSON.stringify({ keys: [RSA] }) },
  };
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

function source(privateNetworks: readonly string[] = LOOPBACK): IssuerKeySource {
  return new IssuerKeySource({
    clock: { monotonicMs: () => nowMs, wallMs: Date.now },
    logger: { warn: (_: string, { error }: { error: Error }) => warnings.push(error.message) } as never,
    privateNetworks,
  });
}

const issuer = (more: object = {}) => ({ url: `localhost:${port}/realm`, thumbprints, ...more });
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => "keys",
    (error: { code: string }) => error.code,
  );

it("keys are read, kept for an hour, and read again for one that is not known, but not each time", async () => {
  const keys = source();
  const first = keys.keysOf(issuer(), "1");
  await Promise.all([first, keys.keysOf(issuer(), "1")]);
  expect((await first).map(({ keyId }) => keyId)).toEqual(["1"]);
  expect(requests).toEqual(["/realm/.well-known/openid-configuration", "/keys"]);
  for (const keyId of ["1", "2", "3", undefined]) await keys.keysOf(issuer(), keyId);
  expect(requests.length).toBe(2);
  nowMs += 60_000;
  await keys.keysOf(issuer(), "1");
  expect(requests.length).toBe(2);
  for (const keyId of ["2", "2"]) await keys.keysOf(issuer(), keyId);
  expect(requests.length).toBe(4);
  nowMs += 3_600_000;
  await keys.keysOf(issuer(), "1");
  expect(requests.length).toBe(6);
});

it("keys that are known are good while the issuer is silent, for a day", async () => {
  const keys = source();
  await keys.keysOf(issuer(), "1");
  answers = {};
  nowMs += 3_600_000;
  expect(await refusal(keys.keysOf(issuer(), "1"))).toBe("keys");
  expect(warnings).toEqual(["the server answered with status 404"]);
  nowMs += 86_400_000;
  expect(await refusal(keys.keysOf(issuer(), "1"))).toBe("issuer-unreachable");
});

it.each<[string, object, readonly string[], string]>([
  ["nobody vouches for its certificate", { thumbprints: [] }, LOOPBACK, "self-signed certificate"],
  [
    "another authority vouches for others",
    { thumbprints: ["other"] },
    LOOPBACK,
    "nobody vouches for the server's certificate",
  ],
  ["its name leads into a network that is not allowed", {}, [], "the address is not public"],
])("an issuer is not believed when %s", async (_, more, networks, reason) => {
  const given =
    "thumbprints" in more && (more.thumbprints as string[])[0] === "other"
      ? { thumbprints: [othersThumbprint] }
      : more;
  expect(await refusal(source(networks).keysOf(issuer(given), "1"))).toBe("issuer-unreachable");
  expect(warnings[0]).toContain(reason);
  expect(requests).not.toContain("/keys");
});

it("an address in the place of a name is no way around", async () => {
  for (const host of ["127.0.0.1", "[::1]", "2130706433"]) {
    const asked = source([]).keysOf({ url: `${host}:${port}/realm`, thumbprints }, "1");
    expect(await refusal(asked)).toBe("issuer-unreachable");
  }
  expect(new Set(warnings)).toEqual(new Set(["the address is not public"]));
  expect(requests).toEqual([]);
});

it("a certificate for another name is nobody's", async () => {
  const asked = source().keysOf({ url: `127.0.0.1:${port}/realm`, thumbprints }, "1");
  expect(await refusal(asked)).toBe("issuer-unreachable");
  expect(warnings).toEqual(["nobody vouches for the server's certificate"]);
});

it.each<[string, () => typeof answers, string]>([
  [
    "a redirection",
    () => ({ "/realm/.well-known/openid-configuration": { status: 302, body: "" } }),
    "status 302",
  ],
  [
    "the configuration of another",
    () => ({ "/realm/.well-known/openid-configuration": { body: '{"issuer":"https://x"}' } }),
    "of another issuer",
  ],
  [
    "keys without TLS",
    () => ({
      "/realm/.well-known/openid-configuration": {
        body: JSON.stringify({
          issuer: `https://localhost:${port}/realm`,
          jwks_uri: "http://localhost/keys",
        }),
      },
    }),
    "only https",
  ],
  ["no keys", () => ({ ...answers, "/keys": { body: '{"keys":[]}' } }), "no key that could be used"],
  ["what is no JSON", () => ({ ...answers, "/keys": { body: "<html>" } }), "JSON"],
  ["too much", () => ({ ...answers, "/keys": { body: " ".repeat(300_000) } }), "more than 262144 bytes"],
])("an answer is refused: %s", async (_, answer, reason) => {
  answers = answer();
  expect(await refusal(source().keysOf(issuer(), "1"))).toBe("issuer-unreachable");
  expect(warnings[0]).toContain(reason);
});
