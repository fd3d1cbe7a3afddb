import { describe, expect, it } from "vitest";
import type { Principal } from "../../access/index.ts";
import { S3Refusal } from "../errors.ts";
import type { RequestHead } from "../http.ts";
import { parseTarget } from "../parse/target.ts";
import { signRequest } from "../testing/sign.ts";
import { type Authenticated, type AuthenticateOptions, authenticate } from "./authenticate.ts";
import { SigningKeys } from "./signing-keys.ts";

const principal: Principal = {
  keyId: "AKIAIOSFODNN7EXAMPLE",
  role: "writer",
  buckets: undefined,
  owner: { id: "0".repeat(64), displayName: "example" },
};
const credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const NOW_MS = Date.UTC(2013, 4, 24);
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const HOST = "examplebucket.s3.amazonaws.com";
const SCOPE = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";

function headOf(method: string, target: string, headers: Record<string, string>): RequestHead {
  return { method, target, headers: new Map(Object.entries(headers)) };
}

async function verify(
  head: RequestHead,
  options: Partial<AuthenticateOptions> = {},
): Promise<Authenticated | undefined> {
  return authenticate(head, parseTarget(head.target, head.headers.get("host") ?? "", ["s3.amazonaws.com"]), {
    credentials: {
      lookup: (id) =>
        id === principal.keyId ? { principal, secret: credentials.secretAccessKey } : undefined,
    },
    signingKeys: new SigningKeys(),
    region: "us-east-1",
    nowMs: NOW_MS,
    ...options,
  });
}

async function refusal(head: RequestHead, options: Partial<AuthenticateOptions> = {}): Promise<string> {
  try {
    await verify(head, options);
    return "accepted";
  } catch (error) {
    if (!(error instanceof S3Refusal)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

function authorization(signedHeaders: string, signature: string): string {
  return `AWS4-HMAC-SHA256 Credential=${SCOPE},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

/** Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header", examples, and "Authenticating Requests: Using Query Parameters". */
describe("AWS's published examples", () => {
  const base = { host: HOST, "x-amz-content-sha256": EMPTY, "x-amz-date": "20130524T000000Z" };
  const examples: [string, string, string, Record<string, string>, string, string][] = [
    [
      "GET Object with a range",
      "GET",
      "/test.txt",
      { ...base, range: "bytes=0-9" },
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT Object",
      "PUT",
      "/test%24file.text",
      {
        ...base,
        date: "Fri, 24 May 2013 00:00:00 GMT",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      },
      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
    [
      "GET Bucket lifecycle",
      "GET",
      "/?lifecycle",
      base,
      "host;x-amz-content-sha256;x-amz-date",
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ],
    [
      "List Objects",
      "GET",
      "/?max-keys=2&prefix=J",
      base,
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ];

  it.each(examples)("%s", async (_, method, target, headers, signedHeaders, signature) => {
    const signed = { ...headers, authorization: authorization(signedHeaders, signature) };
    expect((await verify(headOf(method, target, signed)))?.principal).toBe(principal);
    const tampered = { ...signed, authorization: authorization(signedHeaders, `0${signature.slice(1)}`) };
    expect(await refusal(headOf(method, target, tampered))).toMatch(/^SignatureDoesNotMatch/);
    expect(await refusal(headOf("POST", target, signed))).toMatch(/^SignatureDoesNotMatch/);
  });

  it("a presigned URL", async () => {
    const query = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(SCOPE)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`;
    const head = headOf("GET", `/test.txt?${query}`, { host: HOST });
    expect((await verify(head))?.payload).toEqual({ kind: "unsigned" });
    expect(await refusal(head, { nowMs: NOW_MS + 86_400_000 })).toBe("accepted");
    expect(await refusal(head, { nowMs: NOW_MS + 86_401_000 })).toBe("AccessDenied: Request has expired");
    expect(await refusal(head, { nowMs: NOW_MS - 16 * 60_000 })).toMatch(/^RequestTimeTooSkewed/);
  });
});

const request = {
  method: "GET",
  target: "/bucket/key",
  headers: { host: "localhost:9000" },
  payloadHash: "UNSIGNED-PAYLOAD",
  credentials,
  nowMs: NOW_MS,
} as const;

describe("what a signature must cover", () => {
  it("finds paths and parameters whatever their spelling", async () => {
    for (const target of [
      "/b/a%20b",
      "/b/a+b",
      "/b//x/../y/./",
      "/b/%F0%9F%98%80",
      "/b/k?versionId=null&response-content-type=a%2Fb%20c",
      "/b?prefix=%C3%A9&delimiter=%2F",
      "/b/!'()*",
      "/b/%7Etilde~",
    ]) {
      const { headers } = signRequest({ ...request, target });
      expect(await refusal(headOf("GET", target, headers)), target).toBe("accepted");
    }
  });

  it("accepts a client that signed the path as it sent it", async () => {
    const target = "/b/a%2Fb";
    const { headers } = signRequest({ ...request, target, signedPath: target });
    expect(await refusal(headOf("GET", target, headers))).toBe("accepted");
  });

  it("refuses unsigned x-amz-* headers and an unsigned host", async () => {
    const { headers } = signRequest(request);
    expect(await refusal(headOf("GET", "/bucket/key", { ...headers, "x-amz-acl": "private" }))).toBe(
      "AccessDenied: There were headers present in the request which were not signed",
    );
    const hostless = signRequest({ ...request, unsigned: ["host"] });
    expect(await refusal(headOf("GET", "/bucket/key", hostless.headers))).toMatch(/^AccessDenied/);
  });

  it("refuses a changed header, path, parameter or method", async () => {
    const { headers } = signRequest({ ...request, headers: { host: "h", "x-amz-meta-a": "1" } });
    expect(await refusal(headOf("GET", "/bucket/key", headers))).toBe("accepted");
    expect(await refusal(headOf("GET", "/bucket/key2", headers))).toMatch(/^Signature/);
    expect(await refusal(headOf("GET", "/bucket/key?acl", headers))).toMatch(/^Signature/);
    expect(await refusal(headOf("GET", "/bucket/key", { ...headers, "x-amz-meta-a": "2" }))).toMatch(
      /^Signature/,
    );
    expect(await refusal(headOf("GET", "/bucket/key", { ...headers, host: "other" }))).toMatch(/^Signature/);
  });

  it("takes header bytes as Latin-1 and as UTF-8", async () => {
    const utf8 = Buffer.from("ü").toString("latin1");
    // The signer hashes its text as UTF-8: that of a client that signs UTF-8 and sends Latin-1.
    const { headers } = signRequest({ ...request, headers: { host: "h", "x-amz-meta-a": "ü" } });
    expect(await refusal(headOf("GET", "/bucket/key", { ...headers, "x-amz-meta-a": "ü" }))).toBe("accepted");
    expect(await refusal(headOf("GET", "/bucket/key", { ...headers, "x-amz-meta-a": utf8 }))).toBe(
      "accepted",
    );
  });
});

describe("who and when", () => {
  const signed = (changes: Partial<Parameters<typeof signRequest>[0]> = {}) =>
    headOf("GET", "/bucket/key", { ...signRequest({ ...request, ...changes }).headers });

  it("a request without a signature is nobody's", async () => {
    expect(await verify(headOf("GET", "/bucket/key", { host: "h" }))).toBeUndefined();
  });

  it.each([
    [15 * 60_000, "accepted"],
    [-15 * 60_000, "accepted"],
    [15 * 60_000 + 1000, "RequestTimeTooSkewed"],
    [-15 * 60_000 - 1000, "RequestTimeTooSkewed"],
  ])("a clock that is %i ms off: %s", async (offsetMs, expected) => {
    expect(
      (
        await refusal(signed({ nowMs: NOW_MS + 12 * 3600_000 + offsetMs }), { nowMs: NOW_MS + 12 * 3600_000 })
      ).split(":")[0],
    ).toBe(expected);
  });

  it("unknown keys, wrong secrets, other regions", async () => {
    const stranger = { accessKeyId: "AKNOBODY", secretAccessKey: "x" };
    expect(await refusal(signed({ credentials: stranger }))).toMatch(/^InvalidAccessKeyId/);
    const wrong = { ...credentials, secretAccessKey: "wrong" };
    expect(await refusal(signed({ credentials: wrong }))).toMatch(/^SignatureDoesNotMatch/);
    expect(await refusal(signed({ region: "eu-west-1" }))).toBe(
      "AuthorizationHeaderMalformed: The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'us-east-1'",
    );
    expect(await refusal(signed({ region: "eu-west-1" }), { region: "any" })).toBe("accepted");
  });

  it("a secret that changed under the same key id is noticed", async () => {
    const signingKeys = new SigningKeys();
    expect(await refusal(signed(), { signingKeys })).toBe("accepted");
    const rotated = { lookup: () => ({ principal, secret: "new secret" }) };
    expect(await refusal(signed(), { signingKeys, credentials: rotated })).toMatch(/^SignatureDoesNotMatch/);
  });

  it("credentials that are looked up asynchronously", async () => {
    const slow = { lookup: () => Promise.resolve({ principal, secret: credentials.secretAccessKey }) };
    expect(await refusal(signed(), { credentials: slow })).toBe("accepted");
  });
});

describe("malformed authentication", () => {
  const good = signRequest(request).headers;
  const withAuthorization = (authorization: string) =>
    headOf("GET", "/bucket/key", { ...good, authorization });

  it.each([
    ["AWS AKID:signature", "InvalidRequest"],
    ["Basic dXNlcjpwYXNz", "AuthorizationHeaderMalformed"],
    ["AWS4-ECDSA-P256-SHA256 Credential=x", "NotImplemented"],
    ["AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"],
    ["AWS4-HMAC-SHA256 nonsense", "AuthorizationHeaderMalformed"],
    ["AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host,Signature=0", "AuthorizationHeaderMalformed"],
    [`AWS4-HMAC-SHA256 Credential=${SCOPE},SignedHeaders=host`, "AuthorizationHeaderMalformed"],
    [
      `AWS4-HMAC-SHA256 Credential=${SCOPE.replace("s3/", "iam/")},SignedHeaders=host,Signature=0`,
      "AuthorizationHeaderMalformed",
    ],
    [
      `AWS4-HMAC-SHA256 Credential=${SCOPE.replace("20130524", "20130523")},SignedHeaders=host,Signature=0`,
      "AuthorizationHeaderMalformed",
    ],
    ["", "AuthorizationHeaderMalformed"],
  ])("%s", async (authorization, code) => {
    expect((await refusal(withAuthorization(authorization))).split(":")[0]).toBe(code);
  });

  it("no or a bad date", async () => {
    for (const date of [
      undefined,
      "yesterday",
      "20131324T000000Z",
      "20130532T000000Z",
      "2013x524T000000Z",
      "20130524T246060Z",
    ]) {
      const headers: Record<string, string> = { ...good };
      delete headers["x-amz-date"];
      if (date !== undefined) headers["x-amz-date"] = date;
      expect((await refusal(headOf("GET", "/bucket/key", headers))).split(":")[0]).toBe("AccessDenied");
    }
  });

  it("no or a bad payload hash", async () => {
    const { "x-amz-content-sha256": _, ...without } = good;
    expect(await refusal(headOf("GET", "/bucket/key", without))).toBe(
      "InvalidRequest: Missing required header for this request: x-amz-content-sha256",
    );
    for (const hash of ["", "abc", "STREAMING-SOMETHING", `${EMPTY}00`]) {
      const head = headOf("GET", "/bucket/key", { ...good, "x-amz-content-sha256": hash });
      expect((await refusal(head)).split(":")[0], hash).toBe("InvalidArgument");
    }
  });

  it("session tokens, two mechanisms at once, SigV2 in the URL", async () => {
    const unsigned = headOf("GET", "/bucket/key", { ...good, "x-amz-security-token": "t" });
    expect(await refusal(unsigned)).toMatch(/^AccessDenied/);
    const nobodys = headOf("GET", "/bucket/key", { host: "h", "x-amz-security-token": "t" });
    expect(await refusal(nobodys)).toMatch(/^InvalidToken/);
    expect(await refusal(headOf("GET", "/bucket/key?X-Amz-Signature=0", { ...good }))).toMatch(
      /^InvalidArgument/,
    );
    const old = headOf("GET", "/b/k?AWSAccessKeyId=a&Signature=b&Expires=1", { host: "h" });
    expect(await refusal(old)).toMatch(/^InvalidRequest: The authorization mechanism/);
  });

  it.each([
    ["X-Amz-Expires", "0", "AccessDenied"],
    ["X-Amz-Expires", "-1", "AccessDenied"],
    ["X-Amz-Expires", "604801", "AccessDenied"],
    ["X-Amz-Expires", "soon", "AuthorizationQueryParametersError"],
    ["X-Amz-Date", "today", "AuthorizationQueryParametersError"],
    ["X-Amz-Credential", "nobody", "AuthorizationQueryParametersError"],
    ["X-Amz-Algorithm", "NONE", "AuthorizationQueryParametersError"],
    ["X-Amz-SignedHeaders", "", "AuthorizationQueryParametersError"],
  ])("presigned with %s=%s: %s", async (name, value, code) => {
    const parameters = new URLSearchParams({
      "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
      "X-Amz-Credential": SCOPE,
      "X-Amz-Date": "20130524T000000Z",
      "X-Amz-Expires": "60",
      "X-Amz-SignedHeaders": "host",
      "X-Amz-Signature": "0",
    });
    parameters.set(name, value);
    const head = headOf("GET", `/b/k?${parameters}`, { host: HOST });
    expect((await refusal(head)).split(":")[0]).toBe(code);
  });
});
