import {
  CreateBucketCommand,
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig, WRITER } from "../../testing/rig.ts";
import { type CorsRule, corsDocument, corsRules, matchingRule } from "./rules.ts";

const Bucket = "public-pages";
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket, ACL: "public-read" }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "text", ACL: "public-read" }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const put = (...CORSRules: object[]) =>
  s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: CORSRules as [] } }));
const send = (method: string, path: string, headers: Record<string, string>) =>
  fetch(`${rig.endpoint}/${path}`, { method, headers });
const told = (response: Response) => [
  response.status,
  response.headers.get("access-control-allow-origin"),
  response.headers.get("access-control-allow-methods"),
];

describe("rules", () => {
  it("are none, those that were put, and none again", async () => {
    const read = () => failureOf(s3.send(new GetBucketCorsCommand({ Bucket })));
    expect(await read()).toEqual({ name: "NoSuchCORSConfiguration", status: 404 });
    const rule = {
      ID: "one",
      AllowedMethods: ["GET", "PUT"],
      AllowedOrigins: ["https://*.example.com"],
      AllowedHeaders: ["x-amz-*"],
      ExposeHeaders: ["ETag"],
      MaxAgeSeconds: 60,
    };
    await put(rule);
    expect((await s3.send(new GetBucketCorsCommand({ Bucket }))).CORSRules).toEqual([rule]);
    await s3.send(new DeleteBucketCorsCommand({ Bucket }));
    expect((await read()).status).toBe(404);
  });

  const rule = (inside: string) => `<CORSConfiguration><CORSRule>${inside}</CORSRule></CORSConfiguration>`;
  const whole = "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>";
  it.each([
    ["no rule", "<CORSConfiguration/>", "MalformedXML"],
    ["no origin", rule("<AllowedMethod>GET</AllowedMethod>"), "MalformedXML"],
    [
      "a method that there is not",
      rule("<AllowedMethod>PATCH</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"),
      "InvalidRequest",
    ],
    [
      "two stars",
      rule("<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*.*</AllowedOrigin>"),
      "InvalidRequest",
    ],
    ["a star in what is exposed", rule(`${whole}<ExposeHeader>x-*</ExposeHeader>`), "InvalidRequest"],
    [
      "a line break in what is exposed",
      rule(`${whole}<ExposeHeader>a&#10;b</ExposeHeader>`),
      "InvalidRequest",
    ],
    ["an age that is none", rule(`${whole}<MaxAgeSeconds>-1</MaxAgeSeconds>`), "MalformedXML"],
    ["an element that nobody knows", rule(`${whole}<Colour/>`), "MalformedXML"],
    [
      "too many",
      `<CORSConfiguration>${`<CORSRule>${whole}</CORSRule>`.repeat(101)}</CORSConfiguration>`,
      "MalformedXML",
    ],
  ])("are refused: %s", async (_, body, code) => {
    const request = { method: "PUT", target: `/${Bucket}?cors`, body };
    expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: ADMIN }))).toBe(code);
    expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: WRITER }))).toBe("AccessDenied");
  });

  it("let through what a second look lets through", () => {
    const word = fc.stringMatching(/^[ab]{0,2}\*?[ab]{0,2}$/);
    const rules: fc.Arbitrary<CorsRule> = fc.record({
      id: fc.constant(undefined),
      origins: fc.array(word, { minLength: 1, maxLength: 2 }),
      methods: fc.array(fc.constantFrom("GET", "PUT"), { minLength: 1, maxLength: 2 }),
      headers: fc.array(word, { maxLength: 2 }),
      exposed: fc.constant([]),
      maxAgeSeconds: fc.constant(undefined),
    });
    const text = fc.stringMatching(/^[ab]{0,4}$/);
    const asked = fc.record({
      origin: text,
      method: fc.constantFrom("GET", "PUT"),
      headers: fc.array(text, { maxLength: 2 }),
    });
    const like = (pattern: string, value: string) =>
      new RegExp(`^${pattern.replace("*", ".*")}$`).test(value);
    fc.assert(
      fc.property(fc.array(rules, { maxLength: 3 }), asked, (list, question) => {
        const expected = list.find(
          ({ origins, methods, headers }) =>
            methods.includes(question.method) &&
            origins.some((pattern) => like(pattern, question.origin)) &&
            question.headers.every((name) => headers.some((pattern) => like(pattern, name))),
        );
        expect(matchingRule(list, question)).toBe(expected);
      }),
    );
  });

  it("of another format are not guessed", () => {
    expect(() => corsRules({ ...corsDocument([]), format: 2 })).toThrow("format 2");
  });
});

describe("browsers", () => {
  it("learn before they send what they may send", async () => {
    await put({
      AllowedMethods: ["PUT", "GET"],
      AllowedOrigins: ["https://a.example"],
      AllowedHeaders: ["x-amz-*"],
      MaxAgeSeconds: 5,
    });
    const ask = (headers: Record<string, string>) => send("OPTIONS", `${Bucket}/k`, headers);
    const asked = { origin: "https://a.example", "access-control-request-method": "PUT" };
    const answer = await ask({ ...asked, "access-control-request-headers": "X-Amz-Date, x-amz-meta-a" });
    expect(told(answer)).toEqual([200, "https://a.example", "PUT, GET"]);
    expect(answer.headers.get("access-control-allow-headers")).toBe("x-amz-date, x-amz-meta-a");
    expect(answer.headers.get("access-control-max-age")).toBe("5");
    expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
    expect(answer.headers.get("vary")).toContain("Origin");
    expect(told(await ask({ ...asked, "access-control-request-headers": "content-type" }))).toEqual([
      403,
      null,
      null,
    ]);
    expect(told(await ask({ ...asked, origin: "https://b.example" }))).toEqual([403, null, null]);
    expect(told(await ask({ ...asked, "access-control-request-method": "DELETE" }))).toEqual([
      403,
      null,
      null,
    ]);
    expect(told(await ask({ origin: "https://a.example" }))).toEqual([400, null, null]);
    expect(told(await ask({}))).toEqual([400, null, null]);
    expect(told(await send("OPTIONS", "missing/k", asked))).toEqual([403, null, null]);
  });

  it("may show every answer that a rule lets through, errors too, and no other", async () => {
    await put({ AllowedMethods: ["GET"], AllowedOrigins: ["*.suffix"], ExposeHeaders: ["ETag"] });
    const origin = { origin: "foo.suffix" };
    const answer = await send("GET", `${Bucket}/k`, origin);
    expect(told(answer)).toEqual([200, "foo.suffix", "GET"]);
    expect(answer.headers.get("access-control-expose-headers")).toBe("ETag");
    expect(told(await send("GET", `${Bucket}/missing`, origin))).toEqual([404, "foo.suffix", "GET"]);
    expect(told(await send("PUT", `${Bucket}/k`, origin))).toEqual([403, null, null]);
    expect(told(await send("GET", `${Bucket}/k`, { origin: "foo.bar" }))).toEqual([200, null, null]);
    expect(told(await send("GET", `${Bucket}/k`, {}))).toEqual([200, null, null]);
  });

  it("are all let in by a star, without their cookies", async () => {
    await put({ AllowedMethods: ["GET"], AllowedOrigins: ["*"] });
    const answer = await send("GET", `${Bucket}/k`, { origin: "anywhere" });
    expect(told(answer)).toEqual([200, "*", "GET"]);
    expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
  });
});
