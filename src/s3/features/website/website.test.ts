/** The promise: a bucket is shown as its owner described it, and of it only what everybody may read. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketWebsiteCommand,
  GetBucketWebsiteCommand,
  HeadObjectCommand,
  PutBucketCorsCommand,
  PutBucketPolicyCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  type RoutingRule,
  type S3Client,
  type WebsiteConfiguration,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { RawConnection, type RawResponse, rawHead } from "../../testing/raw-http.ts";
import { ADMIN, ALICE, BOB, READER, type Rig, startRig, WRITER } from "../../testing/rig.ts";

const Bucket = "public-site";
const DOMAIN = "web.localhost";
const PAGES: Readonly<Record<string, string>> = {
  "index.html": "home",
  "docs/index.html": "docs",
  "docs/a b+é.html": "odd",
  "error.html": "my error",
  "/double/index.html": "double",
};
let rig: Rig;
let s3: S3Client;
let anotherClient: S3Client;

const allowAll = (bucket: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` },
    ],
  });

beforeAll(async () => {
  rig = await startRig({ websiteDomains: ["Web.Localhost"] });
  s3 = clientOf(rig, ADMIN);
  anotherClient = clientOf(rig, ALICE);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: allowAll(Bucket) }));
  for (const [Key, Body] of Object.entries(PAGES)) {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: "text/html" }));
  }
  await s3.send(
    new PutObjectCommand({ Bucket, Key: "moved", Body: "never seen", WebsiteRedirectLocation: "/docs/?é=1" }),
  );
});

beforeEach(() => configure({ IndexDocument: { Suffix: "index.html" } }));

afterAll(async () => {
  s3.destroy();
  anotherClient.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

async function configure(WebsiteConfiguration: WebsiteConfiguration): Promise<void> {
  await s3.send(new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration }));
}

interface Visit {
  readonly method?: string;
  readonly bucket?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function visit(target: string, { method = "GET", bucket = Bucket, headers = {} }: Visit = {}) {
  const connection = new RawConnection(rig.address);
  try {
    const head = rawHead(method, target, { Host: `${bucket}.${DOMAIN}:80`, ...headers });
    return await connection.write(head).response({ head: method === "HEAD" });
  } finally {
    connection.socket.destroy();
  }
}

const codeOf = (response: RawResponse) => `${response.status} ${response.headers.get("x-amz-error-code")}`;
const site = (path: string) => `http://${Bucket}.${DOMAIN}:80${path}`;
const sentTo = (response: RawResponse) => `${response.status} ${response.headers.get("location")}`;
const withRule = (rule: RoutingRule): WebsiteConfiguration => ({
  IndexDocument: { Suffix: "index.html" },
  RoutingRules: [rule],
});

describe("documents", () => {
  it.each([
    ["/", "home"],
    ["/?a=b&website&versionId=nothing", "home"],
    ["/index.html", "home"],
    ["/docs/", "docs"],
    ["/docs/a%20b+%C3%A9.html", "odd"],
  ])("%s shows %s", async (target, body) => {
    const response = await visit(target);
    expect(response).toMatchObject({ status: 200, body });
    expect(response.headers.get("content-type")).toBe("text/html");
  });

  it("a directory without its slash is sent to the one with it, the query and all", async () => {
    expect(sentTo(await visit("/docs?x=%0d%0a"))).toBe(`302 ${site("/docs/?x=%0d%0a")}`);
    expect(codeOf(await visit("/nowhere"))).toBe("403 AccessDenied");
  });

  it("what a visitor writes names no other host", async () => {
    expect(sentTo(await visit("//double"))).toBe(`302 ${site("//double/")}`);
    expect(sentTo(await visit("/docs%0d%0aSet-Cookie:x=y"))).toBe("403 undefined");
  });

  it("ranges and conditions hold", async () => {
    const range = await visit("/", { headers: { Range: "bytes=1-2" } });
    expect([range.status, range.body]).toEqual([206, "om"]);
    const etag = range.headers.get("etag") ?? "";
    expect((await visit("/", { headers: { "If-None-Match": etag } })).status).toBe(304);
    expect(codeOf(await visit("/", { headers: { "If-Match": '"other"' } }))).toBe("412 PreconditionFailed");
    expect(codeOf(await visit("/", { headers: { Range: "bytes=9-" } }))).toBe("416 InvalidRange");
  });

  it("HEAD says what GET would, without bytes", async () => {
    const response = await visit("/docs/", { method: "HEAD" });
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "4"]);
    expect(codeOf(await visit("/nowhere", { method: "HEAD" }))).toBe("403 AccessDenied");
  });

  it.each(["PUT", "POST", "DELETE", "PATCH"])("%s is nothing for a website", async (method) => {
    const response = await visit("/index.html", { method, headers: { "Content-Length": "0" } });
    expect([codeOf(response), response.headers.get("allow")]).toEqual([
      "405 MethodNotAllowed",
      "GET, HEAD, OPTIONS",
    ]);
  });

  it("browsers are told of the bucket's CORS rules", async () => {
    const rule = { AllowedMethods: ["GET"], AllowedOrigins: ["https://a.example"] };
    await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }));
    const headers = { Origin: "https://a.example", "Access-Control-Request-Method": "GET" };
    expect((await visit("/", { method: "OPTIONS", headers })).status).toBe(200);
    const shown = await visit("/", { headers: { Origin: "https://a.example" } });
    expect(shown.headers.get("access-control-allow-origin")).toBe("https://a.example");
  });
});

describe("redirections", () => {
  it("of a single object", async () => {
    expect(sentTo(await visit("/moved"))).toBe("301 /docs/?%C3%A9=1");
    expect(sentTo(await visit("/moved", { method: "HEAD" }))).toBe("301 /docs/?%C3%A9=1");
    const stored = await s3.send(new HeadObjectCommand({ Bucket, Key: "moved" }));
    expect(Buffer.from(stored.WebsiteRedirectLocation ?? "", "latin1").toString()).toBe("/docs/?é=1");
  });

  it("of a copy are its own, never its source's", async () => {
    const copy = (Key: string, more: object) =>
      s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/moved`, ...more }));
    const locationOf = async (Key: string) =>
      (await s3.send(new HeadObjectCommand({ Bucket, Key }))).WebsiteRedirectLocation;
    await copy("copy-1", {});
    await copy("copy-2", { WebsiteRedirectLocation: "https://b.example/" });
    await copy("copy-3", { StorageClass: "STANDARD_IA" });
    await copy("copy-4", { StorageClass: "STANDARD_IA", WebsiteRedirectLocation: "/x" });
    await copy("copy-5", { MetadataDirective: "REPLACE", WebsiteRedirectLocation: "/y" });
    expect(await Promise.all([1, 2, 3, 4, 5].map((n) => locationOf(`copy-${n}`)))).toEqual([
      undefined,
      "https://b.example/",
      undefined,
      "/x",
      "/y",
    ]);
    const toItself = { Key: "copy-1", CopySource: `${Bucket}/copy-1`, WebsiteRedirectLocation: "/z" };
    await s3.send(new CopyObjectCommand({ Bucket, ...toItself }));
    expect(await locationOf("copy-1")).toBe("/z");
  });

  it.each(["ftp://x/", "elsewhere", "//".padEnd(2049, "x")])("to %s are refused", async (location) => {
    const put = new PutObjectCommand({ Bucket, Key: "k", WebsiteRedirectLocation: location });
    expect(await failureOf(s3.send(put))).toEqual({ name: "InvalidRedirectLocation", status: 400 });
    const begun = new CreateMultipartUploadCommand({ Bucket, Key: "k", WebsiteRedirectLocation: location });
    expect((await failureOf(s3.send(begun))).name).toBe("InvalidRedirectLocation");
  });

  it("of everything keep path and query", async () => {
    await configure({ RedirectAllRequestsTo: { HostName: "new.example:8443", Protocol: "https" } });
    expect(sentTo(await visit("/a%20b/?q=1"))).toBe("301 https://new.example:8443/a%20b/?q=1");
    await configure({ RedirectAllRequestsTo: { HostName: "new.example/under" } });
    expect(sentTo(await visit("/"))).toBe("301 http://new.example/under/");
  });

  it.each<[string, RoutingRule, string, string]>([
    [
      "a prefix replaced",
      { Condition: { KeyPrefixEquals: "docs/" }, Redirect: { ReplaceKeyPrefixWith: "documents/" } },
      "/docs/x%20y?q",
      `301 ${site("/documents/x%20y?q")}`,
    ],
    [
      "another host, protocol and status",
      {
        Condition: { KeyPrefixEquals: "docs/" },
        Redirect: { HostName: "h.example", Protocol: "https", HttpRedirectCode: "307" },
      },
      "/docs/x",
      "307 https://h.example/docs/x",
    ],
    [
      "an error",
      { Condition: { HttpErrorCodeReturnedEquals: "403" }, Redirect: { ReplaceKeyPrefixWith: "#!/" } },
      "/page?q",
      `301 ${site("/#!/page")}`,
    ],
    [
      "an error below a prefix",
      {
        Condition: { HttpErrorCodeReturnedEquals: "403", KeyPrefixEquals: "img/" },
        Redirect: { ReplaceKeyWith: "err é?.jpg" },
      },
      "/img/1",
      `301 ${site("/err%20%C3%A9?.jpg")}`,
    ],
    ["everything", { Redirect: { HostName: "h.example" } }, "/", "301 http://h.example/"],
  ])("by rule: %s", async (_, rule, target, expected) => {
    await configure(withRule(rule));
    expect(sentTo(await visit(target))).toBe(expected);
  });

  it("by rule: not what the condition does not name", async () => {
    await configure(
      withRule({ Condition: { KeyPrefixEquals: "docs/" }, Redirect: { HostName: "h.example" } }),
    );
    expect((await visit("/")).body).toBe("home");
    await configure(
      withRule({ Condition: { HttpErrorCodeReturnedEquals: "404" }, Redirect: { HostName: "h.example" } }),
    );
    expect(codeOf(await visit("/nowhere"))).toBe("403 AccessDenied");
  });
});

describe("errors", () => {
  it("are pages in which nothing of the visitor's is markup", async () => {
    const response = await visit("/%3Cscript%3E");
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.body).toContain("<h1>403 Forbidden</h1>\n<ul>\n<li>Code: AccessDenied</li>");
    expect(response.body).toContain("<li>Key: &lt;script&gt;</li>");
  });

  it("are shown as the owner's document, whole, under their own status", async () => {
    await configure({ IndexDocument: { Suffix: "index.html" }, ErrorDocument: { Key: "error.html" } });
    const response = await visit("/nowhere", { headers: { Range: "bytes=0-0" } });
    expect([codeOf(response), response.body]).toEqual(["403 AccessDenied", "my error"]);
    await configure({ IndexDocument: { Suffix: "index.html" }, ErrorDocument: { Key: "moved" } });
    expect(sentTo(await visit("/nowhere"))).toBe("301 /docs/?%C3%A9=1");
    await configure({ IndexDocument: { Suffix: "index.html" }, ErrorDocument: { Key: "missing" } });
    expect(codeOf(await visit("/nowhere"))).toBe("403 AccessDenied");
  });

  it("tell 404 where everybody may list", async () => {
    const listed = "public-listed";
    await s3.send(new CreateBucketCommand({ Bucket: listed }));
    const resources = [`arn:aws:s3:::${listed}`, `arn:aws:s3:::${listed}/*`];
    const statement = { Effect: "Allow", Principal: "*", Action: "s3:*", Resource: resources };
    const Policy = JSON.stringify({ Statement: statement });
    await s3.send(new PutBucketPolicyCommand({ Bucket: listed, Policy }));
    const WebsiteConfiguration = { IndexDocument: { Suffix: "i" } };
    await s3.send(new PutBucketWebsiteCommand({ Bucket: listed, WebsiteConfiguration }));
    expect(codeOf(await visit("/x", { bucket: listed }))).toBe("404 NoSuchKey");
  });

  it("tell what is missing", async () => {
    expect(codeOf(await visit("/", { bucket: "public-none" }))).toBe("404 NoSuchBucket");
    expect(codeOf(await visit("/", { bucket: "no_bucket!" }))).toBe("400 InvalidBucketName");
    expect(codeOf(await visit("/%ff"))).toBe("400 InvalidURI");
    await s3.send(new DeleteBucketWebsiteCommand({ Bucket }));
    expect(codeOf(await visit("/"))).toBe("404 NoSuchWebsiteConfiguration");
    const gone = s3.send(new GetBucketWebsiteCommand({ Bucket }));
    expect(await failureOf(gone)).toEqual({ name: "NoSuchWebsiteConfiguration", status: 404 });
    await s3.send(new DeleteBucketWebsiteCommand({ Bucket }));
  });
});

describe("who may look", () => {
  it("nobody, at a bucket that the configuration does not list", async () => {
    const hidden = "hidden-site";
    await s3.send(new CreateBucketCommand({ Bucket: hidden }));
    await s3.send(new PutBucketPolicyCommand({ Bucket: hidden, Policy: allowAll(hidden) }));
    await s3.send(new PutObjectCommand({ Bucket: hidden, Key: "i", Body: "secret" }));
    const WebsiteConfiguration = { IndexDocument: { Suffix: "i" }, ErrorDocument: { Key: "i" } };
    await s3.send(new PutBucketWebsiteCommand({ Bucket: hidden, WebsiteConfiguration }));
    expect(codeOf(await visit("/", { bucket: hidden }))).toBe("403 AccessDenied");
  });

  it("nobody, without a policy or while the public is blocked; a signature changes nothing", async () => {
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(codeOf(await visit("/"))).toBe("403 AccessDenied");
    const headers = { host: `${Bucket}.${DOMAIN}:80` };
    const signed = await sendRaw(rig, { method: "GET", target: "/", headers, credentials: ADMIN });
    expect(signed.status).toBe(403);
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: allowAll(Bucket) }));
    const PublicAccessBlockConfiguration = { RestrictPublicBuckets: true };
    await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
    expect(codeOf(await visit("/"))).toBe("403 AccessDenied");
    await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: {} }));
    expect((await visit("/")).body).toBe("home");
  });

  it("whom the policy's conditions name", async () => {
    const statement = {
      ...JSON.parse(allowAll(Bucket)).Statement[0],
      Condition: { StringLike: { "aws:Referer": "https://a.example/*" } },
    };
    const Policy = JSON.stringify({ Statement: [statement] });
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    expect((await visit("/")).status).toBe(403);
    expect((await visit("/", { headers: { Referer: "https://a.example/x" } })).status).toBe(200);
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: allowAll(Bucket) }));
  });

  it("and each visit is told of", async () => {
    rig.events.length = 0;
    await visit("/docs/");
    await expect
      .poll(() => rig.events.at(-1))
      .toMatchObject({
        operation: "GetObject",
        bucket: Bucket,
        key: "docs/",
        isWebsite: true,
        principalKeyId: undefined,
      });
  });
});

describe("the configuration", () => {
  it("is given back as it was put", async () => {
    const whole: WebsiteConfiguration = {
      IndexDocument: { Suffix: "index.html" },
      ErrorDocument: { Key: "errors/<é>.html" },
      RoutingRules: [
        {
          Condition: { KeyPrefixEquals: "a&b/", HttpErrorCodeReturnedEquals: "404" },
          Redirect: {
            HostName: "h.example",
            Protocol: "https",
            ReplaceKeyWith: "x",
            HttpRedirectCode: "302",
          },
        },
        { Redirect: { ReplaceKeyPrefixWith: "" } },
      ],
    };
    await configure(whole);
    expect(await s3.send(new GetBucketWebsiteCommand({ Bucket }))).toMatchObject(whole);
    const all: WebsiteConfiguration = { RedirectAllRequestsTo: { HostName: "h.example", Protocol: "http" } };
    await configure(all);
    expect(await s3.send(new GetBucketWebsiteCommand({ Bucket }))).toMatchObject(all);
  });

  const index = "<IndexDocument><Suffix>i</Suffix></IndexDocument>";
  const rule = (inside: string) =>
    `${index}<RoutingRules><RoutingRule>${inside}</RoutingRule></RoutingRules>`;
  const to = "<Redirect><HostName>h</HostName></Redirect>";
  it.each([
    ["", "InvalidArgument"],
    ["<ErrorDocument><Key>e</Key></ErrorDocument>", "InvalidArgument"],
    ["<IndexDocument/>", "InvalidArgument"],
    ["<IndexDocument><Suffix>a/b</Suffix></IndexDocument>", "InvalidArgument"],
    [`${index}<ErrorDocument><Key></Key></ErrorDocument>`, "InvalidArgument"],
    [`${index}${index}`, "MalformedXML"],
    [`${index}<Cache/>`, "MalformedXML"],
    [`${index}<RoutingRules/>`, "MalformedXML"],
    [`${index}<RedirectAllRequestsTo><HostName>h</HostName></RedirectAllRequestsTo>`, "InvalidArgument"],
    ["<RedirectAllRequestsTo/>", "MalformedXML"],
    ["<RedirectAllRequestsTo><HostName>h&#13;&#10;x</HostName></RedirectAllRequestsTo>", "MalformedXML"],
    [
      "<RedirectAllRequestsTo><HostName>h</HostName><Protocol>ftp</Protocol></RedirectAllRequestsTo>",
      "InvalidRequest",
    ],
    [rule(""), "MalformedXML"],
    [rule("<Redirect/>"), "MalformedXML"],
    [rule("<Redirect><HostName>a b</HostName></Redirect>"), "MalformedXML"],
    [rule(`<Condition/>${to}`), "InvalidRequest"],
    [
      rule(`<Condition><HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals></Condition>${to}`),
      "InvalidRequest",
    ],
    [rule("<Redirect><HttpRedirectCode>300</HttpRedirectCode></Redirect>"), "InvalidRequest"],
    [
      rule(
        "<Redirect><ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith></Redirect>",
      ),
      "InvalidRequest",
    ],
    [
      `${index}<RoutingRules>${`<RoutingRule>${to}</RoutingRule>`.repeat(51)}</RoutingRules>`,
      "InvalidRequest",
    ],
  ])("%s is refused with %s", async (inside, code) => {
    const body = `<WebsiteConfiguration>${inside}</WebsiteConfiguration>`;
    const response = await sendRaw(rig, {
      method: "PUT",
      target: `/${Bucket}?website`,
      body,
      credentials: ADMIN,
    });
    expect(errorCodeOf(response)).toBe(code);
  });

  it("is changed by admins and by the owner alone", async () => {
    const body = `<WebsiteConfiguration>${index}</WebsiteConfiguration>`;
    for (const credentials of [WRITER, READER, BOB]) {
      const put = await sendRaw(rig, { method: "PUT", target: `/${Bucket}?website`, body, credentials });
      expect(errorCodeOf(put)).toBe("AccessDenied");
      const taken = await sendRaw(rig, { method: "DELETE", target: `/${Bucket}?website`, credentials });
      expect(errorCodeOf(taken)).toBe("AccessDenied");
    }
    const own = { Bucket: "alices" };
    await anotherClient.send(new CreateBucketCommand(own));
    const WebsiteConfiguration = { IndexDocument: { Suffix: "i" } };
    await anotherClient.send(new PutBucketWebsiteCommand({ ...own, WebsiteConfiguration }));
    expect((await anotherClient.send(new GetBucketWebsiteCommand(own))).IndexDocument?.Suffix).toBe("i");
    const missing = clientOf(rig, ADMIN).send(new GetBucketWebsiteCommand({ Bucket: "missing" }));
    expect((await failureOf(missing)).name).toBe("NoSuchBucket");
  });
});
