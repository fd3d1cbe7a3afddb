/**
 * Of the promise: whatever comes over the wire, nothing is stored that was not asked for properly, the client is told why in S3's own words, and the
 * next caller is served.
 */
import { createHash, createHmac } from "node:crypto";
import { crc32 } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { RawConnection, type RawResponse, rawHead } from "../../src/s3/testing/raw-http.ts";
import { encodeAwsChunked, type Signed, type SignInput, signRequest } from "../../src/s3/testing/sign.ts";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { contentOf } from "../support/content.ts";

const UNSIGNED = "UNSIGNED-PAYLOAD";
const EMPTY_SHA256 = sha256("");
/** More than is ever kept in memory for one reader, so that it reaches the segments. */
const LARGE_BYTES = 300_000;
const MINUTE_MS = 60_000;

let skerry: Skerry;
const connections: RawConnection[] = [];

beforeAll(async () => {
  skerry = await startSkerry({ buckets: ["target", "kept"] });
  expect((await send("PUT", "/kept/there", "as it was")).status).toBe(200);
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.socket.destroy();
  await expectUntouched();
  await expectServing();
});

afterAll(() => skerry?.stop());

function open(): RawConnection {
  const { hostname, port } = new URL(skerry.s3Endpoint);
  const connection = new RawConnection({ host: hostname, port: Number(port) });
  connections.push(connection);
  return connection;
}

function sign(method: string, target: string, extra: Partial<SignInput> = {}): Signed {
  return signRequest({
    method,
    target,
    payloadHash: UNSIGNED,
    credentials: skerry.credentials,
    nowMs: Date.now(),
    ...extra,
    headers: { host: "localhost", ...extra.headers },
  });
}

type SendExtra = Partial<SignInput> & {
  /** Put on, or over what was signed, after signing. */
  readonly after?: Readonly<Record<string, string>>;
};

async function send(
  method: string,
  target: string,
  body: string | Uint8Array = "",
  extra: SendExtra = {},
): Promise<RawResponse> {
  const { after, ...input } = extra;
  const bytes = Buffer.from(body);
  const hasLength = bytes.length > 0 || method === "PUT" || method === "POST";
  const headers = { ...(hasLength && { "content-length": String(bytes.length) }), ...input.headers };
  const signed = sign(method, target, { ...input, headers }).headers;
  const connection = open().write(rawHead(method, target, { ...signed, ...after }));
  if (bytes.length > 0) connection.write(bytes);
  return connection.response({ head: method === "HEAD" });
}

function told(response: RawResponse): string {
  return `${response.status} ${/<Code>(.*)<\/Code>/.exec(response.body)?.[1] ?? "without a code"}`;
}

/** No object and no upload has come, none has gone, and no bucket either. */
async function expectUntouched(): Promise<void> {
  const { body: objects } = await send("GET", "/target?list-type=2");
  expect(objects).toContain("<KeyCount>0</KeyCount>");
  const { body: uploads } = await send("GET", "/target?uploads=");
  expect(uploads).toContain("<ListMultipartUploadsResult");
  expect(uploads).not.toContain("<Upload>");
  const { body: buckets } = await send("GET", "/");
  expect([...buckets.matchAll(/<Name>(.*?)<\/Name>/g)].map((match) => match[1])).toEqual(["kept", "target"]);
  expect((await send("GET", "/kept/there")).body).toBe("as it was");
}

async function expectServing(): Promise<void> {
  const body = contentOf("healthy", LARGE_BYTES).toString("base64");
  expect((await send("PUT", "/target/healthy", body)).status).toBe(200);
  expect((await send("GET", "/target/healthy")).body === body).toBe(true);
  expect((await send("DELETE", "/target/healthy")).status).toBe(204);
}

function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

function crc32Base64(bytes: Uint8Array): string {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(bytes));
  return value.toString("base64");
}

describe("a body that is not what its head says", () => {
  it.each([5, LARGE_BYTES])("ends before its length: %d bytes of more", async (sizeBytes) => {
    const length = String(sizeBytes + 1);
    const { headers } = sign("PUT", "/target/short", { headers: { "content-length": length } });
    const connection = open()
      .write(rawHead("PUT", "/target/short", headers))
      .write(Buffer.alloc(sizeBytes, 1));
    connection.socket.end();
    expect(told(await connection.response())).toBe("400 IncompleteBody");
  });

  it.each([5, LARGE_BYTES, 5_000_000])("is cut off with its connection after %d bytes", async (sizeBytes) => {
    const { headers } = sign("PUT", "/target/cut", { headers: { "content-length": String(6_000_000) } });
    const connection = open().write(rawHead("PUT", "/target/cut", headers));
    await new Promise<void>((resolve) => {
      connection.socket.write(Buffer.alloc(sizeBytes, 1), () => resolve());
    });
    connection.socket.resetAndDestroy();
  });

  it("of a part is cut off: the upload has no such part", async () => {
    const created = await send("POST", "/target/cut?uploads=");
    const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(created.body)?.[1] ?? "";
    const target = `/target/cut?partNumber=1&uploadId=${uploadId}`;
    const { headers } = sign("PUT", target, { headers: { "content-length": "6000000" } });
    const connection = open()
      .write(rawHead("PUT", target, headers))
      .write(Buffer.alloc(5_900_000, 1));
    connection.socket.end();
    expect(told(await connection.response())).toBe("400 IncompleteBody");
    const parts = await send("GET", `/target/cut?uploadId=${uploadId}`);
    expect([parts.status, parts.body.includes("<Part>")]).toEqual([200, false]);
    expect((await send("DELETE", `/target/cut?uploadId=${uploadId}`)).status).toBe(204);
  });

  const body = contentOf("body", 1000);
  it.each<[string, string, SendExtra]>([
    ["another MD5", "400 BadDigest", { headers: { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" } }],
    ["an MD5 that is none", "400 InvalidDigest", { headers: { "content-md5": "five" } }],
    ["another SHA-256", "400 XAmzContentSHA256Mismatch", { payloadHash: sha256("another") }],
    ["a SHA-256 that is none", "400 InvalidArgument", { payloadHash: "abc" }],
    ["another CRC-32", "400 BadDigest", { headers: { "x-amz-checksum-crc32": "AAAAAA==" } }],
    ["another CRC-32C", "400 BadDigest", { headers: { "x-amz-checksum-crc32c": "AAAAAA==" } }],
    ["another CRC-64", "400 BadDigest", { headers: { "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=" } }],
    [
      "another SHA-1",
      "400 BadDigest",
      { headers: { "x-amz-checksum-sha1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" } },
    ],
    ["a checksum that is none", "400 BadDigest", { headers: { "x-amz-checksum-crc32": "AAAA" } }],
    [
      "no checksum where one is announced",
      "400 InvalidRequest",
      { headers: { "x-amz-sdk-checksum-algorithm": "CRC32" } },
    ],
  ])("has %s", async (_, expected, extra) => {
    expect(told(await send("PUT", "/target/wrong", body, extra))).toBe(expected);
    // The same for one that goes to the segments.
    const large = contentOf("large body", LARGE_BYTES);
    expect(told(await send("PUT", "/target/wrong", large, extra))).toBe(expected);
  });

  it.each<[string, string, SendExtra]>([
    ["absurd", "400 EntityTooLarge", { headers: { "content-length": String(10 ** 14) } }],
    ["more than S3 allows", "400 EntityTooLarge", { headers: { "content-length": String(5 * 2 ** 30 + 1) } }],
    ["more than a number holds", "400 BadRequest", { headers: { "content-length": "9".repeat(30) } }],
    ["negative", "400 BadRequest", { headers: { "content-length": "-1" } }],
    ["a word", "400 BadRequest", { headers: { "content-length": "many" } }],
  ])("has a length that is %s", async (_, expected, extra) => {
    expect(told(await send("PUT", "/target/length", "", extra))).toBe(expected);
  });

  it("has no length", async () => {
    const { headers } = sign("PUT", "/target/length");
    expect(
      told(
        await open()
          .write(rawHead("PUT", "/target/length", headers))
          .response(),
      ),
    ).toBe("411 MissingContentLength");
  });

  it("is waited for in vain: the client learns of its wrong signature first", async () => {
    const credentials = { ...skerry.credentials, secretAccessKey: "wrong" };
    const headers = { "content-length": String(LARGE_BYTES) };
    const signed = sign("PUT", "/target/never", { headers, credentials }).headers;
    const connection = open().write(rawHead("PUT", "/target/never", signed));
    expect(told(await connection.response())).toBe("403 SignatureDoesNotMatch");
  });

  it("comes so slowly that others are served meanwhile", async () => {
    const { headers } = sign("PUT", "/target/slow", { headers: { "content-length": "4" } });
    const connection = open().write(rawHead("PUT", "/target/slow", headers));
    for (const byte of "abc") {
      connection.write(byte);
      await expectUntouched();
    }
    connection.socket.end();
    expect(told(await connection.response())).toBe("400 IncompleteBody");
  });
});

describe("a body in chunks", () => {
  const payload = contentOf("chunked", 10_000);
  const SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
  const SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
  const UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  const trailer = { name: "x-amz-checksum-crc32", value: crc32Base64(payload) };

  interface Chunked {
    readonly payloadHash: string;
    readonly decodedBytes?: number;
    readonly trailer?: { readonly name: string; readonly value: string };
    readonly change?: (wire: string) => string;
  }

  async function sendChunked(options: Chunked): Promise<RawResponse> {
    const base = {
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(options.decodedBytes ?? payload.length),
      ...(options.trailer && { "x-amz-trailer": options.trailer.name }),
    };
    const { payloadHash } = options;
    const { headers, chain } = sign("PUT", "/target/chunked", { payloadHash, headers: base });
    const encoded = encodeAwsChunked([payload.subarray(0, 9000), payload.subarray(9000)], {
      ...(payloadHash !== UNSIGNED_TRAILER && { chain }),
      ...(options.trailer && { trailer: options.trailer }),
    });
    const text = Buffer.from(encoded).toString("latin1");
    const wire = options.change?.(text) ?? text;
    const head = rawHead("PUT", "/target/chunked", { ...headers, "content-length": String(wire.length) });
    return open()
      .write(head + wire)
      .response();
  }

  const firstSignature = (wire: string) => /chunk-signature=([0-9a-f]{64})/.exec(wire)?.[1] ?? "";

  it.each<[string, string, Chunked]>([
    [
      "a wrong signature on its first chunk",
      "403 SignatureDoesNotMatch",
      { payloadHash: SIGNED, change: (wire) => wire.replace(firstSignature(wire), "0".repeat(64)) },
    ],
    [
      "other bytes than were signed, in the last chunk",
      "403 SignatureDoesNotMatch",
      {
        payloadHash: SIGNED,
        change: (wire) => {
          const at = wire.lastIndexOf("\r\n0;") - 1;
          return `${wire.slice(0, at)}${wire[at] === "x" ? "y" : "x"}${wire.slice(at + 1)}`;
        },
      },
    ],
    [
      "an unsigned chunk",
      "403 SignatureDoesNotMatch",
      { payloadHash: SIGNED, change: (wire) => wire.replace(/;chunk-signature=[0-9a-f]{64}/, "") },
    ],
    [
      "a chunk header that is none",
      "400 InvalidRequest",
      { payloadHash: SIGNED, change: (wire) => `zz;${wire}` },
    ],
    [
      "a chunk header without end",
      "400 InvalidRequest",
      { payloadHash: SIGNED, change: (wire) => `${"0".repeat(5000)}${wire}` },
    ],
    [
      "a chunk of absurd size",
      "400 InvalidRequest",
      { payloadHash: SIGNED, change: (wire) => wire.replace(/^[0-9a-f]+/, "fffffffffffff") },
    ],
    [
      "a chunk longer than it says",
      "400 InvalidRequest",
      { payloadHash: SIGNED, change: (wire) => wire.replace("\r\n", "\r\nmore") },
    ],
    [
      "no last chunk",
      "400 IncompleteBody",
      { payloadHash: SIGNED, change: (wire) => wire.slice(0, wire.lastIndexOf("0;chunk")) },
    ],
    ["more than its decoded length", "400 InvalidRequest", { payloadHash: SIGNED, decodedBytes: 9999 }],
    ["less than its decoded length", "400 IncompleteBody", { payloadHash: SIGNED, decodedBytes: 10_001 }],
    [
      "more than its decoded length, unsigned",
      "400 InvalidRequest",
      { payloadHash: UNSIGNED_TRAILER, trailer, decodedBytes: 9999 },
    ],
    [
      "less than its decoded length, unsigned",
      "400 IncompleteBody",
      { payloadHash: UNSIGNED_TRAILER, trailer, decodedBytes: 10_001 },
    ],
    [
      "another checksum in the trailer",
      "400 BadDigest",
      { payloadHash: UNSIGNED_TRAILER, trailer: { ...trailer, value: "AAAAAA==" } },
    ],
    [
      "another checksum in a signed trailer",
      "400 BadDigest",
      { payloadHash: SIGNED_TRAILER, trailer: { ...trailer, value: "AAAAAA==" } },
    ],
    [
      "a trailer that was changed after signing",
      "403 SignatureDoesNotMatch",
      { payloadHash: SIGNED_TRAILER, trailer, change: (wire) => wire.replace(trailer.value, "AAAAAA==") },
    ],
    [
      "no trailer where one is announced",
      "400 MalformedTrailerError",
      {
        payloadHash: UNSIGNED_TRAILER,
        trailer,
        change: (wire) => wire.replace(/x-amz-checksum-crc32:.*\r\n/, ""),
      },
    ],
    [
      "a trailer that nobody announced",
      "400 InvalidRequest",
      {
        payloadHash: UNSIGNED_TRAILER,
        trailer,
        change: (wire) => wire.replace("x-amz-checksum-crc32", "x-amz-checksum-crc99"),
      },
    ],
  ])("has %s", async (_, expected, options) => {
    expect(told(await sendChunked(options))).toBe(expected);
  });

  it("is stored when all of it is right", async () => {
    for (const options of [
      { payloadHash: SIGNED },
      { payloadHash: SIGNED_TRAILER, trailer },
      { payloadHash: UNSIGNED_TRAILER, trailer },
    ]) {
      expect((await sendChunked(options)).status).toBe(200);
      const got = await send("GET", "/target/chunked");
      expect(got.headers.get("content-length")).toBe(String(payload.length));
      expect((await send("DELETE", "/target/chunked")).status).toBe(204);
    }
  });
});

describe("a caller", () => {
  const wrongSecret = () => ({ ...skerry.credentials, secretAccessKey: "wrong" });
  const unknown = { accessKeyId: "NOBODYKNOWSME", secretAccessKey: "whatever" };

  it.each<[string, string, () => SendExtra]>([
    ["with a wrong secret", "403 SignatureDoesNotMatch", () => ({ credentials: wrongSecret() })],
    ["with an unknown key", "403 InvalidAccessKeyId", () => ({ credentials: unknown })],
    [
      "whose clock is 16 minutes slow",
      "403 RequestTimeTooSkewed",
      () => ({ nowMs: Date.now() - 16 * MINUTE_MS }),
    ],
    [
      "whose clock is 16 minutes fast",
      "403 RequestTimeTooSkewed",
      () => ({ nowMs: Date.now() + 16 * MINUTE_MS }),
    ],
    [
      "whose signature is not one",
      "400 AuthorizationHeaderMalformed",
      () => ({ after: { authorization: "AWS4-HMAC-SHA256 nonsense" } }),
    ],
    [
      "with a signature of an old kind",
      "400 InvalidRequest",
      () => ({ after: { authorization: "AWS key:signature" } }),
    ],
    [
      "who changes a signed header",
      "403 SignatureDoesNotMatch",
      () => ({ headers: { "x-amz-meta-a": "1" }, after: { "x-amz-meta-a": "2" } }),
    ],
    ["who signs another path", "403 SignatureDoesNotMatch", () => ({ signedPath: "/target/other" })],
  ])("%s writes nothing", async (_, expected, extra) => {
    expect(told(await send("PUT", "/target/denied", "x", extra()))).toBe(expected);
  });

  it("without any signature writes, reads and removes nothing", async () => {
    for (const [method, target] of [
      ["PUT", "/target/anonymous"],
      ["GET", "/kept/there"],
      ["DELETE", "/kept/there"],
      ["DELETE", "/target"],
      ["POST", "/kept?delete="],
    ] as const) {
      const head = rawHead(method, target, { host: "localhost", "content-length": "0" });
      expect(told(await open().write(head).response()), `${method} ${target}`).toBe("403 AccessDenied");
    }
  });

  function presigned(method: string, path: string, signedAtMs: number, seconds: number): string {
    const date = new Date(signedAtMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
    const scope = `${date.slice(0, 8)}/${skerry.region}/s3/aws4_request`;
    const { accessKeyId, secretAccessKey } = skerry.credentials;
    const query = [
      "X-Amz-Algorithm=AWS4-HMAC-SHA256",
      `X-Amz-Credential=${encodeURIComponent(`${accessKeyId}/${scope}`)}`,
      `X-Amz-Date=${date}`,
      `X-Amz-Expires=${seconds}`,
      "X-Amz-SignedHeaders=host",
    ].join("&");
    const canonical = `${method}\n${path}\n${query}\nhost:localhost\n\nhost\n${UNSIGNED}`;
    let key: string | Buffer = `AWS4${secretAccessKey}`;
    for (const part of scope.split("/")) key = hmac(key, part);
    const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString("hex");
    return `${path}?${query}&X-Amz-Signature=${signature}`;
  }

  const putBy = (url: string) =>
    open()
      .write(`${rawHead("PUT", url, { host: "localhost", "content-length": "1" })}x`)
      .response();

  it("with a signed URL may use it as long as it is valid, unchanged, and no longer", async () => {
    const now = Date.now();
    expect((await putBy(presigned("PUT", "/target/by-url", now, 60))).status).toBe(200);
    expect((await send("DELETE", "/target/by-url")).status).toBe(204);
    expect(told(await putBy(presigned("PUT", "/target/by-url", now - 61_000, 60)))).toBe("403 AccessDenied");
    expect(told(await putBy(presigned("PUT", "/target/by-url", now, 8 * 24 * 3600)))).toBe(
      "403 AccessDenied",
    );
    expect(told(await putBy(presigned("GET", "/target/by-url", now, 60)))).toBe("403 SignatureDoesNotMatch");
    const extended = presigned("PUT", "/target/by-url", now - 61_000, 60).replace(
      "Expires=60",
      "Expires=600",
    );
    expect(told(await putBy(extended))).toBe("403 SignatureDoesNotMatch");
  });
});

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

describe("an XML body", () => {
  const deletes = (inner: string) => `<Delete>${inner}</Delete>`;
  const there = "<Object><Key>there</Key></Object>";

  it.each([
    ["is not XML", "POST", "/kept?delete=", "delete everything", "400 MalformedXML"],
    ["is empty", "POST", "/kept?delete=", "", "400 MalformedXML"],
    ["ends early", "POST", "/kept?delete=", `<Delete>${there}`, "400 MalformedXML"],
    ["has another root", "POST", "/kept?delete=", `<Remove>${there}</Remove>`, "400 MalformedXML"],
    ["has unknown elements", "POST", "/kept?delete=", deletes(`${there}<All/>`), "400 MalformedXML"],
    ["names nothing", "POST", "/kept?delete=", deletes(""), "400 MalformedXML"],
    ["names 1,001 objects", "POST", "/kept?delete=", deletes(there.repeat(1001)), "400 MalformedXML"],
    [
      "has a document type",
      "POST",
      "/kept?delete=",
      `<!DOCTYPE Delete [<!ENTITY k "there">]>${deletes("<Object><Key>&k;</Key></Object>")}`,
      "400 MalformedXML",
    ],
    [
      "would read a file",
      "POST",
      "/kept?delete=",
      `<!DOCTYPE Delete [<!ENTITY k SYSTEM "file:///etc/passwd">]>${deletes("<Object><Key>&k;</Key></Object>")}`,
      "400 MalformedXML",
    ],
    [
      "is not UTF-8",
      "POST",
      "/kept?delete=",
      Buffer.from(deletes("<Object><Key>\u00ff</Key></Object>"), "latin1"),
      "400 MalformedXML",
    ],
    ["is deeply nested", "POST", "/kept?delete=", "<Delete>".repeat(10_000), "400 MalformedXML"],
    [
      "of no upload",
      "POST",
      "/target/k?uploadId=none",
      "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>",
      "404 NoSuchUpload",
    ],
    [
      "of an upload has no parts",
      "POST",
      "/target/k?uploadId=none",
      "<CompleteMultipartUpload/>",
      "400 MalformedXML",
    ],
    [
      "of an upload has a part that is no number",
      "POST",
      "/target/k?uploadId=none",
      "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>",
      "400 MalformedXML",
    ],
    ["of a bucket is not XML", "PUT", "/fresh", "not xml", "400 MalformedXML"],
    [
      "of a bucket has a document type",
      "PUT",
      "/fresh",
      "<!DOCTYPE x><CreateBucketConfiguration/>",
      "400 MalformedXML",
    ],
    ["of a bucket has another root", "PUT", "/fresh", "<Bucket/>", "400 MalformedXML"],
  ])("%s", async (_, method, target, body, expected) => {
    expect(told(await send(method, target, body))).toBe(expected);
  });

  it("that is not what was signed removes nothing", async () => {
    const body = deletes(there);
    const md5 = { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" };
    expect(told(await send("POST", "/kept?delete=", body, { headers: md5 }))).toBe("400 BadDigest");
    expect(told(await send("POST", "/kept?delete=", body, { payloadHash: EMPTY_SHA256 }))).toBe(
      "400 XAmzContentSHA256Mismatch",
    );
  });
});

describe("a request for something that is not there", () => {
  it.each([
    ["PUT", "/target?acl=", "400 MissingSecurityHeader"],
    ["GET", "/target/k?acl=", "404 NoSuchKey"],
    ["PUT", "/target/k?acl=", "404 NoSuchKey"],
    ["PUT", "/kept/there?acl=", "400 MissingSecurityHeader"],
    ["GET", "/kept/there?torrent=", "404 NoSuchKey"],
    ["GET", "/target/k?tagging=", "404 NoSuchKey"],
    ["PUT", "/target/k?tagging=", "400 MalformedXML"],
    ["DELETE", "/target/k?tagging=", "404 NoSuchKey"],
    ["GET", "/target?foo=", "501 NotImplemented"],
    ["PUT", "/target/k?foo=", "501 NotImplemented"],
    ["DELETE", "/target?foo=", "501 NotImplemented"],
    ["DELETE", "/kept/there?foo=bar", "501 NotImplemented"],
    ["GET", "/target?policy=", "404 NoSuchBucketPolicy"],
    ["PUT", "/target?policy=", "400 MalformedPolicy"],
    ["PUT", "/target?cors=", "400 MalformedXML"],
    ["PUT", "/target?publicAccessBlock=", "400 MalformedXML"],
    ["PUT", "/target?ownershipControls=", "400 MalformedXML"],
    ["DELETE", "/kept/there?versionId=nonsense", "400 InvalidArgument"],
    ["PATCH", "/target/k", "405 MethodNotAllowed"],
    ["PATCH", "/target", "405 MethodNotAllowed"],
    ["POST", "/target/k", "405 MethodNotAllowed"],
    ["DELETE", "/", "405 MethodNotAllowed"],
    ["PUT", "/", "405 MethodNotAllowed"],
    ["GET", "/target?list-type=3", "400 InvalidArgument"],
    ["GET", "/target?list-type=2&max-keys=-1", "400 InvalidArgument"],
    ["GET", "/target?list-type=2&max-keys=many", "400 InvalidArgument"],
    ["GET", "/target?list-type=2&continuation-token=nonsense", "400 InvalidArgument"],
    ["PUT", "/UPPER", "400 InvalidBucketName"],
    ["PUT", "/a..b", "400 InvalidBucketName"],
    ["PUT", "/x%20y", "400 InvalidBucketName"],
    ["PUT", "/nowhere/k", "404 NoSuchBucket"],
    ["GET", "/target/k", "404 NoSuchKey"],
    ["PUT", "/target/k?partNumber=1&uploadId=none", "404 NoSuchUpload"],
    ["PUT", "/target/k?partNumber=0&uploadId=none", "400 InvalidArgument"],
    ["PUT", "/target/k?partNumber=10001&uploadId=none", "400 InvalidArgument"],
  ])("%s %s is %s", async (method, target, expected) => {
    expect(told(await send(method, target))).toBe(expected);
  });

  it.each([
    ["a key of 1,025 bytes", `/target/${"k".repeat(1025)}`, "400 KeyTooLongError"],
    ["a key of 1,026 bytes in 342 characters", `/target/${"%E6%97%A5".repeat(342)}`, "400 KeyTooLongError"],
  ])("%s", async (_, target, expected) => {
    expect(told(await send("PUT", target, "x"))).toBe(expected);
  });

  it("a key of 1,024 bytes is not too long", async () => {
    const target = `/target/${"%E6%97%A5".repeat(341)}k`;
    expect((await send("PUT", target, "x")).status).toBe(200);
    expect((await send("GET", target)).body).toBe("x");
    expect((await send("DELETE", target)).status).toBe(204);
  });

  it.each(["%ff", "%c0%80", "%ed%a0%80", "%", "%zz", "a%2"])("a path with %s", async (path) => {
    const { headers } = sign("PUT", "/target/k", { headers: { "content-length": "1" } });
    const head = rawHead("PUT", `/target/${path}`, headers);
    expect(told(await open().write(`${head}x`).response())).toBe("400 InvalidURI");
  });

  it("129 parameters", async () => {
    const query = Array.from({ length: 129 }, (_, index) => `p${index}=`).join("&");
    const { headers } = sign("PUT", "/target/k", { headers: { "content-length": "1" } });
    const head = rawHead("PUT", `/target/k?${query}`, headers);
    expect(told(await open().write(`${head}x`).response())).toBe("400 InvalidURI");
  });

  it("a path with bytes that are not UTF-8", async () => {
    const { headers } = sign("PUT", "/target/k", { headers: { "content-length": "1" } });
    const head = rawHead("PUT", "/target/\u00ff\u00fe", headers);
    expect(told(await open().write(`${head}x`).response())).toBe("400 BadRequest");
  });

  it.each<[string, SendExtra, string]>([
    ["metadata of 2,049 bytes", { headers: { "x-amz-meta-a": "m".repeat(2048) } }, "400 MetadataTooLarge"],
    ["a storage class of its own", { headers: { "x-amz-storage-class": "GOLD" } }, "400 InvalidStorageClass"],
    [
      "encryption with a customer's key",
      { headers: { "x-amz-server-side-encryption-customer-algorithm": "AES256" } },
      "400 InvalidRequest",
    ],
    ["a tag twice", { headers: { "x-amz-tagging": "a=b&a=c" } }, "400 InvalidTag"],
    ["half a lock", { headers: { "x-amz-object-lock-mode": "GOVERNANCE" } }, "400 InvalidArgument"],
    ["a condition that does not hold", { headers: { "if-match": '"none"' } }, "404 NoSuchKey"],
  ])("a write with %s", async (_, extra, expected) => {
    expect(told(await send("PUT", "/target/k", "x", extra))).toBe(expected);
  });
});

describe("what is not a request", () => {
  it.each([
    ["words", "HELLO\r\n\r\n", "400 BadRequest"],
    ["bytes", Buffer.alloc(1000, 0xfe), "400 BadRequest"],
    ["a TLS hello", Buffer.from("16030100a5010000a10303", "hex"), "400 BadRequest"],
    [
      "a header of 40,000 bytes",
      rawHead("GET", "/kept/there", { host: "h", "x-long": "x".repeat(40_000) }),
      "400 RequestHeaderSectionTooLarge",
    ],
    [
      "300 headers",
      rawHead("GET", "/kept/there", {
        host: "h",
        ...Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-${index}`, "v"])),
      }),
      "400 RequestHeaderSectionTooLarge",
    ],
    [
      "a header with a line break",
      "GET /kept/there HTTP/1.1\r\nhost: h\r\nx-a: 1\rx\r\n\r\n",
      "400 BadRequest",
    ],
    [
      "a path of 100,000 bytes",
      rawHead("GET", `/kept/${"k".repeat(100_000)}`, { host: "h" }),
      "400 RequestHeaderSectionTooLarge",
    ],
    [
      "two lengths",
      "PUT /target/k HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
      "400 BadRequest",
    ],
    [
      "a length and chunks",
      rawHead("PUT", "/target/k", { host: "h", "content-length": "3", "transfer-encoding": "chunked" }),
      "400 BadRequest",
    ],
  ])("%s", async (_, bytes, expected) => {
    expect(told(await open().write(bytes).response())).toBe(expected);
  });

  it("a connection that says nothing, and one that stops in its head, keep nobody waiting", async () => {
    open();
    open().write("PUT /target/k HTTP/1.1\r\nhost: h\r\n");
    await expectServing();
  });
});

describe("last, whoever guesses", () => {
  it("is told to slow down, while the owner of the key is served", async () => {
    const credentials = { ...skerry.credentials, secretAccessKey: "guess" };
    const answers = new Set<string>();
    for (let guess = 0; guess < 200 && !answers.has("503 SlowDown"); guess++) {
      answers.add(told(await send("GET", "/kept/there", "", { credentials })));
    }
    expect([...answers]).toContain("503 SlowDown");
    for (const answer of answers) expect(["403 SignatureDoesNotMatch", "503 SlowDown"]).toContain(answer);
    expect((await send("GET", "/kept/there")).body).toBe("as it was");
  });
});
