import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Hex } from "./auth/hmac.ts";
import { RawConnection, type RawResponse, rawHead } from "./testing/raw-http.ts";
import { type Rig, startRig, WRITER } from "./testing/rig.ts";
import { encodeAwsChunked, type Signed, type SignInput, signRequest } from "./testing/sign.ts";

const OWNER = { id: "a".repeat(64), displayName: "user a" };
const UNSIGNED = "UNSIGNED-PAYLOAD";

let rig: Rig;
const connections: RawConnection[] = [];

beforeEach(async () => {
  rig = await startRig();
  await rig.store.createBucket({ bucket: "bkt", region: "us-east-1", owner: OWNER });
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.socket.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

function open(): RawConnection {
  const connection = new RawConnection(rig.address);
  connections.push(connection);
  return connection;
}

function sign(method: string, target: string, extra: Partial<SignInput> = {}): Signed {
  return signRequest({
    method,
    target,
    payloadHash: UNSIGNED,
    credentials: WRITER,
    nowMs: Date.now(),
    ...extra,
    headers: { host: "localhost", ...extra.headers },
  });
}

/** Sends one request in one piece and reads the answer. */
async function send(
  method: string,
  target: string,
  body: string | Uint8Array = "",
  extra: Partial<SignInput> & { readonly after?: Record<string, string> } = {},
): Promise<RawResponse> {
  const { after, ...input } = extra;
  const length: Record<string, string> =
    body.length > 0 || method === "PUT" ? { "content-length": String(Buffer.from(body).length) } : {};
  const { headers } = sign(method, target, { ...input, headers: { ...length, ...input.headers } });
  const connection = open().write(rawHead(method, target, { ...headers, ...after }));
  if (body.length > 0) connection.write(body);
  return connection.response({ head: method === "HEAD" });
}

function codeOf(response: RawResponse): string {
  return /<Code>(.*)<\/Code>/.exec(response.body)?.[1] ?? `status ${response.status}`;
}

async function storeDirectly(key: string, bytes: Uint8Array): Promise<void> {
  await rig.store.putObject({
    bucket: "bkt",
    key,
    body: { sizeBytes: bytes.length, bytes: Readable.from([bytes]), expected: {} },
    attributes: { contentType: "", headers: new Map(), userMetadata: new Map(), storageClass: "STANDARD" },
    owner: OWNER,
    signal: new AbortController().signal,
  });
}

async function stored(key: string): Promise<boolean> {
  return rig.store.headObject({ bucket: "bkt", key }).then(
    () => true,
    () => false,
  );
}

/** After whatever happened, the server must serve the next caller. */
async function expectHealthy(): Promise<void> {
  expect((await send("PUT", "/bkt/healthy", "fine")).status).toBe(200);
  expect((await send("GET", "/bkt/healthy")).body).toBe("fine");
}

describe("bodies that do not keep what the head promised store nothing", () => {
  it("a body that ends early, politely", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const connection = open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    connection.socket.end();
    const response = await connection.response();
    expect([response.status, codeOf(response)]).toEqual([400, "IncompleteBody"]);
    await connection.closed();
    expect(await stored("k")).toBe(false);
    await expectHealthy();
  });

  it("a body that ends early, with a crash", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const connection = open().write(rawHead("PUT", "/bkt/k", headers));
    await new Promise<void>((resolve) => {
      connection.socket.write("12345", () => resolve());
    });
    connection.socket.resetAndDestroy();
    await expect.poll(() => rig.events.length).toBe(1);
    expect(rig.events[0]).toMatchObject({
      operation: "PutObject",
      errorCode: "IncompleteBody",
      completed: false,
    });
    expect(await stored("k")).toBe(false);
    await expectHealthy();
  });

  const hello = Buffer.from("hello");
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(hello));
  const goodCrc = crc.toString("base64");

  it.each([
    ["Content-MD5", { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" }, "BadDigest"],
    ["a broken Content-MD5", { "content-md5": "nonsense" }, "InvalidDigest"],
    ["x-amz-checksum-crc32", { "x-amz-checksum-crc32": "AAAAAA==" }, "BadDigest"],
    ["a broken checksum", { "x-amz-checksum-crc32": "AAAA" }, "BadDigest"],
    ["an unknown checksum", { "x-amz-checksum-crc7": "AAAA" }, "InvalidRequest"],
    [
      "two checksums",
      { "x-amz-checksum-crc32": goodCrc, "x-amz-checksum-crc32c": "AAAAAA==" },
      "InvalidRequest",
    ],
    [
      "an announced checksum that does not come",
      { "x-amz-sdk-checksum-algorithm": "CRC32" },
      "InvalidRequest",
    ],
    [
      "another checksum than announced",
      { "x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": goodCrc },
      "InvalidRequest",
    ],
    ["a trailer without chunks", { "x-amz-trailer": "x-amz-checksum-crc32" }, "InvalidRequest"],
  ])("%s", async (_, headers, code) => {
    expect(codeOf(await send("PUT", "/bkt/k", hello, { headers }))).toBe(code);
    expect(await stored("k")).toBe(false);
    await expectHealthy();
  });

  it("the payload hash of another body", async () => {
    const response = await send("PUT", "/bkt/k", "hello", { payloadHash: sha256Hex("jello") });
    expect(codeOf(response)).toBe("XAmzContentSHA256Mismatch");
    expect(await stored("k")).toBe(false);
    expect((await send("PUT", "/bkt/k", "hello", { payloadHash: sha256Hex("hello") })).status).toBe(200);
  });

  it("no length, a bad length, too great a length", async () => {
    const bare = sign("PUT", "/bkt/k");
    expect(
      codeOf(
        await open()
          .write(rawHead("PUT", "/bkt/k", bare.headers))
          .response(),
      ),
    ).toBe("MissingContentLength");
    // Its length is known when it has come: a small one is held until then.
    const chunked = async (sizeBytes: number) => {
      const payloadHash = "UNSIGNED-PAYLOAD";
      const signed = sign("PUT", "/bkt/chunked", {
        payloadHash,
        headers: { "transfer-encoding": "chunked" },
      });
      const wire = `${sizeBytes.toString(16)}\r\n${"x".repeat(sizeBytes)}\r\n0\r\n\r\n`;
      const answer = await open()
        .write(rawHead("PUT", "/bkt/chunked", signed.headers))
        .write(wire)
        .response();
      return answer.status;
    };
    expect(await chunked(5)).toBe(200);
    expect((await send("GET", "/bkt/chunked")).body).toBe("xxxxx");
    expect(await chunked(1024 * 1024 + 1)).toBe(411);
    const huge = sign("PUT", "/bkt/k", { headers: { "content-length": String(5 * 1024 ** 3 + 1) } });
    expect(
      codeOf(
        await open()
          .write(rawHead("PUT", "/bkt/k", huge.headers))
          .response(),
      ),
    ).toBe("EntityTooLarge");
    const bad = sign("PUT", "/bkt/k", { headers: { "content-length": "five" } });
    expect(
      (
        await open()
          .write(rawHead("PUT", "/bkt/k", bad.headers))
          .response()
      ).status,
    ).toBe(400);
    expect(await stored("k")).toBe(false);
    await expectHealthy();
  });

  const payloads = {
    unsigned: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    signed: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    both: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  };

  async function sendChunked(
    payloadHash: string,
    options: {
      readonly decoded?: string;
      readonly trailer?: { name: string; value: string };
      readonly change?: (wire: string) => string;
      readonly transferEncoding?: boolean;
    } = {},
  ): Promise<RawResponse> {
    const trailer = options.trailer;
    const signedChunks = payloadHash !== payloads.unsigned;
    const base = {
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": options.decoded ?? "5",
      ...(trailer && { "x-amz-trailer": trailer.name }),
    };
    const { headers, chain } = sign("PUT", "/bkt/k", { payloadHash, headers: base });
    const encoded = encodeAwsChunked([hello], {
      ...(signedChunks && { chain }),
      ...(trailer && { trailer }),
    });
    const text = Buffer.from(encoded).toString("latin1");
    const wire = options.change?.(text) ?? text;
    if (options.transferEncoding === true) {
      const head = rawHead("PUT", "/bkt/k", { ...headers, "transfer-encoding": "chunked" });
      const half = Math.floor(wire.length / 2);
      const frames = [wire.slice(0, half), wire.slice(half)].map(
        (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
      );
      return open()
        .write(`${head}${frames.join("")}0\r\n\r\n`)
        .response();
    }
    const head = rawHead("PUT", "/bkt/k", { ...headers, "content-length": String(wire.length) });
    return open()
      .write(head + wire)
      .response();
  }

  const trailer = { name: "x-amz-checksum-crc32", value: goodCrc };

  it.each([
    ["unsigned chunks with a trailer", payloads.unsigned, trailer],
    ["signed chunks", payloads.signed, undefined],
    ["signed chunks with a trailer", payloads.both, trailer],
  ])("%s: whole they are stored, changed they are not", async (_, payloadHash, used) => {
    const options = used === undefined ? {} : { trailer: used };
    const short = await sendChunked(payloadHash, { ...options, decoded: "4" });
    expect(short.status).toBe(400);
    const long = await sendChunked(payloadHash, { ...options, decoded: "6" });
    expect(codeOf(long)).toBe("IncompleteBody");
    const cut = await sendChunked(payloadHash, {
      ...options,
      change: (wire) => wire.slice(0, wire.indexOf("\r\n0")),
    });
    expect(codeOf(cut)).toBe("IncompleteBody");
    const changed = await sendChunked(payloadHash, {
      ...options,
      change: (wire) => wire.replace("hello", "jello"),
    });
    expect(codeOf(changed)).toBe(payloadHash === payloads.unsigned ? "BadDigest" : "SignatureDoesNotMatch");
    if (used !== undefined) {
      const missing = await sendChunked(payloadHash, {
        ...options,
        change: (wire) => wire.replace(/x-amz-checksum-crc32:.*\r\n/, ""),
      });
      expect(codeOf(missing)).toBe("MalformedTrailerError");
      const wrong = await sendChunked(payloadHash, { trailer: { ...used, value: "AAAAAA==" } });
      expect(codeOf(wrong)).toBe("BadDigest");
    }
    expect(await stored("k")).toBe(false);
    expect((await sendChunked(payloadHash, options)).status).toBe(200);
    expect((await sendChunked(payloadHash, { ...options, transferEncoding: true })).status).toBe(200);
    const got = await send("GET", "/bkt/k");
    expect([got.body, got.headers.get("content-encoding")]).toEqual(["hello", undefined]);
    await expectHealthy();
  });

  it("chunks without a decoded length, and a trailer nobody announced", async () => {
    const { headers } = sign("PUT", "/bkt/k", { payloadHash: payloads.signed });
    const head = rawHead("PUT", "/bkt/k", { ...headers, "content-length": "5" });
    expect(codeOf(await open().write(head).write("hello").response())).toBe("MissingContentLength");
    expect(codeOf(await sendChunked(payloads.unsigned))).toBe("InvalidRequest");
    expect(codeOf(await sendChunked(payloads.signed, { trailer }))).toBe("InvalidRequest");
    expect(await stored("k")).toBe(false);
  });
});

describe("XML bodies", () => {
  it.each([
    ["POST", "/bkt?delete", "<Delete><Object><Key>k</Key></Object>", "MalformedXML"],
    ["POST", "/bkt?delete", "<Delete/>", "MalformedXML"],
    ["POST", "/bkt?delete", "<Delete><Object/></Delete>", "MalformedXML"],
    ["POST", "/bkt?delete", "<Delete><Object><Key>k</Key><Sure/></Object></Delete>", "MalformedXML"],
    [
      "POST",
      "/bkt?delete",
      `<Delete>${"<Object><Key>k</Key></Object>".repeat(1001)}</Delete>`,
      "MalformedXML",
    ],
    [
      "POST",
      "/bkt?delete",
      '<!DOCTYPE d [<!ENTITY x "k">]><Delete><Object><Key>&x;</Key></Object></Delete>',
      "MalformedXML",
    ],
    ["POST", "/bkt/k?uploadId=none", "<CompleteMultipartUpload/>", "MalformedXML"],
    [
      "POST",
      "/bkt/k?uploadId=none",
      "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>",
      "MalformedXML",
    ],
    [
      "POST",
      "/bkt/k?uploadId=none",
      "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>",
      "NoSuchUpload",
    ],
    [
      "PUT",
      "/fresh",
      "<CreateBucketConfiguration><LocationConstraint>mars</LocationConstraint></CreateBucketConfiguration>",
      "IllegalLocationConstraintException",
    ],
    ["PUT", "/fresh", "<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>", "NotImplemented"],
    ["PUT", "/fresh", "not xml", "MalformedXML"],
  ])("%s %s with %.60s is %s", async (method, target, body, code) => {
    await storeDirectly("k", Buffer.alloc(0));
    expect(codeOf(await send(method, target, body))).toBe(code);
    expect(await stored("k")).toBe(true);
    await expect(rig.store.headBucket("fresh")).rejects.toThrow();
  });

  it("are verified before they are believed", async () => {
    await send("PUT", "/bkt/k", "x");
    const body = "<Delete><Object><Key>k</Key></Object></Delete>";
    const headers = { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" };
    expect(codeOf(await send("POST", "/bkt?delete", body, { headers }))).toBe("BadDigest");
    expect(codeOf(await send("POST", "/bkt?delete", body, { payloadHash: sha256Hex("") }))).toBe(
      "XAmzContentSHA256Mismatch",
    );
    expect(await stored("k")).toBe(true);
    expect((await send("POST", "/bkt?delete", body)).body).toContain("<Deleted><Key>k</Key></Deleted>");
  });
});

describe("callers", () => {
  it("without credentials get nothing, and do not learn what was wrong", async () => {
    const ask = (method: string, target: string) =>
      open()
        .write(rawHead(method, target, { host: "localhost" }))
        .response();
    for (const target of [
      "/",
      "/bkt",
      "/bkt/k",
      "/nope/k",
      "/bkt?policy",
      "/bkt?unknown",
      "/bkt/k?versionId=x",
    ]) {
      const response = await ask("GET", target);
      expect([response.status, codeOf(response)], target).toEqual([403, "AccessDenied"]);
    }
    expect(codeOf(await ask("DELETE", "/bkt"))).toBe("AccessDenied");
    expect((await rig.store.headBucket("bkt")).name).toBe("bkt");
  });

  it("learn what is not implemented when they are known", async () => {
    for (const target of ["/bkt?abac", "/bkt?unknown", "/bkt?metadataTable"]) {
      expect(codeOf(await send("GET", target)), target).toBe("NotImplemented");
    }
    expect(codeOf(await send("DELETE", "/bkt?newFeature"))).toBe("NotImplemented");
    expect((await rig.store.headBucket("bkt")).name).toBe("bkt");
  });

  it("may ask for a preflight or for IAM without a key, and are told no", async () => {
    const preflight = await open()
      .write(
        rawHead("OPTIONS", "/bkt/k", {
          host: "localhost",
          origin: "http://x",
          "access-control-request-method": "PUT",
        }),
      )
      .response();
    expect([preflight.status, codeOf(preflight)]).toEqual([403, "AccessForbidden"]);
    const ask = async (body: string) => {
      const head = rawHead("POST", "/", { host: "localhost", "content-length": String(body.length) });
      const answer = await open()
        .write(head + body)
        .response();
      return [answer.status, codeOf(answer)];
    };
    expect(await ask("Action=ListRoles&Version=2010-05-08")).toEqual([403, "MissingAuthenticationToken"]);
    expect(await ask("Action=AssumeRoleWithSAML&Version=2011-06-15")).toEqual([501, "NotImplemented"]);
  });

  it("get the headers and documents that S3 gives", async () => {
    const missing = await send("GET", "/bkt/no<such>key");
    expect(missing.status).toBe(404);
    const requestId = missing.headers.get("x-amz-request-id");
    expect(requestId).toMatch(/^[0-9A-Z]{16}$/);
    expect(missing.body).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>no&lt;such&gt;key</Key><Resource>/bkt/no&lt;such&gt;key</Resource><RequestId>${requestId}</RequestId><HostId>test-node</HostId></Error>`,
    );
    expect(missing.headers.get("content-type")).toBe("application/xml");
    expect(missing.headers.get("x-amz-id-2")).toBe("test-node");
    expect(missing.headers.get("server")).toBe("Skerry");
    expect(missing.headers.has("date")).toBe(true);
    const head = await send("HEAD", "/bkt/none");
    expect([head.status, head.body]).toEqual([404, ""]);
  });

  it("reach buckets by host name", async () => {
    await send("PUT", "/bkt/k", "by path");
    const got = await send("GET", "/k", "", { headers: { host: "bkt.s3.localhost:9000" } });
    expect(got.body).toBe("by path");
    expect((await send("GET", "/", "", { headers: { host: "bkt.s3.localhost" } })).body).toContain(
      "<ListBucketResult",
    );
  });

  it("send metadata in Latin-1 or UTF-8 and get Latin-1 or an encoded word", async () => {
    const utf8 = Buffer.from("日本").toString("latin1");
    // Signed as UTF-8 of the text and sent in Latin-1, as some clients do.
    const headers = { "x-amz-meta-latin": "H\u00e9", "x-amz-meta-far": utf8 };
    expect((await send("PUT", "/bkt/k", "x", { headers })).status).toBe(200);
    const got = await send("HEAD", "/bkt/k");
    expect(got.headers.get("x-amz-meta-latin")).toBe("H\u00e9");
    expect(got.headers.get("x-amz-meta-far")).toBe(`=?UTF-8?B?${Buffer.from("日本").toString("base64")}?=`);
  });

  it("ask for a range of what they know", async () => {
    const { headers: stored } = await send("PUT", "/bkt/k", "0123456789");
    const etag = stored.get("etag")!;
    const get = (ifRange: string) =>
      send("GET", "/bkt/k", "", { headers: { range: "bytes=2-3", "if-range": ifRange } });
    expect(await get(etag)).toMatchObject({ status: 206, body: "23" });
    expect(await get('"other"')).toMatchObject({ status: 200, body: "0123456789" });
    const modified = (await send("HEAD", "/bkt/k")).headers.get("last-modified")!;
    expect((await get(modified)).status).toBe(206);
    expect((await get("Thu, 01 Jan 1970 00:00:00 GMT")).status).toBe(200);
    const same = await send("GET", "/bkt/k", "", { headers: { "if-none-match": etag } });
    expect([same.status, same.headers.get("etag"), same.headers.has("last-modified")]).toEqual([
      304,
      etag,
      true,
    ]);
  });

  it("store and get nothing at all", async () => {
    expect((await send("PUT", "/bkt/empty")).status).toBe(200);
    const got = await send("GET", "/bkt/empty");
    expect([got.status, got.headers.get("content-length"), got.body]).toEqual([200, "0", ""]);
    expect((await send("GET", "/bkt/empty", "", { headers: { range: "bytes=0-1" } })).status).toBe(416);
  });
});

describe("HTTP", () => {
  it("100 Continue comes only when the head has passed", async () => {
    const headers = { "content-length": "5", expect: "100-continue" };
    const wrong = { ...WRITER, secretAccessKey: "wrong" };
    const bad = open().write(
      rawHead("PUT", "/bkt/k", sign("PUT", "/bkt/k", { headers, credentials: wrong }).headers),
    );
    const refused = await bad.response();
    expect([refused.status, refused.headers.get("connection")]).toEqual([403, "close"]);
    await bad.closed();
    const missing = open().write(rawHead("PUT", "/none/k", sign("PUT", "/none/k", { headers }).headers));
    expect((await missing.response()).status).toBe(404);
    const good = open().write(rawHead("PUT", "/bkt/k", sign("PUT", "/bkt/k", { headers }).headers));
    expect((await good.response()).status).toBe(100);
    expect((await good.write("hello").response()).status).toBe(200);
    expect(await stored("k")).toBe(true);
  });

  it.each(["200", ""])("an expectation that is none is passed over: %j", async (expectation) => {
    const headers = { "content-length": "5", expect: expectation };
    const connection = open().write(
      rawHead("PUT", "/bkt/expected", sign("PUT", "/bkt/expected", { headers }).headers),
    );
    expect((await connection.write("hello").response()).status).toBe(200);
    expect(await stored("expected")).toBe(true);
  });

  it("a connection is used again after answers and errors", async () => {
    const connection = open();
    const wrong = { ...WRITER, secretAccessKey: "wrong" };
    const headers = { "content-length": "5" };
    for (const credentials of [WRITER, wrong, WRITER]) {
      connection
        .write(rawHead("PUT", "/bkt/k", sign("PUT", "/bkt/k", { headers, credentials }).headers))
        .write("hello");
      expect((await connection.response()).status).toBe(credentials === wrong ? 403 : 200);
    }
    connection.write(rawHead("PUT", "/none/k", sign("PUT", "/none/k", { headers }).headers)).write("hel");
    expect((await connection.response()).status).toBe(404);
    connection.write("lo").write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
    expect((await connection.response()).body).toBe("hello");
  });

  it("requests in one packet are answered in order", async () => {
    const connection = open();
    const one = rawHead(
      "PUT",
      "/bkt/p",
      sign("PUT", "/bkt/p", { headers: { "content-length": "1" } }).headers,
    );
    const two = rawHead("GET", "/bkt/p", sign("GET", "/bkt/p").headers);
    const three = rawHead("GET", "/bkt/none", sign("GET", "/bkt/none").headers);
    connection.write(`${one}1`);
    expect((await connection.response()).status).toBe(200);
    connection.write(two + three + two);
    expect((await connection.response()).body).toBe("1");
    expect((await connection.response()).status).toBe(404);
    expect((await connection.response()).body).toBe("1");
  });

  it("a client that sends a large body to a closed door sees why", async () => {
    const sizeBytes = 64 * 1024 * 1024;
    const wrong = { ...WRITER, secretAccessKey: "wrong" };
    const { headers } = sign("PUT", "/bkt/k", {
      headers: { "content-length": String(sizeBytes) },
      credentials: wrong,
    });
    const connection = open().write(rawHead("PUT", "/bkt/k", headers));
    for (let sent = 0; sent < 4; sent += 1) connection.write(Buffer.alloc(512 * 1024));
    const response = await connection.response();
    expect([response.status, codeOf(response), response.headers.get("connection")]).toEqual([
      403,
      "SignatureDoesNotMatch",
      "close",
    ]);
    connection.socket.end();
    await connection.closed();
    await expectHealthy();
  });

  it("what is not HTTP, or too much of it, is refused", async () => {
    const garbage = await open().write("HELLO\r\n\r\n").response();
    expect([garbage.status, codeOf(garbage)]).toEqual([400, "BadRequest"]);
    const long = await open()
      .write(rawHead("GET", "/bkt/k", { host: "h", "x-long": "x".repeat(40_000) }))
      .response();
    expect([long.status, codeOf(long)]).toEqual([400, "RequestHeaderSectionTooLarge"]);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-h-${index}`, "v"]));
    const crowded = await open()
      .write(rawHead("GET", "/bkt/k", { host: "h", ...many }))
      .response();
    expect([crowded.status, codeOf(crowded)]).toEqual([400, "RequestHeaderSectionTooLarge"]);
    const both = { host: "h", "content-length": "3", "transfer-encoding": "chunked" };
    expect(
      (
        await open()
          .write(rawHead("PUT", "/bkt/k", both))
          .response()
      ).status,
    ).toBe(400);
    const key = "k".repeat(1025);
    expect(codeOf(await send("PUT", `/bkt/${key}`, "x"))).toBe("KeyTooLongError");
    await expectHealthy();
  });

  it("bytes that cannot be read are an error while the head is unsent, and a cut afterwards", async () => {
    await send("PUT", "/bkt/k", "x".repeat(200_000));
    rig.store.failReadsAfterBytes = 0;
    const refused = await send("GET", "/bkt/k");
    expect([refused.status, codeOf(refused)]).toEqual([503, "ServiceUnavailable"]);
    rig.store.failReadsAfterBytes = 65_536;
    const connection = open().write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
    await connection.closed();
    expect(connection.received).toContain("Content-Length: 200000");
    expect(connection.received.length).toBeLessThan(200_000);
    expect(rig.events.at(-1)).toMatchObject({
      completed: false,
      errorCode: "ServiceUnavailable",
      status: 200,
    });
    rig.store.failReadsAfterBytes = undefined;
    await expectHealthy();
  });

  it("a client that leaves in the middle of an answer takes nobody with it", async () => {
    await send("PUT", "/bkt/k", "x".repeat(50));
    let left: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    let released = false;
    async function* slow() {
      try {
        yield Buffer.from("x".repeat(10));
        await gone;
        for (let piece = 0; piece < 4; piece += 1) yield Buffer.from("x".repeat(10));
      } finally {
        released = true;
      }
    }
    const getObject = rig.store.getObject.bind(rig.store);
    rig.store.getObject = async (request) => {
      request.signal.addEventListener("abort", () => left());
      const { held: _, ...result } = await getObject(request);
      return { ...result, body: slow() };
    };
    const connection = open().write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
    await expect.poll(() => connection.received).toContain("xxxxxxxxxx");
    connection.socket.resetAndDestroy();
    await expect.poll(() => rig.events.at(-1)).toMatchObject({ operation: "GetObject", completed: false });
    expect(released).toBe(true);
    rig.store.getObject = getObject;
    await expectHealthy();
  });

  it("an answer is as long as its head says, whatever its source gives", async () => {
    await send("PUT", "/bkt/k", "12345");
    const getObject = rig.store.getObject.bind(rig.store);
    const serve = async (...pieces: string[]): Promise<string> => {
      rig.store.getObject = async (request) => {
        const { held: _, ...result } = await getObject(request);
        const body = (async function* () {
          for (const piece of pieces) yield Buffer.from(piece);
        })();
        return { ...result, body };
      };
      const connection = open().write(rawHead("GET", "/bkt/k", sign("GET", "/bkt/k").headers));
      return connection.response().then(
        (response) => response.body,
        () => "cut before the head was out",
      );
    };
    expect(await serve("", "12", "", "345", "")).toBe("12345");
    expect(rig.unexpected.splice(0)).toEqual([]);
    expect(await serve("12")).not.toBe("12345");
    expect(String(rig.unexpected.splice(0))).toContain("shorter than its Content-Length");
    expect(await serve("1234", "56")).not.toBe("12345");
    expect(String(rig.unexpected.splice(0))).toContain("longer than its Content-Length");
    rig.store.getObject = getObject;
    await expectHealthy();
  });

  it("a guesser is told to slow down, and when to come back", async () => {
    await rig.close();
    const slow = { failedAuthentication: () => ({ kind: "limited", retryAfterMs: 1500 }) as const };
    rig = await startRig({ limits: { take: () => ({ kind: "allow" }), enter: () => undefined, ...slow } });
    const wrong = await send("GET", "/", "", { credentials: { ...WRITER, secretAccessKey: "wrong" } });
    expect([wrong.status, codeOf(wrong), wrong.headers.get("retry-after")]).toEqual([503, "SlowDown", "2"]);
    expect(codeOf(await send("GET", "/"))).toBe("SlowDown");
  });

  it("every admitted caller is released", async () => {
    await rig.close();
    let inside = 0;
    rig = await startRig({
      limits: {
        take: () => ({ kind: "allow" }),
        enter: () => {
          inside += 1;
          return () => {
            inside -= 1;
          };
        },
        failedAuthentication: () => ({ kind: "allow" }),
      },
    });
    await send("PUT", "/none/k", "x");
    await send("GET", "/");
    await send("GET", "/bkt?policy");
    await expect.poll(() => inside).toBe(0);
  });
});

describe("clients that stall", () => {
  beforeEach(async () => {
    await rig.close();
    rig = await startRig({ serverLimits: { stallTimeoutMs: 60, minProgressBytes: 1024 } });
    await rig.store.createBucket({ bucket: "bkt", region: "us-east-1", owner: OWNER });
  });

  it("while sending are told and cut off", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const connection = open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    const response = await connection.response();
    expect([response.status, codeOf(response)]).toEqual([400, "RequestTimeout"]);
    await connection.closed();
    expect(await stored("k")).toBe(false);
  });

  it("while reading are cut off", async () => {
    await storeDirectly("big", Buffer.alloc(32 * 1024 * 1024));
    const connection = open();
    connection.socket.pause();
    connection.write(rawHead("GET", "/bkt/big", sign("GET", "/bkt/big").headers));
    await expect
      .poll(() => rig.events.at(-1), { timeout: 5000 })
      .toMatchObject({ operation: "GetObject", completed: false });
  });
});

describe("shutdown", () => {
  it("finishes what is under way and takes nothing new", async () => {
    const idle = open().write(rawHead("GET", "/bkt", sign("GET", "/bkt").headers));
    expect((await idle.response()).status).toBe(200);
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const busy = open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    await expect.poll(() => rig.server.inflight).toBe(1);
    const closing = rig.server.close(5000);
    await idle.closed();
    busy.write("67890");
    const response = await busy.response();
    expect([response.status, response.headers.get("connection")]).toEqual([200, "close"]);
    await closing;
    await expect(fetch(rig.endpoint)).rejects.toThrow();
    expect(await stored("k")).toBe(true);
  });

  it("cuts what does not finish in time", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const stuck = open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    await expect.poll(() => rig.server.inflight).toBe(1);
    await rig.server.close(20);
    await stuck.closed();
    expect(await stored("k")).toBe(false);
  });
});
