/** What a request is judged by is what was acknowledged anywhere in the cluster before it began, not what this node had heard of by then. */

import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { bucketEncryptionDocument, ObjectError, policyDocument } from "../object/index.ts";
import { codeOf, RawGateway } from "./testing/raw-gateway.ts";
import { rawHead } from "./testing/raw-http.ts";
import { WRITER } from "./testing/rig.ts";

const gateway = RawGateway.forEachTest();

/** Another node has done this before the next request begins, and this one hears of it when it asks. */
function elsewhere(change: () => Promise<void> | void): void {
  let isKnown = false;
  gateway.rig.store.asOfNow = () => {
    if (isKnown) return undefined;
    isKnown = true;
    return Promise.resolve(change());
  };
}

const OWNER = { id: "a".repeat(64), displayName: "user a" };

const anybody = (method: string, target: string, headers: Readonly<Record<string, string>> = {}) =>
  gateway
    .open()
    .write(rawHead(method, target, { host: "localhost", ...headers }))
    .response();

const PUBLIC_READ = policyDocument(
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::public-bkt/*" },
    ],
  }),
);

/** Such names are public where a policy says so. */
const BUCKET = "public-bkt";

async function write(text: string): Promise<void> {
  await gateway.rig.store.putObject({
    bucket: BUCKET,
    key: "k",
    body: { sizeBytes: text.length, bytes: Readable.from([Buffer.from(text)]), expected: {} },
    attributes: { contentType: "", headers: new Map(), userMetadata: new Map(), storageClass: "STANDARD" },
    owner: OWNER,
    signal: new AbortController().signal,
  });
}

describe("what another node has done counts for the next request here:", () => {
  it("a policy that was removed lets nobody in", async () => {
    const { store } = gateway.rig;
    await store.createBucket({ bucket: BUCKET, region: "us-east-1", owner: OWNER });
    await write("harmless");
    await store.putBucketConfiguration({ bucket: BUCKET, kind: "policy", configuration: PUBLIC_READ });
    expect((await anybody("GET", `/${BUCKET}/k`)).body).toBe("harmless");
    elsewhere(async () => {
      await store.deleteBucketConfiguration({ bucket: BUCKET, kind: "policy" });
      await write("secret");
    });
    expect(codeOf(await anybody("GET", `/${BUCKET}/k`))).toBe("AccessDenied");
  });

  it("a policy that was made lets in", async () => {
    const { store } = gateway.rig;
    await store.createBucket({ bucket: BUCKET, region: "us-east-1", owner: OWNER });
    await write("shown");
    elsewhere(() =>
      store.putBucketConfiguration({ bucket: BUCKET, kind: "policy", configuration: PUBLIC_READ }),
    );
    expect((await anybody("GET", `/${BUCKET}/k`)).body).toBe("shown");
  });

  it("a key that was revoked opens nothing, neither to read nor to write", async () => {
    for (const [method, target, body] of [
      ["PUT", "/bkt/k", "x"],
      ["GET", "/bkt/k", ""],
      ["POST", "/", "Action=ListRoles&Version=2010-05-08"],
    ] as const) {
      const revoked = new Set<string>();
      const principal = {
        keyId: WRITER.accessKeyId,
        role: "writer",
        buckets: undefined,
        owner: OWNER,
      } as const;
      await gateway.start({
        credentials: {
          lookup: (keyId) => (revoked.has(keyId) ? undefined : { principal, secret: WRITER.secretAccessKey }),
          session: () => undefined,
        },
      });
      await gateway.storeDirectly("k", Buffer.from("before"));
      elsewhere(() => void revoked.add(WRITER.accessKeyId));
      const answer = await gateway.send(method, target, body, method === "POST" ? { service: "iam" } : {});
      expect(answer.status, method).toBe(403);
      expect(answer.body, method).toMatch(/InvalidAccessKeyId|InvalidClientTokenId/);
      expect((await gateway.rig.store.headObject({ bucket: "bkt", key: "k" })).size, method).toBe(6);
    }
  });

  it("a default encryption holds for what is stored after it", async () => {
    const { store } = gateway.rig;
    elsewhere(() =>
      store.putBucketConfiguration({
        bucket: "bkt",
        kind: "encryption",
        configuration: bucketEncryptionDocument({ algorithm: "AES256", keyId: undefined, bucketKey: false }),
      }),
    );
    const stored = await gateway.send("PUT", "/bkt/k", "confidential");
    expect(stored.headers.get("x-amz-server-side-encryption")).toBe("AES256");
  });
});

describe("while the cluster cannot be asked", () => {
  it("a request is refused, to be tried again, and nothing is stored", async () => {
    const { store } = gateway.rig;
    const { asOfNow } = store;
    store.asOfNow = () => Promise.reject(new ObjectError("unavailable", "no quorum"));
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await gateway.send(method, "/bkt/k", method === "PUT" ? "x" : "");
      expect([answer.status, codeOf(answer)], method).toEqual([503, "ServiceUnavailable"]);
    }
    expect((await anybody("GET", "/bkt/k")).status).toBe(503);
    store.asOfNow = asOfNow;
    expect(await gateway.stored("k")).toBe(false);
  });
});
