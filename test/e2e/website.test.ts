/** Of the promise: a bucket is a website to whoever asks for its host, on a real node that is configured so; and only where its owner and the operator let everybody in. */
import {
  DeletePublicAccessBlockCommand,
  PutBucketPolicyCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawConnection, type RawResponse, rawHead } from "../../src/s3/testing/raw-http.ts";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";

const DOMAIN = "web.example.com";
/** Listed as public by the operator, and not. */
const [SITE, PRIVATE] = ["site", "private"];
const PAGES = {
  "index.html": "home",
  "docs/index.html": "docs",
  "error.html": "this is not here",
  "new/page.html": "0123456789",
};
let skerry: Skerry;
let client: S3Client;

beforeAll(async () => {
  skerry = await startSkerry({
    buckets: [SITE, PRIVATE],
    settings: { "s3.website_domains": DOMAIN, "s3.public_buckets": SITE },
  });
  const { s3Endpoint: endpoint, region, credentials } = skerry;
  client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  for (const Bucket of [SITE, PRIVATE]) {
    for (const [Key, Body] of Object.entries(PAGES)) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: "text/html" }));
    }
    const Resource = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
    const Action = ["s3:GetObject", "s3:ListBucket"];
    const Statement = [{ Effect: "Allow", Principal: "*", Action, Resource }];
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    await client.send(
      new PutBucketWebsiteCommand({
        Bucket,
        WebsiteConfiguration: {
          IndexDocument: { Suffix: "index.html" },
          ErrorDocument: { Key: "error.html" },
          RoutingRules: [
            { Condition: { KeyPrefixEquals: "old/" }, Redirect: { ReplaceKeyPrefixWith: "new/" } },
            {
              Condition: { KeyPrefixEquals: "gone/", HttpErrorCodeReturnedEquals: "404" },
              Redirect: { HostName: "archive.example.org", Protocol: "https", HttpRedirectCode: "307" },
            },
          ],
        },
      }),
    );
  }
}, 60_000);

afterAll(async () => {
  client?.destroy();
  await skerry?.stop();
});

interface Visit {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function visit(target: string, visitor: Visit = {}, method = "GET"): Promise<RawResponse> {
  const { hostname, port } = new URL(skerry.s3Endpoint);
  const connection = new RawConnection({ host: hostname, port: Number(port) });
  try {
    const head = rawHead(method, target, { Host: visitor.host ?? `${SITE}.${DOMAIN}`, ...visitor.headers });
    return await connection.write(head).response({ head: method === "HEAD" });
  } finally {
    connection.socket.destroy();
  }
}

const shown = ({ status, body }: RawResponse) => `${status} ${body}`;
const sentTo = ({ status, headers }: RawResponse) => `${status} ${headers.get("location")}`;

describe("a website", () => {
  it("shows index documents, pages and the error document", async () => {
    expect(shown(await visit("/"))).toBe("200 home");
    expect(shown(await visit("/docs/"))).toBe("200 docs");
    expect(sentTo(await visit("/docs"))).toBe(`302 http://${SITE}.${DOMAIN}/docs/`);
    expect(shown(await visit("/new/page.html"))).toBe("200 0123456789");
    const missing = await visit("/nowhere");
    expect(shown(missing)).toBe("404 this is not here");
    expect(missing.headers.get("content-type")).toBe("text/html");
  });

  it("follows its rules, before and after it looks", async () => {
    expect(sentTo(await visit("/old/page.html?q=1"))).toBe(`301 http://${SITE}.${DOMAIN}/new/page.html?q=1`);
    expect(sentTo(await visit("/gone/page.html"))).toBe("307 https://archive.example.org/gone/page.html");
  });

  it("answers conditions and ranges", async () => {
    const page = await visit("/new/page.html");
    const etag = page.headers.get("etag") ?? "";
    expect(shown(await visit("/new/page.html", { headers: { "If-None-Match": etag } }))).toBe("304 ");
    const part = await visit("/new/page.html", { headers: { Range: "bytes=2-4" } });
    expect(shown(part)).toBe("206 234");
    expect(part.headers.get("content-range")).toBe("bytes 2-4/10");
    expect((await visit("/new/page.html", { headers: { Range: "bytes=10-" } })).status).toBe(416);
    const head = await visit("/new/page.html", {}, "HEAD");
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
  });

  it("is looked at only", async () => {
    expect((await visit("/new/page.html", {}, "DELETE")).status).toBe(405);
    expect(shown(await visit("/new/page.html"))).toBe("200 0123456789");
  });
});

describe("nothing is shown", () => {
  it("of a bucket that the operator does not list, whatever its policy says", async () => {
    const refused = await visit("/", { host: `${PRIVATE}.${DOMAIN}` });
    expect(refused.status).toBe(403);
    expect(refused.body).not.toContain("home");
  });

  it("of a bucket whose owner blocks the public", async () => {
    const PublicAccessBlockConfiguration = { RestrictPublicBuckets: true };
    await client.send(new PutPublicAccessBlockCommand({ Bucket: SITE, PublicAccessBlockConfiguration }));
    const refused = await visit("/");
    expect(refused.status).toBe(403);
    expect(refused.body).not.toContain("home");
    await client.send(new DeletePublicAccessBlockCommand({ Bucket: SITE }));
    expect(shown(await visit("/"))).toBe("200 home");
  });

  it("of a bucket that is not there, and of hosts outside the domain", async () => {
    expect((await visit("/", { host: `nobody.${DOMAIN}` })).status).toBe(404);
    // The endpoint of S3, which wants to know who asks for the list of buckets.
    expect((await visit("/", { host: "localhost" })).status).toBe(403);
  });
});
