/** The promise: a browser can upload with a form exactly what its signed policy allows, and nothing else. */
import { createHash, createHmac } from "node:crypto";
import { CreateBucketCommand, GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatAmzDate } from "../auth/signature-claim.ts";
import { clientOf } from "../testing/feature-client.ts";
import { ADMIN, READER, type Rig, startRig, WRITER } from "../testing/rig.ts";

const Bucket = "forms";
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

type Fields = Readonly<Record<string, string>>;
const HOUR_MS = 3_600_000;
/** A larger file is not held while its form is read. */
const MAX_HELD_BYTES = 1024 * 1024;
const SIZE_BYTES = MAX_HELD_BYTES + 10;

function policyOf(conditions: readonly unknown[], expiresAtMs = Date.now() + HOUR_MS): string {
  const expiration = new Date(expiresAtMs).toISOString();
  return Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64");
}

const OPEN = [{ bucket: Bucket }, ["starts-with", "$key", ""], ["content-length-range", 0, 5_000_000]];

/** Signature version 4 of a policy. */
function version4(conditions: readonly unknown[], credentials = WRITER): Fields {
  const amzDate = formatAmzDate(Date.now());
  const scope = `${amzDate.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const fields = {
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": `${credentials.accessKeyId}/${scope}`,
    "x-amz-date": amzDate,
  };
  const policy = policyOf([
    ...conditions,
    ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
  ]);
  let key: Buffer | string = `AWS4${credentials.secretAccessKey}`;
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  return { ...fields, policy, "x-amz-signature": createHmac("sha256", key).update(policy).digest("hex") };
}

function version2(policy: string, credentials = WRITER): Fields {
  const signature = createHmac("sha1", credentials.secretAccessKey).update(policy).digest("base64");
  return { AWSAccessKeyId: credentials.accessKeyId, policy, signature };
}

function send(
  fields: Fields,
  file: string | Buffer | undefined = "content",
  name = "a file.txt",
): Promise<Response> {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  if (file !== undefined) form.append("file", new Blob([file]), name);
  return fetch(`${rig.endpoint}/${Bucket}`, { method: "POST", body: form, redirect: "manual" });
}

async function stored(Key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

async function codeOf(response: Response): Promise<string> {
  return /<Code>(.*)<\/Code>/.exec(await response.text())?.[1] ?? `status ${response.status}`;
}

describe("a form", () => {
  it("that is signed is stored, with version 4 and with the older signature", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as S3 spells it
    const answer = await send({ key: "v4/${filename}", ...version4(OPEN) });
    expect([answer.status, answer.headers.get("location")]).toEqual([
      204,
      `${rig.endpoint}/${Bucket}/v4/a%20file.txt`,
    ]);
    expect((await stored("v4/a file.txt")).toString()).toBe("content");
    expect((await send({ key: "v2", ...version2(policyOf(OPEN)) })).status).toBe(204);
    expect((await stored("v2")).toString()).toBe("content");
  });

  it.each([0, 1, 70_000, 1024 * 1024 + 1, 3_000_000])("carries a file of %i bytes", async (size) => {
    // Line breaks and hyphens, as boundaries begin.
    const file = Buffer.alloc(size, "\r\n--x");
    expect((await send({ key: `size ${size}`, ...version4(OPEN) }, file)).status).toBe(204);
    expect((await stored(`size ${size}`)).equals(file)).toBe(true);
  });

  it("carries attributes", async () => {
    const fields = { "Content-Type": "text/x-post", "x-amz-meta-who": "me", "Cache-Control": "no-store" };
    const conditions = [
      ...OPEN,
      ["starts-with", "$Content-Type", "text/"],
      { "X-Amz-Meta-Who": "me" },
      ["eq", "$cache-control", "no-store"],
    ];
    expect((await send({ key: "with", ...fields, ...version4(conditions) })).status).toBe(204);
    const object = await s3.send(new GetObjectCommand({ Bucket, Key: "with" }));
    expect(object).toMatchObject({
      ContentType: "text/x-post",
      CacheControl: "no-store",
      Metadata: { who: "me" },
    });
  });

  it("is answered as it asks", async () => {
    const any = [
      ...OPEN,
      ["starts-with", "$success_action_status", ""],
      ["starts-with", "$success_action_redirect", ""],
    ];
    const post = (fields: Fields) => send({ key: "answer", ...fields, ...version4(any) });
    expect((await post({ success_action_status: "200" })).status).toBe(200);
    expect((await post({ success_action_status: "404" })).status).toBe(204);
    const created = await post({ success_action_status: "201" });
    expect([created.status, await created.text()]).toEqual([
      201,
      expect.stringContaining("<Key>answer</Key>"),
    ]);
    const redirected = await post({ success_action_redirect: "https://example.com/done?x=1" });
    expect(redirected.status).toBe(303);
    expect(redirected.headers.get("location")).toMatch(
      /^https:\/\/example\.com\/done\?x=1&bucket=forms&key=answer&etag=%22[0-9a-f]{32}%22$/,
    );
    expect((await post({ success_action_redirect: "javascript:alert(1)" })).status).toBe(204);
  });

  it("goes on to what can stand in a header, whatever it asks for", async () => {
    const any = [...OPEN, ["starts-with", "$success_action_redirect", ""]];
    for (const [key, redirect, location] of [
      ["far", "http://example.com/日本?q=ü", "http://example.com/%E6%97%A5%E6%9C%AC?q=%C3%BC&bucket=forms&"],
      ["lines", "http://example.com/\r\nX-Evil: 1", "http://example.com/X-Evil:%201?bucket=forms&"],
    ] as const) {
      const answer = await send({ key, success_action_redirect: redirect, ...version4(any) });
      expect([answer.status, answer.headers.has("x-evil")]).toEqual([303, false]);
      expect(answer.headers.get("location")?.startsWith(location)).toBe(true);
      expect((await stored(key)).toString()).toBe("content");
    }
  });

  it.each([
    [{ "x-amz-meta-größe": "1" }, "x-amz-meta-größe"],
    [{ "x-amz-meta-my name": "1" }, "x-amz-meta-my name"],
    [{ "Content-Type": "text/plain\u0001" }, "content-type"],
    [{ "Content-Disposition": "attachment;\n filename=x" }, "content-disposition"],
  ])("stores nothing that could not be read: %j", async (fields, name) => {
    const any = Object.keys(fields).map((field) => ["starts-with", `$${field}`, ""]);
    const answer = await send({ key: "unreadable", ...fields, ...version4([...OPEN, ...any]) });
    const document = await answer.text();
    expect([answer.status, document]).toEqual([400, expect.stringContaining("<Code>InvalidArgument</Code>")]);
    expect(document).toContain(`<ArgumentName>${name}</ArgumentName>`);
    await expect(stored("unreadable")).rejects.toMatchObject({ name: "NoSuchKey" });
  });

  /** With what stands between the last field and the end of the form. */
  function post(fields: Fields, end: string): Promise<Response> {
    const parts = Object.entries(fields).map(
      ([name, value]) => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    const headers = { "Content-Type": "multipart/form-data; boundary=B" };
    return fetch(`${rig.endpoint}/${Bucket}`, { method: "POST", body: `${parts.join("")}${end}`, headers });
  }

  const FRAME_BYTES = 64 * 1024;
  const sizes = [
    5,
    MAX_HELD_BYTES - 1,
    MAX_HELD_BYTES + 1,
    20 * FRAME_BYTES,
    20 * FRAME_BYTES + 1,
    3_000_001,
  ];
  it.each(sizes.flatMap((size) => ["", "\n", "\r\n"].map((end) => [size, end] as const)))(
    "ends with its boundary, whatever line break follows: %i bytes, %j",
    async (size, end) => {
      const file = Buffer.alloc(size, "\r\n--x").toString();
      for (const encryption of [undefined, "AES256"]) {
        const key = `ends ${size} ${encryption}`;
        const wish: Fields = encryption === undefined ? {} : { "x-amz-server-side-encryption": encryption };
        const conditions = [...OPEN, ["starts-with", "$x-amz-server-side-encryption", ""]];
        const answer = await post({ key, ...wish, ...version4(conditions), file }, `--B--${end}`);
        expect([answer.status, await answer.text()]).toEqual([204, ""]);
        const md5 = createHash("md5").update(file).digest("hex");
        expect(answer.headers.get("etag")).toBe(`"${md5}"`);
        expect((await stored(key)).toString() === file).toBe(true);
      }
    },
  );

  it.each([
    ["a field", '--B\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--B--\r\n'],
    ["an epilogue", "--B--\r\nthat nobody reads"],
  ])("may have %s behind a small file, and of a large one is told why not", async (_, end) => {
    const fields = { key: "behind", ...version4(OPEN) };
    expect((await post({ ...fields, file: "small" }, end)).status).toBe(204);
    const answer = await post({ ...fields, file: "x".repeat(2 * MAX_HELD_BYTES) }, end);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("nothing but CRLF may follow the closing boundary");
    expect((await stored("behind")).toString()).toBe("small");
  });

  it.each([
    [[0, SIZE_BYTES - 1], "EntityTooLarge"],
    [[0, SIZE_BYTES], "status 204"],
    [[SIZE_BYTES, SIZE_BYTES], "status 204"],
    [[SIZE_BYTES + 1, SIZE_BYTES + 2], "EntityTooSmall"],
  ])("has to keep the range of its length to the byte, however it ends: %j", async (range, outcome) => {
    const conditions = [{ bucket: Bucket }, ["starts-with", "$key", ""], ["content-length-range", ...range]];
    const fields = { key: "range", ...version4(conditions), file: "x".repeat(SIZE_BYTES) };
    for (const end of ["--B--", "--B--\n", "--B--\r\n"])
      expect(await codeOf(await post(fields, end))).toBe(outcome);
  });

  it("with a wrong checksum stores nothing", async () => {
    const answer = await send({
      key: "checksum",
      "x-amz-checksum-sha256": `${"A".repeat(43)}=`,
      ...version4(OPEN),
    });
    expect(await codeOf(answer)).toBe("BadDigest");
    await expect(stored("checksum")).rejects.toMatchObject({ name: "NoSuchKey" });
  });
});

describe("a form is refused", () => {
  const short = [{ bucket: Bucket }, ["starts-with", "$key", "user/"], ["content-length-range", 3, 10]];

  it.each<[string, () => Fields, string]>([
    ["without a signature", () => ({ key: "k" }), "AccessDenied"],
    ["without a key", () => version4(OPEN), "InvalidArgument"],
    [
      "of a key that nobody has",
      () => ({ key: "k", ...version4(OPEN, { ...WRITER, accessKeyId: "SKNOBODY" }) }),
      "InvalidAccessKeyId",
    ],
    [
      "with another secret",
      () => ({ key: "k", ...version4(OPEN, { ...WRITER, secretAccessKey: "wrong" }) }),
      "SignatureDoesNotMatch",
    ],
    [
      "with another secret, older",
      () => ({ key: "k", ...version2(policyOf(OPEN), { ...WRITER, secretAccessKey: "wrong" }) }),
      "SignatureDoesNotMatch",
    ],
    ["of a reader", () => ({ key: "k", ...version4(OPEN, READER) }), "AccessDenied"],
    [
      "with another policy than the signed one",
      () => ({ key: "k", ...version2(policyOf(OPEN)), policy: policyOf([]) }),
      "SignatureDoesNotMatch",
    ],
    [
      "without the signature of its policy",
      () => ({ key: "k", policy: policyOf(OPEN), AWSAccessKeyId: WRITER.accessKeyId }),
      "InvalidArgument",
    ],
    [
      "when the policy is over",
      () => ({ key: "k", ...version2(policyOf(OPEN, Date.now() - 1000)) }),
      "AccessDenied",
    ],
    ["with another key", () => ({ key: "other", ...version2(policyOf(short)) }), "AccessDenied"],
    [
      "with a field that the policy does not speak of",
      () => ({ key: "k", "x-amz-meta-a": "b", ...version2(policyOf(OPEN)) }),
      "AccessDenied",
    ],
    [
      "when the policy does not speak of the bucket",
      () => ({ key: "k", ...version2(policyOf([["starts-with", "$key", ""]])) }),
      "AccessDenied",
    ],
    [
      "with a policy that is no JSON",
      () => ({ key: "k", ...version2("bm90IGpzb24=") }),
      "InvalidPolicyDocument",
    ],
    [
      "with a condition that nobody knows",
      () => ({ key: "k", ...version2(policyOf([["ends-with", "$key", "k"]])) }),
      "InvalidPolicyDocument",
    ],
    ["with an empty condition", () => ({ key: "k", ...version2(policyOf([{}])) }), "InvalidPolicyDocument"],
    [
      "with a length range that is none",
      () => ({ key: "k", ...version2(policyOf([["content-length-range", -1, 0]])) }),
      "InvalidPolicyDocument",
    ],
    [
      "with a key that is too long",
      () => ({ key: "k".repeat(1025), ...version2(policyOf(OPEN)) }),
      "KeyTooLongError",
    ],
  ])("%s", async (_, fields, code) => {
    expect(await codeOf(await send(fields()))).toBe(code);
  });

  it("without the token that its policy names, which is not told", async () => {
    const policy = policyOf([...OPEN, { "x-amz-security-token": "made-up-token" }]);
    const answer = await (await send({ key: "k", ...version2(policy) })).text();
    expect(answer).toContain("<Code>AccessDenied</Code>");
    expect(answer).toContain("REDACTED");
    expect(answer).not.toContain("made-up-token");
  });

  it.each([
    ["too small", "ab", "EntityTooSmall"],
    ["too large", "12345678901", "EntityTooLarge"],
  ])("when its file is %s", async (_, file, code) => {
    expect(await codeOf(await send({ key: "user/k", ...version2(policyOf(short)) }, file))).toBe(code);
  });

  it("without a file, without a boundary, cut off, and with too much before the file", async () => {
    const url = `${rig.endpoint}/${Bucket}`;
    const post = (body: string, type = "multipart/form-data; boundary=B") =>
      fetch(url, { method: "POST", body, headers: { "Content-Type": type } }).then(codeOf);
    const field = (name: string, value: string) =>
      `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    expect(await post(`${field("key", "k")}--B--\r\n`)).toBe("InvalidArgument");
    expect(await post("key=k", "application/x-www-form-urlencoded")).toBe("PreconditionFailed");
    expect(await post(field("key", "k"))).toBe("MalformedPOSTRequest");
    expect(await post("no form at all")).toBe("MalformedPOSTRequest");
    expect(await post(`${field("file", "half").slice(0, -2)}`)).toBe("InvalidArgument");
    expect(await post(`${field("key", "k")}${field("file", "half").slice(0, -2)}`)).toBe("IncompleteBody");
    expect(await post(`${field("x", "y".repeat(70_000))}${field("file", "z")}--B--\r\n`)).toBe(
      "MaxPostPreDataLengthExceeded",
    );
  });
});
