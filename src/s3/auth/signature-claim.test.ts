import { expect, test } from "vitest";
import { readSignatureClaim } from "./signature-claim.ts";

const FIXED =
  "AWS4-HMAC-SHA256 Credential=a/key/20260101/here/s3/aws4_request, SignedHeaders=host;x-amz-date, ";
const NOTHING = new Map<string, string>();

const claimOf = (authorization: string, amzDate = "20260101T000000Z") =>
  readSignatureClaim(new Map(Object.entries({ authorization, "x-amz-date": amzDate })), NOTHING);

test("what comes again and again is read with the signature and the time of each request", () => {
  for (const [digit, second] of [
    ["a", "01"],
    ["b", "02"],
    ["c", "03"],
  ] as const) {
    expect(claimOf(`${FIXED}Signature=${digit.repeat(64)}`, `20260101T0000${second}Z`)).toEqual({
      via: "header",
      accessKeyId: "a/key",
      date: "20260101",
      region: "here",
      service: "s3",
      scope: "20260101/here/s3/aws4_request",
      signedHeaders: { text: "host;x-amz-date", names: ["host", "x-amz-date"] },
      signature: digit.repeat(64),
      amzDate: `20260101T0000${second}Z`,
      timeMs: Date.UTC(2026, 0, 1, 0, 0, Number(second)),
      expiresSeconds: undefined,
      sessionToken: undefined,
    });
  }
});

test("a field that only ends like the signature's, or one behind it, is not taken for it", () => {
  const [real, other] = ["d".repeat(64), "e".repeat(64)];
  for (let again = 0; again < 2; again++) {
    expect(claimOf(`${FIXED}Signature=${real},NoSignature=${real}`)?.signature).toBe(real);
    expect(claimOf(`${FIXED}Signature=${real},NoSignature=${other}`)?.signature).toBe(real);
    expect(claimOf(`${FIXED}Signature=${real}, Extra=${"f".repeat(60)}`)?.signature).toBe(real);
    expect(claimOf(`${FIXED}Signature=${other}`)?.signature).toBe(other);
  }
});
