import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Rig, startRig, WRITER } from "./testing/rig.ts";

let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = new S3Client({
    endpoint: rig.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: WRITER,
    maxAttempts: 1,
  });
  await s3.send(new CreateBucketCommand({ Bucket: "docs" }));
  await s3.send(new PutObjectCommand({ Bucket: "docs", Key: "before", Body: "b" }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
});

describe("in maintenance", () => {
  it("writes are answered 503 with the time to come back, reads go on", async () => {
    await rig.node.setMaintenance(true);
    const put = new PutObjectCommand({ Bucket: "docs", Key: "k", Body: "x".repeat(100_000) });
    put.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        headers = (result.response as { headers: Record<string, string> }).headers;
        return result;
      },
      { step: "deserialize", priority: "low" },
    );
    let headers: Record<string, string> = {};
    await expect(s3.send(put)).rejects.toMatchObject({
      name: "ServiceUnavailable",
      $metadata: { httpStatusCode: 503 },
    });
    expect(headers).toMatchObject({ "retry-after": "10" });
    expect(rig.events.at(-1)).toMatchObject({ operation: "PutObject", errorCode: "ServiceUnavailable" });
    const got = await s3.send(new GetObjectCommand({ Bucket: "docs", Key: "before" }));
    expect(await got.Body?.transformToString()).toBe("b");
    await rig.node.setMaintenance(false);
    await s3.send(new PutObjectCommand({ Bucket: "docs", Key: "k", Body: "x" }));
  });
});
