import { describe, expect, it } from "vitest";
import { signRequest } from "./sign-request.ts";

const CREDENTIALS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  region: "us-east-1",
};
const NOW_MS = Date.UTC(2013, 4, 24);
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const none: ReadonlyMap<string, string> = new Map();

/** Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header", examples. */
describe("AWS's published examples are signed as they are published", () => {
  it.each([
    [
      "GET Object with a range",
      { method: "GET", path: "/test.txt", headers: new Map([["range", "bytes=0-9"]]), query: none },
      "/test.txt",
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT Object",
      {
        method: "PUT",
        path: "/test$file.text",
        headers: new Map([
          ["date", "Fri, 24 May 2013 00:00:00 GMT"],
          ["x-amz-storage-class", "REDUCED_REDUNDANCY"],
        ]),
        query: none,
        payloadHash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      },
      "/test%24file.text",
      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
    [
      "List Objects",
      {
        method: "GET",
        path: "/",
        headers: none,
        query: new Map([
          ["prefix", "J"],
          ["max-keys", "2"],
        ]),
      },
      "/?max-keys=2&prefix=J",
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ])("%s", (_, request, target, signedHeaders, signature) => {
    const host = "examplebucket.s3.amazonaws.com";
    const signed = signRequest({ host, payloadHash: EMPTY, ...request }, CREDENTIALS, NOW_MS);
    expect(signed.target).toBe(target);
    expect(signed.headers["authorization"]).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    );
  });
});
