import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "./auth/hmac.ts";
import { codeOf, RawGateway, sign } from "./testing/raw-gateway.ts";
import { type RawResponse, rawHead } from "./testing/raw-http.ts";
import { encodeAwsChunked } from "./testing/sign.ts";

const gateway = RawGateway.forEachTest();

describe("bodies that do not keep what the head promised store nothing", () => {
  it("a body that ends early, politely", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const connection = gateway
      .open()
      .write(rawHead("PUT", "/bkt/k", headers))
      .write("12345");
    connection.socket.end();
    const response = await connection.response();
    expect([response.status, codeOf(response)]).toEqual([400, "IncompleteBody"]);
    await connection.closed();
    expect(await gateway.stored("k")).toBe(false);
    await gateway.expectHealthy();
  });

  it("a body that ends early, with a crash", async () => {
    const { headers } = sign("PUT", "/bkt/k", { headers: { "content-length": "10" } });
    const connection = gateway.open().write(rawHead("PUT", "/bkt/k", headers));
    await new Promise<void>((resolve) => {
      connection.socket.write("12345", () => resolve());
    });
    connection.socket.resetAndDestroy();
    await expect.poll(() => gateway.rig.events.length).toBe(1);
    expect(gateway.rig.events[0]).toMatchObject({
      operation: "PutObject",
      errorCode: "IncompleteBody",
      completed: false,
    });
    expect(await gateway.stored("k")).toBe(false);
    await gateway.expectHealthy();
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
    expect(codeOf(await gateway.send("PUT", "/bkt/k", hello, { headers }))).toBe(code);
    expect(await gateway.stored("k")).toBe(false);
    await gateway.expectHealthy();
  });

  it("the payload hash of another body", async () => {
    const response = await gateway.send("PUT", "/bkt/k", "hello", { payloadHash: sha256Hex("jello") });
    expect(codeOf(response)).toBe("XAmzContentSHA256Mismatch");
    expect(await gateway.stored("k")).toBe(false);
    expect((await gateway.send("PUT", "/bkt/k", "hello", { payloadHash: sha256Hex("hello") })).status).toBe(
      200,
    );
  });

  it("no length, a bad length, too great a length", async () => {
    const bare = sign("PUT", "/bkt/k");
    expect(
      codeOf(
        await gateway
          .open()
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
      const answer = await gateway
        .open()
        .write(rawHead("PUT", "/bkt/chunked", signed.headers))
        .write(wire)
        .response();
      return answer.status;
    };
    expect(await chunked(5)).toBe(200);
    expect((await gateway.send("GET", "/bkt/chunked")).body).toBe("xxxxx");
    expect(await chunked(1024 * 1024 + 1)).toBe(411);
    const huge = sign("PUT", "/bkt/k", { headers: { "content-length": String(5 * 1024 ** 3 + 1) } });
    expect(
      codeOf(
        await gateway
          .open()
          .write(rawHead("PUT", "/bkt/k", huge.headers))
          .response(),
      ),
    ).toBe("EntityTooLarge");
    const bad = sign("PUT", "/bkt/k", { headers: { "content-length": "five" } });
    expect(
      (
        await gateway
          .open()
          .write(rawHead("PUT", "/bkt/k", bad.headers))
          .response()
      ).status,
    ).toBe(400);
    expect(await gateway.stored("k")).toBe(false);
    await gateway.expectHealthy();
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
      return gateway
        .open()
        .write(`${head}${frames.join("")}0\r\n\r\n`)
        .response();
    }
    const head = rawHead("PUT", "/bkt/k", { ...headers, "content-length": String(wire.length) });
    return gateway
      .open()
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
    expect(await gateway.stored("k")).toBe(false);
    expect((await sendChunked(payloadHash, options)).status).toBe(200);
    expect((await sendChunked(payloadHash, { ...options, transferEncoding: true })).status).toBe(200);
    const got = await gateway.send("GET", "/bkt/k");
    expect([got.body, got.headers.get("content-encoding")]).toEqual(["hello", undefined]);
    await gateway.expectHealthy();
  });

  it("chunks without a decoded length, and a trailer nobody announced", async () => {
    const { headers } = sign("PUT", "/bkt/k", { payloadHash: payloads.signed });
    const head = rawHead("PUT", "/bkt/k", { ...headers, "content-length": "5" });
    expect(codeOf(await gateway.open().write(head).write("hello").response())).toBe("MissingContentLength");
    expect(codeOf(await sendChunked(payloads.unsigned))).toBe("InvalidRequest");
    expect(codeOf(await sendChunked(payloads.signed, { trailer }))).toBe("InvalidRequest");
    expect(await gateway.stored("k")).toBe(false);
  });
});

describe("XML bodies", () => {
  it.each([
    ["POST", "/bkt?delete", "<Delete><Object><Key>k</Key></Object>", "MalformedXML"],
    ["POST", "/bkt?delete", "<Delete/>", "MalformedXML"],
    ["POST", "/bkt?delete", "<Delete><Object><Key>k</Key><ETag/></Object></Delete>", "InvalidArgument"],
    [
      "POST",
      "/bkt?delete",
      '<Delete><Object><Key>k</Key><ETag>""</ETag></Object></Delete>',
      "PreconditionFailed",
    ],
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
    await gateway.storeDirectly("k", Buffer.alloc(0));
    expect(codeOf(await gateway.send(method, target, body))).toBe(code);
    expect(await gateway.stored("k")).toBe(true);
    await expect(gateway.rig.store.headBucket("fresh")).rejects.toThrow();
  });

  it("are verified before they are believed", async () => {
    await gateway.send("PUT", "/bkt/k", "x");
    const body = "<Delete><Object><Key>k</Key></Object></Delete>";
    const headers = { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" };
    expect(codeOf(await gateway.send("POST", "/bkt?delete", body, { headers }))).toBe("BadDigest");
    expect(codeOf(await gateway.send("POST", "/bkt?delete", body, { payloadHash: sha256Hex("") }))).toBe(
      "XAmzContentSHA256Mismatch",
    );
    expect(await gateway.stored("k")).toBe(true);
    expect((await gateway.send("POST", "/bkt?delete", body)).body).toContain(
      "<Deleted><Key>k</Key></Deleted>",
    );
  });
});
