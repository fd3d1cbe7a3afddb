/** Of the promise: rules that an operator sets for everybody hold for every way in, and bad requests read why. */
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterEach, describe, expect, it } from "vitest";
import { RateLimiter, ReplayCache, rateName, TrustedProxies } from "../access/index.ts";
import { SHARED_TABLE_SEED_BYTES } from "../base/index.ts";
import { ask as askIdentity, outcomeOf } from "./testing/query-client.ts";
import { RawConnection, rawHead } from "./testing/raw-http.ts";
import { ADMIN, type Rig, startRig, WRITER } from "./testing/rig.ts";
import { signRequest } from "./testing/sign.ts";

const SEED = new Uint8Array(SHARED_TABLE_SEED_BYTES);

let rig: Rig;
let s3: S3Client;

async function begin(options: Parameters<typeof startRig>[0]): Promise<void> {
  rig = await startRig(options);
  s3 = new S3Client({
    endpoint: rig.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: WRITER,
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  await s3.send(new CreateBucketCommand({ Bucket: "docs" }));
}

afterEach(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "ok",
    (error: Error) => error.name,
  );

describe("replays", () => {
  function guard(cache = new ReplayCache(ReplayCache.memory(100, SEED))) {
    return {
      enter: (signature: string, endsMs: number) =>
        cache.note(signature, endsMs, Date.now()) === "fresh" ? () => cache.forget(signature) : undefined,
    };
  }
  const head = (method: string, target: string, headers: Record<string, string> = {}) =>
    signRequest({
      method,
      target,
      headers: { host: new URL(rig.endpoint).host, ...headers },
      payloadHash: "UNSIGNED-PAYLOAD",
      credentials: WRITER,
      nowMs: Date.now(),
    }).headers;
  const send = async (
    method: string,
    target: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ) => {
    const { host: _, ...sent } = headers;
    const response = await fetch(`${rig.endpoint}${target}`, {
      method,
      headers: sent,
      ...(body && { body }),
    });
    return [response.status, /<Message>([^<]*)/.exec(await response.text())?.[1] ?? ""];
  };
  const REFUSED = [403, "This request was sent before."];

  it("a write that was taken is refused when it comes again, and audited as refused", async () => {
    await begin({ replays: guard() });
    const headers = head("PUT", "/docs/k");
    expect(await send("PUT", "/docs/k", headers, "1")).toEqual([200, ""]);
    expect(await send("PUT", "/docs/k", headers, "2")).toEqual(REFUSED);
    expect(rig.events.at(-1)).toMatchObject({ operation: "PutObject", errorCode: "AccessDenied", key: "k" });
    expect(await send("PUT", "/docs/k", head("PUT", "/docs/k", { "x-amz-meta-a": "b" }), "3")).toEqual([
      200,
      "",
    ]);
  });

  it("a write that came to nothing may be tried again", async () => {
    await begin({ replays: guard() });
    const headers = head("PUT", "/none/k");
    expect(await send("PUT", "/none/k", headers, "1")).toMatchObject([404, expect.any(String)]);
    await s3.send(new CreateBucketCommand({ Bucket: "none" }));
    expect(await send("PUT", "/none/k", headers, "1")).toEqual([200, ""]);
    expect(await send("PUT", "/none/k", headers, "1")).toEqual(REFUSED);
  });

  it("equal reads within a second are no replays", async () => {
    await begin({ replays: guard() });
    const headers = head("GET", "/docs?list-type=2");
    for (let time = 0; time < 3; time++)
      expect(await send("GET", "/docs?list-type=2", headers)).toEqual([200, ""]);
  });

  it("a presigned URL works once", async () => {
    await begin({ replays: guard() });
    await s3.send(new PutObjectCommand({ Bucket: "docs", Key: "k", Body: "1" }));
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: "docs", Key: "k" }), {
      expiresIn: 600,
    });
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url)).status).toBe(403);
  });
});

describe("buckets that demand If-Match", () => {
  it("create freely, and overwrite only what was seen, in every way", async () => {
    await begin({ requiresIfMatch: (bucket) => bucket === "docs" });
    await s3.send(new CreateBucketCommand({ Bucket: "other" }));
    const put = (Key: string, more: object = {}) =>
      s3.send(new PutObjectCommand({ Bucket: "docs", Key, Body: "x", ...more }));
    const { ETag } = await put("k");
    expect(await outcome(put("k"))).toBe("PreconditionFailed");
    expect(await outcome(put("k", { IfNoneMatch: '"another"' }))).not.toBe("ok");
    expect(await outcome(put("k", { IfMatch: '"another"' }))).toBe("PreconditionFailed");
    expect(await outcome(put("k", { IfMatch: ETag }))).toBe("ok");
    const copy = (Key: string) =>
      s3.send(new CopyObjectCommand({ Bucket: "docs", Key, CopySource: "docs/k" }));
    expect(await outcome(copy("new"))).toBe("ok");
    expect(await outcome(copy("new"))).toBe("PreconditionFailed");
    const upload = async (): Promise<unknown> => {
      const target = { Bucket: "docs", Key: "k" };
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand(target));
      const part = await s3.send(new UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: "y" }));
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
      return s3.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload }));
    };
    expect(await outcome(upload())).toBe("PreconditionFailed");
    const elsewhere = () => s3.send(new PutObjectCommand({ Bucket: "other", Key: "k", Body: "x" }));
    await elsewhere();
    expect(await outcome(elsewhere())).toBe("ok");
  });
});

describe("required digests", () => {
  const put = (more: object = {}) =>
    s3.send(new PutObjectCommand({ Bucket: "docs", Key: "k", Body: "hello", ...more }));
  const md5 = { ContentMD5: "XUFAKrxLKna5cZ2REBfFkg==" };

  it.each([
    ["off", {}, "ok"],
    ["any", {}, "InvalidRequest"],
    ["any", { ChecksumAlgorithm: "CRC32" }, "ok"],
    ["any", md5, "ok"],
    ["content-md5", {}, "InvalidRequest"],
    ["content-md5", { ChecksumAlgorithm: "CRC32" }, "InvalidRequest"],
    ["content-md5", md5, "ok"],
    ["content-md5", { ContentMD5: "1B2M2Y8AsgTpgAmY7PhCfg==" }, "BadDigest"],
  ] as const)("%s: %j is %s", async (requiredDigest, more, expected) => {
    await begin({ requiredDigest });
    expect(await outcome(put(more))).toBe(expected);
  });

  it("hold for parts too", async () => {
    await begin({ requiredDigest: "any" });
    const target = { Bucket: "docs", Key: "k" };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(target));
    const part = { ...target, UploadId, PartNumber: 1, Body: "hello" };
    expect(await outcome(s3.send(new UploadPartCommand(part)))).toBe("InvalidRequest");
    expect(await outcome(s3.send(new UploadPartCommand({ ...part, ...md5 })))).toBe("ok");
  });
});

describe("behind proxies", () => {
  it("the client is who a trusted proxy says, and nobody else's word counts", async () => {
    await begin({ trustedProxies: new TrustedProxies(["127.0.0.0/8", "::1"]) });
    const forwarded = { "x-forwarded-for": "203.0.113.1, 198.51.100.7", "x-forwarded-proto": "https" };
    await fetch(`${rig.endpoint}/`, { headers: forwarded });
    expect(rig.events.at(-1)?.remoteAddress).toBe("198.51.100.7");
    s3.destroy();
    await rig.close();
    await begin({ trustedProxies: new TrustedProxies(["192.0.2.0/24"]) });
    await fetch(`${rig.endpoint}/`, { headers: forwarded });
    expect(rig.events.at(-1)?.remoteAddress).toBe("127.0.0.1");
  });

  it("a customer's key is taken where the proxy says that the client uses TLS", async () => {
    await begin({ trustedProxies: new TrustedProxies(["127.0.0.0/8"]) });
    const put = async (proto: string): Promise<number> => {
      const target = "/docs/k";
      const { headers } = signRequest({
        method: "PUT",
        target,
        headers: {
          host: new URL(rig.endpoint).host,
          "x-amz-server-side-encryption-customer-algorithm": "AES256",
          "x-amz-server-side-encryption-customer-key": Buffer.alloc(32, 1).toString("base64"),
          "x-amz-server-side-encryption-customer-key-md5": "4Funlf7OsLF0HL+vKU+fkg==",
        },
        payloadHash: "UNSIGNED-PAYLOAD",
        credentials: ADMIN,
        nowMs: Date.now(),
      });
      const { host: _, ...sent } = headers;
      const forwarded = { "x-forwarded-proto": proto, "x-forwarded-for": "198.51.100.7" };
      const response = await fetch(`${rig.endpoint}${target}`, {
        method: "PUT",
        headers: { ...sent, ...forwarded },
        body: "x",
      });
      return response.status;
    };
    expect(await put("http")).toBe(400);
    expect(await put("https")).toBe(200);
  });
});

describe("requests a second", () => {
  let nowMs = 0;
  const limits = () => {
    const requests = new RateLimiter({ perSecond: 2, burst: 3 }, RateLimiter.memory(10, SEED));
    return {
      take: (principal: Parameters<typeof rateName>[0], source: string) =>
        requests.take(rateName(principal, source), nowMs),
      enter: () => () => {},
      failedAuthentication: () => ({ kind: "allow" }) as const,
    };
  };

  it("are limited by key, on S3 and IAM together, and the client is told when to come back", async () => {
    await begin({ limits: limits() });
    const read = () => outcome(s3.send(new GetObjectCommand({ Bucket: "docs", Key: "k" })));
    // The bucket was made with the first of three.
    expect([await read(), await read(), await read()]).toEqual(["NoSuchKey", "NoSuchKey", "SlowDown"]);
    const who = await askIdentity(rig, { caller: WRITER, action: "GetCallerIdentity" });
    expect([outcomeOf(who), who.headers.get("retry-after")]).toEqual(["SlowDown", "1"]);
    const other = await askIdentity(rig, { caller: ADMIN, action: "GetCallerIdentity" });
    expect(outcomeOf(other)).toBe("ok");
    nowMs += 500;
    expect([await read(), await read()]).toEqual(["NoSuchKey", "SlowDown"]);
  });

  it("of visitors are limited by source, and a page is one of them however many objects it takes", async () => {
    await begin({ limits: limits(), websiteDomains: ["localhost"] });
    const visit = async () => {
      const connection = new RawConnection(rig.address);
      const sent = connection.write(rawHead("GET", "/", { Host: "public-none.localhost" }));
      const { status } = await sent.response();
      connection.socket.destroy();
      return status;
    };
    expect([await visit(), await visit(), await visit(), await visit()]).toEqual([404, 404, 404, 503]);
  });
});
