/** The promise: a customer's key is proven before anything is told of its object, and is never told again itself. */
import { createHash, createHmac } from "node:crypto";
import {
  CopyObjectCommand,
  type CopyObjectCommandInput,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadObjectCommand,
  PutBucketLoggingCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
  type UploadPartCopyCommandInput,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalQuery } from "../auth/canonical-request.ts";
import { deriveSigningKey, sha256Hex } from "../auth/hmac.ts";
import { formatAmzDate } from "../auth/signature-claim.ts";
import { AccessLogRecorder } from "../features/logging/recorder.ts";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../testing/feature-client.ts";
import { ADMIN, type Rig, startRig } from "../testing/rig.ts";

const Bucket = "watched";
const SSE = "X-Amz-Server-Side-Encryption-Customer-";
const SOURCE = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-";
const lines: string[] = [];
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig({
    customerKeysOverHttp: true,
    hooks: {
      onRequest: (event, exchange) =>
        new AccessLogRecorder({
          store: rig.store,
          clock: { wallMs: () => Date.now() },
          hostId: "node-1",
          take: ({ line }) => lines.push(line),
        }).note(event, exchange),
      onUnexpectedError: (error) => rig.unexpected.push(error),
    },
  });
  s3 = clientOf(rig, ADMIN);
  for (const name of [Bucket, "logs"]) await s3.send(new CreateBucketCommand({ Bucket: name }));
  const statement = {
    Effect: "Allow",
    Principal: { Service: "logging.s3.amazonaws.com" },
    Action: "s3:PutObject",
    Resource: "arn:aws:s3:::logs/*",
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await s3.send(new PutBucketPolicyCommand({ Bucket: "logs", Policy }));
  const LoggingEnabled = { TargetBucket: "logs", TargetPrefix: "log/" };
  await s3.send(new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: { LoggingEnabled } }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

function keyOf(seed: number) {
  const bytes = Buffer.alloc(32, seed);
  const text = bytes.toString("base64");
  return { text, encoded: encodeURIComponent(text), md5: createHash("md5").update(bytes).digest("base64") };
}

function parametersOf(prefix: string, { text, md5 }: ReturnType<typeof keyOf>) {
  return { [`${prefix}Algorithm`]: "AES256", [`${prefix}Key`]: text, [`${prefix}Key-MD5`]: md5 };
}

/** A URL as other clients than the SDK make it: what would be headers is in its query. `spell` says how names are encoded in it. */
function presign(
  method: string,
  path: string,
  more: Readonly<Record<string, string>>,
  spell = (query: string) => query,
): string {
  const amzDate = formatAmzDate(Date.now());
  const date = amzDate.slice(0, 8);
  const scope = `${date}/us-east-1/s3/aws4_request`;
  const host = `${rig.address.host}:${rig.address.port}`;
  const query = canonicalQuery(
    new Map(
      Object.entries({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": `${ADMIN.accessKeyId}/${scope}`,
        "X-Amz-Date": amzDate,
        "X-Amz-Expires": "600",
        "X-Amz-SignedHeaders": "host",
        ...more,
      }),
    ),
  );
  const canonical = [method, path, query, `host:${host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
  const key = deriveSigningKey(ADMIN.secretAccessKey, date, "us-east-1", "s3");
  const signature = key.hmacHex(`AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256Hex(canonical)}`);
  return `http://${host}${path}?${spell(`${query}&X-Amz-Signature=${signature}`)}`;
}

async function send(method: string, url: string, body?: string): Promise<{ status: number; text: string }> {
  const logged = lines.length;
  const answer = await fetch(url, { method, ...(body !== undefined && { body }) });
  const text = await answer.text();
  // The record is made when the answer has been sent.
  while (lines.length === logged) await new Promise((resolve) => setImmediate(resolve));
  return { status: answer.status, text };
}

describe("a key in a presigned URL", () => {
  const key = keyOf(7);
  const own = parametersOf(SSE, key);

  it("is not in the access log, nor is the signature, however their names are spelled", async () => {
    expect(await send("PUT", presign("PUT", `/${Bucket}/o`, own), "secret")).toMatchObject({ status: 200 });
    expect(await send("GET", presign("GET", `/${Bucket}/o`, own))).toMatchObject({ text: "secret" });
    const spelled = presign("GET", `/${Bucket}/o`, own, (query) =>
      query.replaceAll("X-Amz-S", "X%2DAmz%2dS"),
    );
    expect(await send("GET", spelled)).toMatchObject({ text: "secret" });
    const source = { "X-Amz-Copy-Source": `${Bucket}/o`, ...parametersOf(SOURCE, key) };
    expect(await send("PUT", presign("PUT", `/${Bucket}/p`, source))).toMatchObject({ status: 200 });
    const secret = lines.filter((line) => line.includes("customer-Key=") || line.includes("Customer-Key="));
    expect(secret).toHaveLength(4);
    for (const line of lines) {
      expect(line).not.toContain(key.encoded);
      expect(line).not.toContain(key.text);
      expect(line).not.toMatch(/Signature=[0-9a-f]/);
    }
  });

  it("is not in the access log as what led to a request", async () => {
    const url = presign("GET", `/${Bucket}/o`, own);
    const logged = lines.length;
    await fetch(`${rig.endpoint}/${Bucket}/p`, { headers: { referer: url } });
    while (lines.length === logged) await new Promise((resolve) => setImmediate(resolve));
    expect(lines.at(-1)).toContain(`/${Bucket}/o?`);
    expect(lines.at(-1)).not.toContain(key.encoded);
    expect(lines.at(-1)).not.toMatch(/Signature=[0-9a-f]/);
  });

  it("is not in the answer to a request that says it twice", async () => {
    const url = presign("GET", `/${Bucket}/o`, own);
    const twice = await fetch(`${url}&${SSE}Key=${key.encoded}`);
    expect(twice.status).toBe(400);
    expect(await twice.text()).not.toContain(key.text);
    const target = `/${Bucket}/o?${SSE}Key=${key.encoded}`;
    const headers = { [`${SSE}Key`.toLowerCase()]: keyOf(8).text };
    const both = await sendRaw(rig, { method: "GET", target, headers, credentials: ADMIN });
    expect(both.status).toBe(400);
    expect(both.body).not.toContain(key.text);
  });

  it.each(["headers", "parameters"])("is not in the answer to a wrong signature: %s", async (where) => {
    const named = Object.entries({ ...own, ...parametersOf(SOURCE, key) });
    const headers = Object.fromEntries(named.map(([name, value]) => [name.toLowerCase(), value]));
    const query = named.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    const answer = await sendRaw(rig, {
      method: "GET",
      target: where === "headers" ? `/${Bucket}/o` : `/${Bucket}/o?${query}`,
      headers: where === "headers" ? headers : {},
      credentials: { ...ADMIN, secretAccessKey: createHmac("sha256", "wrong").digest("hex") },
    });
    expect(errorCodeOf(answer)).toBe("SignatureDoesNotMatch");
    expect(answer.body).toContain("REDACTED");
    expect(answer.body).not.toContain(key.text);
    expect(answer.body).not.toContain(key.encoded);
  });
});

describe("a GET without the key of its object, or with another one", () => {
  const given = (seed: number) => ({
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: keyOf(seed).text,
    SSECustomerKeyMD5: keyOf(seed).md5,
  });

  it("learns nothing of its content from preconditions and ranges", async () => {
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "hello", ...given(1) }));
    const get = (more: Partial<GetObjectCommandInput>) =>
      failureOf(s3.send(new GetObjectCommand({ Bucket, Key: "k", ...more })));
    const askedBy: readonly Partial<GetObjectCommandInput>[] = [
      { IfNoneMatch: ETag },
      { IfMatch: '"x"' },
      { Range: "bytes=100-200" },
    ];
    const proven = await Promise.all(askedBy.map((asked) => get({ ...asked, ...given(1) })));
    expect(proven.map(({ status }) => status)).toEqual([304, 412, 416]);
    const bare = await Promise.all(askedBy.map((asked) => get(asked)));
    expect(bare.map(({ status }) => status)).toEqual([400, 400, 400]);
    const wrong = await Promise.all(askedBy.map((asked) => get({ ...asked, ...given(2) })));
    expect(new Set(wrong.map(({ status }) => status))).toEqual(new Set([(await get(given(2))).status]));
  });
});

describe("a copy without the key of its source, or with another one", () => {
  const given = (seed: number) => ({
    CopySourceSSECustomerAlgorithm: "AES256",
    CopySourceSSECustomerKey: keyOf(seed).text,
    CopySourceSSECustomerKeyMD5: keyOf(seed).md5,
  });
  const own = {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: keyOf(1).text,
    SSECustomerKeyMD5: keyOf(1).md5,
  };
  let uploadId: string | undefined;

  beforeAll(async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: "source", Body: "hello", ...own }));
    const begun = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "whole", ...own }));
    uploadId = begun.UploadId;
  });

  const source = { Bucket, CopySource: `${Bucket}/source` };
  const waysOfCopying: [string, (more: Partial<CopyObjectCommandInput>) => Promise<unknown>][] = [
    ["CopyObject", (more) => s3.send(new CopyObjectCommand({ ...source, Key: "copy", ...more }))],
    [
      "CopyObject that encrypts",
      (more) => s3.send(new CopyObjectCommand({ ...source, Key: "copy", ...own, ...more })),
    ],
    [
      "UploadPartCopy",
      (more) =>
        s3.send(
          new UploadPartCopyCommand({
            ...source,
            Key: "whole",
            UploadId: uploadId,
            PartNumber: 1,
            ...own,
            ...(more as Partial<UploadPartCopyCommandInput>),
          }),
        ),
    ],
  ];

  it.each(waysOfCopying)("learns nothing of its content from preconditions: %s", async (_, copy) => {
    const { ETag } = await s3.send(new HeadObjectCommand({ Bucket, Key: "source", ...own }));
    const askedBy = [
      { CopySourceIfMatch: ETag },
      { CopySourceIfMatch: '"x"' },
      { CopySourceIfNoneMatch: ETag },
    ];
    const asking = (more: Partial<CopyObjectCommandInput>) =>
      Promise.all(askedBy.map((asked) => failureOf(copy({ ...asked, ...more }))));
    const proven = await asking(given(1));
    expect(proven.map(({ name }) => name)).toEqual(["succeeded", "PreconditionFailed", "PreconditionFailed"]);
    const bare = await asking({});
    expect(bare).toEqual(bare.map(() => ({ name: "InvalidRequest", status: 400 })));
    const wrong = await asking(given(2));
    expect(wrong).toEqual(wrong.map(() => wrong[0]));
    expect(wrong[0]).toEqual({ name: "InvalidRequest", status: 400 });
  });
});
