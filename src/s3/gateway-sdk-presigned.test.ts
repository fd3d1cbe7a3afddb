import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, it } from "vitest";
import { failureOf } from "./testing/feature-client.ts";
import { SdkRig, textOf } from "./testing/sdk-rig.ts";

const sdk = SdkRig.forAllTests();
const { put } = sdk;

describe("presigned URLs of the SDK", () => {
  it("get, put, head and delete", async () => {
    await put("signed", "by url");
    const url = await getSignedUrl(sdk.s3, new GetObjectCommand({ Bucket: "docs", Key: "signed" }), {
      expiresIn: 60,
    });
    expect(await (await fetch(url)).text()).toBe("by url");
    expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(403);
    const putUrl = await getSignedUrl(sdk.s3, new PutObjectCommand({ Bucket: "docs", Key: "signed put" }), {
      expiresIn: 60,
    });
    const stored = await fetch(putUrl, { method: "PUT", body: "uploaded by url" });
    expect({ status: stored.status, text: await stored.text() }).toEqual({ status: 200, text: "" });
    const got = await sdk.s3.send(new GetObjectCommand({ Bucket: "docs", Key: "signed put" }));
    expect(await textOf(got)).toBe("uploaded by url");
  });

  it("with metadata whose name is no header's are refused, as nobody could read the object", async () => {
    const command = new PutObjectCommand({ Bucket: "docs", Key: "unreadable", Metadata: { größe: "1" } });
    const answer = await fetch(await getSignedUrl(sdk.s3, command), { method: "PUT", body: "x" });
    expect(answer.status).toBe(400);
    const document = await answer.text();
    expect(document).toContain("<Code>InvalidArgument</Code>");
    expect(document).toContain("<ArgumentName>x-amz-meta-größe</ArgumentName>");
    const head = new HeadObjectCommand({ Bucket: "docs", Key: "unreadable" });
    expect(await failureOf(sdk.s3.send(head))).toEqual({ name: "NotFound", status: 404 });
  });

  it("do not outlive their time and cannot be changed", async () => {
    const command = new GetObjectCommand({ Bucket: "docs", Key: "signed" });
    const old = await getSignedUrl(sdk.s3, command, {
      expiresIn: 60,
      signingDate: new Date(Date.now() - 3600_000),
    });
    const expired = await fetch(old);
    expect(expired.status).toBe(403);
    expect(await expired.text()).toContain("<Message>Request has expired</Message>");
    const url = await getSignedUrl(sdk.s3, command, { expiresIn: 60 });
    expect((await fetch(url.replace("/docs/signed", "/docs/secret"))).status).toBe(403);
    expect((await fetch(`${url}&response-content-type=text%2Fhtml`)).status).toBe(403);
  });
});
