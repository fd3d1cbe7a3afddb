/** Of the promise: an account gives its users, groups and roles what it says and no more, and takes it back at once. */
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, it } from "vitest";
import { mintSession } from "../../access/index.ts";
import { sha256Hex } from "../auth/hmac.ts";
import { ACCOUNT, AccountRig, keyIn } from "../testing/account-rig.ts";
import { ask } from "../testing/query-client.ts";
import { ALICE, ALICE_OWNER } from "../testing/rig.ts";
import { signRequest } from "../testing/sign.ts";

const account = AccountRig.forAllTests();
const { alice, listing, outcome, s3, userWithKey } = account;

describe("sessions", () => {
  it("of an account and of a user may what these may, but make no lasting credentials", async () => {
    const session = keyIn(await alice("GetSessionToken"));
    const client = s3(session);
    await client.send(new CreateBucketCommand({ Bucket: "session-bucket" }));
    await client.send(new PutObjectCommand({ Bucket: "session-bucket", Key: "k", Body: "by session" }));
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: "session-bucket", Key: "k" }));
    expect(await (await fetch(url)).text()).toBe("by session");
    expect(await outcome("CreateUser", { UserName: "lasting" }, session)).toBe("AccessDenied");
    expect(await outcome("CreateAccessKey", {}, session)).toBe("AccessDenied");
    expect(await outcome("GetSessionToken", {}, session)).toBe("AccessDenied");

    const jan = await userWithKey("jan");
    const ofJan = keyIn(
      await ask(account.rig, {
        caller: jan,
        action: "GetSessionToken",
        parameters: { DurationSeconds: "900" },
      }),
    );
    expect(await listing(ofJan)).toBe("AccessDenied");
    const user = `arn:aws:iam::${ACCOUNT}:user/jan`;
    const Policy = JSON.stringify({
      Statement: {
        Effect: "Allow",
        Principal: { AWS: user },
        Action: "s3:ListBucket",
        Resource: "arn:aws:s3:::session-bucket",
      },
    });
    await client.send(new PutBucketPolicyCommand({ Bucket: "session-bucket", Policy }));
    const found = await s3(ofJan).send(new ListObjectsV2Command({ Bucket: "session-bucket" }));
    expect(found.KeyCount).toBe(1);
  });

  it("are good only whole, for their own key, and for their time", async () => {
    const session = keyIn(await alice("GetSessionToken"));
    const another = keyIn(await alice("GetSessionToken"));
    expect(await listing(session)).toBe("succeeded");
    const { sessionToken = "" } = session;
    const { accessKeyId, secretAccessKey } = session;
    expect(await listing({ accessKeyId, secretAccessKey })).toBe("InvalidAccessKeyId");
    expect(await listing({ ...session, sessionToken: another.sessionToken ?? "" })).toBe("InvalidToken");
    expect(await listing({ ...ALICE, sessionToken })).toBe("InvalidToken");
    expect(await listing({ ...session, secretAccessKey: another.secretAccessKey })).toBe(
      "SignatureDoesNotMatch",
    );
    const flipped =
      sessionToken.slice(0, -2) + (sessionToken.at(-2) === "A" ? "B" : "A") + sessionToken.slice(-1);
    for (const token of [
      flipped,
      "",
      "x",
      sessionToken.slice(1),
      `${sessionToken}AAAA`,
      "A".repeat(13_000),
    ]) {
      if (token === "") continue;
      expect(await listing({ ...session, sessionToken: token }), token.slice(0, 20)).toBe("InvalidToken");
    }
    const issuedAtMs = Date.now() - 1_000_000;
    const claims = {
      issuedAtMs,
      expiresAtMs: issuedAtMs + 900_000,
      canonicalId: ALICE_OWNER.id,
      subject: { kind: "account" as const },
    };
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const old = mintSession(claims, account.rig.node.sealer, random);
    expect(
      await listing({ accessKeyId: old.keyId, secretAccessKey: old.secret, sessionToken: old.token }),
    ).toBe("ExpiredToken");
    const stranger = mintSession(
      { ...claims, expiresAtMs: Date.now() + 900_000, canonicalId: "f".repeat(64) },
      account.rig.node.sealer,
      random,
    );
    expect(
      await listing({
        accessKeyId: stranger.keyId,
        secretAccessKey: stranger.secret,
        sessionToken: stranger.token,
      }),
    ).toBe("InvalidToken");
  });

  it("are not in the answer to a wrong signature, wherever their token was sent", async () => {
    const session = keyIn(await alice("GetSessionToken"));
    const { sessionToken = "" } = session;
    const client = s3({ ...session, secretAccessKey: "wrong" });
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: "session-bucket", Key: "k" }));
    const presigned = await (await fetch(url)).text();
    const { host } = new URL(account.rig.endpoint);
    const signed = signRequest({
      method: "GET",
      target: "/session-bucket/k",
      headers: { host, "x-amz-security-token": sessionToken },
      payloadHash: sha256Hex(""),
      credentials: { accessKeyId: session.accessKeyId, secretAccessKey: "wrong" },
      nowMs: Date.now(),
    });
    const { headers } = signed;
    const sent = await (await fetch(`${account.rig.endpoint}/session-bucket/k`, { headers })).text();
    for (const answer of [presigned, sent]) {
      expect(answer).toContain("<Code>SignatureDoesNotMatch</Code>");
      expect(answer).toMatch(/x-amz-security-token[:=]REDACTED/i);
      expect(answer).not.toContain(sessionToken.slice(0, 40));
    }
    const twice = await (await fetch(`${url}&X-Amz-Security-Token=${sessionToken}`)).text();
    expect(twice).toContain("REDACTED");
    expect(twice).not.toContain(sessionToken.slice(0, 40));
  });
});
