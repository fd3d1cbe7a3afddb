import { describe, expect, it } from "vitest";
import { codeOf, RawGateway } from "./testing/raw-gateway.ts";
import { rawHead } from "./testing/raw-http.ts";

const gateway = RawGateway.forEachTest();

describe("callers", () => {
  it("without credentials get nothing, and do not learn what was wrong", async () => {
    const ask = (method: string, target: string) =>
      gateway
        .open()
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
    expect((await gateway.rig.store.headBucket("bkt")).name).toBe("bkt");
  });

  it("without credentials do not say what the headers of an answer are", async () => {
    for (const method of ["GET", "HEAD"]) {
      for (const target of ["/bkt/k", "/public-bkt/k"]) {
        const response = await gateway
          .open()
          .write(rawHead(method, `${target}?response-content-type=text/html`, { host: "localhost" }))
          .response({ head: method === "HEAD" });
        expect(response.status, `${method} ${target}`).toBe(400);
        expect(codeOf(response)).toBe(method === "GET" ? "InvalidRequest" : "status 400");
      }
    }
  });

  it("learn what is not implemented when they are known", async () => {
    for (const target of ["/bkt?abac", "/bkt?unknown", "/bkt?metadataTable"]) {
      expect(codeOf(await gateway.send("GET", target)), target).toBe("NotImplemented");
    }
    expect(codeOf(await gateway.send("DELETE", "/bkt?newFeature"))).toBe("NotImplemented");
    expect((await gateway.rig.store.headBucket("bkt")).name).toBe("bkt");
  });

  it("may ask for a preflight or for IAM without a key, and are told no", async () => {
    const preflight = await gateway
      .open()
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
      const answer = await gateway
        .open()
        .write(head + body)
        .response();
      return [answer.status, codeOf(answer)];
    };
    expect(await ask("Action=ListRoles&Version=2010-05-08")).toEqual([403, "MissingAuthenticationToken"]);
    expect(await ask("Action=AssumeRoleWithSAML&Version=2011-06-15")).toEqual([501, "NotImplemented"]);
  });

  it("get the headers and documents that S3 gives", async () => {
    const missing = await gateway.send("GET", "/bkt/no<such>key");
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
    const head = await gateway.send("HEAD", "/bkt/none");
    expect([head.status, head.body]).toEqual([404, ""]);
  });

  it("reach buckets by host name", async () => {
    await gateway.send("PUT", "/bkt/k", "by path");
    const got = await gateway.send("GET", "/k", "", { headers: { host: "bkt.s3.localhost:9000" } });
    expect(got.body).toBe("by path");
    expect((await gateway.send("GET", "/", "", { headers: { host: "bkt.s3.localhost" } })).body).toContain(
      "<ListBucketResult",
    );
  });

  it("send metadata in Latin-1 or UTF-8 and get Latin-1 or an encoded word", async () => {
    const utf8 = Buffer.from("日本").toString("latin1");
    // Signed as UTF-8 of the text and sent in Latin-1, as some clients do.
    const headers = { "x-amz-meta-latin": "H\u00e9", "x-amz-meta-far": utf8 };
    expect((await gateway.send("PUT", "/bkt/k", "x", { headers })).status).toBe(200);
    const got = await gateway.send("HEAD", "/bkt/k");
    expect(got.headers.get("x-amz-meta-latin")).toBe("H\u00e9");
    expect(got.headers.get("x-amz-meta-far")).toBe(`=?UTF-8?B?${Buffer.from("日本").toString("base64")}?=`);
  });

  it("ask for a range of what they know", async () => {
    const { headers: stored } = await gateway.send("PUT", "/bkt/k", "0123456789");
    const etag = stored.get("etag")!;
    const get = (ifRange: string) =>
      gateway.send("GET", "/bkt/k", "", { headers: { range: "bytes=2-3", "if-range": ifRange } });
    expect(await get(etag)).toMatchObject({ status: 206, body: "23" });
    expect(await get('"other"')).toMatchObject({ status: 200, body: "0123456789" });
    const modified = (await gateway.send("HEAD", "/bkt/k")).headers.get("last-modified")!;
    expect((await get(modified)).status).toBe(206);
    expect((await get("Thu, 01 Jan 1970 00:00:00 GMT")).status).toBe(200);
    const same = await gateway.send("GET", "/bkt/k", "", { headers: { "if-none-match": etag } });
    expect([same.status, same.headers.get("etag"), same.headers.has("last-modified")]).toEqual([
      304,
      etag,
      true,
    ]);
  });

  it("store and get nothing at all", async () => {
    expect((await gateway.send("PUT", "/bkt/empty")).status).toBe(200);
    const got = await gateway.send("GET", "/bkt/empty");
    expect([got.status, got.headers.get("content-length"), got.body]).toEqual([200, "0", ""]);
    expect((await gateway.send("GET", "/bkt/empty", "", { headers: { range: "bytes=0-1" } })).status).toBe(
      416,
    );
  });
});
