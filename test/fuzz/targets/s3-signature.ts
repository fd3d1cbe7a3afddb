import { createHash, createHmac } from "node:crypto";
import { ObjectError } from "../../../src/object/index.ts";
import { authenticate } from "../../../src/s3/auth/authenticate.ts";
import { SigningKeys } from "../../../src/s3/auth/signing-keys.ts";
import { S3Refusal } from "../../../src/s3/errors.ts";
import type { RequestHead } from "../../../src/s3/http.ts";
import { parseTarget, type RequestTarget } from "../../../src/s3/parse/target.ts";
import { signRequest } from "../../../src/s3/testing/sign.ts";
import { broken, type FuzzTarget, latin1, refusalLabel, same } from "../target.ts";
import { headOf, serialize } from "./request-head.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const CREDENTIALS = { accessKeyId: "AKIDFUZZ", secretAccessKey: "secret" };
const PRINCIPAL = { keyId: CREDENTIALS.accessKeyId, role: "admin", owner: "o" } as never;
const signingKeys = new SigningKeys();

const signed = [
  "GET /bucket/a%20key%2Bb?prefix=x&uploads",
  "PUT /bucket/k%C3%BC",
  "DELETE /b.c/x//../y?versionId=null",
].map((line): RequestHead => {
  const [method = "", target = ""] = line.split(" ");
  const headers = { host: "s3.example.com", "x-amz-meta-note": "a  b", "content-type": "text/plain" };
  const { headers: all } = signRequest({
    method,
    target,
    headers,
    payloadHash: "UNSIGNED-PAYLOAD",
    credentials: CREDENTIALS,
    nowMs: NOW_MS,
  });
  return { method, target, headers: new Map(Object.entries(all)) };
});
const presigned = presign("/bucket/key?response-content-type=a%2Fb");

/** What must not change without the signature failing: everything that decides what the request does. */
function meaningOf({ method, headers }: RequestHead, target: RequestTarget): unknown {
  const covered = [...headers].filter(([name]) => name === "host" || name.startsWith("x-amz-"));
  const query = [...target.query].filter(([name]) => !/^x-amz-/i.test(name));
  return [
    method,
    target.bucket,
    target.key,
    query.sort(([a], [b]) => (a < b ? -1 : 1)),
    covered.map(([name, value]) => [name, value.trim().replace(/ +/g, " ")]).sort(),
  ];
}

const MEANINGS = new Set(
  [...signed, presigned].map((head) => JSON.stringify(meaningOf(head, parseTarget(head.target, "", [])))),
);

/** A request that was signed and then changed: refused, or it means what was signed. The canonical form is held against a dumb second one. */
export const s3Signature: FuzzTarget = {
  name: "s3-signature",
  maxBytes: 2048,
  dictionary: [
    "x-amz-date: ",
    "host: ",
    "authorization: ",
    "&X-Amz-Signature=",
    "%2F",
    "%25",
    "+",
    "//",
    "/../",
    ";",
    ",",
    "x-amz-acl: public-read\n",
  ],
  seeds: () => [...signed, presigned].map(serialize),
  property: async (input) => {
    const head = headOf(latin1(input));
    if (head === undefined) return "no head";
    try {
      const target = parseTarget(head.target, head.headers.get("host") ?? "", []);
      const found = await authenticate(head, target, {
        credentials: {
          lookup: (id) =>
            id === CREDENTIALS.accessKeyId
              ? { principal: PRINCIPAL, secret: CREDENTIALS.secretAccessKey }
              : undefined,
        },
        signingKeys,
        region: "us-east-1",
        nowMs: NOW_MS,
      });
      if (found === undefined) return "unsigned";
      const meaning = JSON.stringify(meaningOf(head, target));
      if (!MEANINGS.has(meaning)) broken(`accepted, and never signed: ${meaning}`);
      return "accepted";
    } catch (error) {
      return refusalLabel([S3Refusal, ObjectError], error);
    }
  },
  large: [
    (sizeBytes) =>
      Buffer.from(
        `GET /b/k\nhost: h\nauthorization: AWS4-HMAC-SHA256 ${"Credential=,".repeat(sizeBytes / 12)}\nx-amz-date: 20260102T030405Z\n`,
      ),
    (sizeBytes) => Buffer.from(`GET /b/k?${"%2".repeat(sizeBytes / 2)}\nhost: h\n`),
  ],
};

/** By hand, from the documentation: the canonical request of a presigned URL. */
function presign(target: string): RequestHead {
  const [path = "", query = ""] = target.split("?");
  const scope = "20260102/us-east-1/s3/aws4_request";
  const parameters = [
    query,
    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
    `X-Amz-Credential=${encodeURIComponent(`${CREDENTIALS.accessKeyId}/${scope}`)}`,
    "X-Amz-Date=20260102T030405Z",
    "X-Amz-Expires=600",
    "X-Amz-SignedHeaders=host",
  ];
  const canonicalQuery = [...parameters].sort().join("&");
  const canonical = `GET\n${path}\n${canonicalQuery}\nhost:s3.example.com\n\nhost\nUNSIGNED-PAYLOAD`;
  let key: Buffer | string = `AWS4${CREDENTIALS.secretAccessKey}`;
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  const hash = createHash("sha256").update(canonical).digest("hex");
  const text = `AWS4-HMAC-SHA256\n20260102T030405Z\n${scope}\n${hash}`;
  const signature = createHmac("sha256", key).update(text).digest("hex");
  const headers = new Map([["host", "s3.example.com"]]);
  same(signature.length, 64, "a signature's length");
  return { method: "GET", target: `${path}?${parameters.join("&")}&X-Amz-Signature=${signature}`, headers };
}
