/** The promise: a tool that reads every configuration of a bucket is told that there is none, and nothing is accepted that does not happen. */
import {
  CreateBucketCommand,
  DeleteBucketReplicationCommand,
  GetBucketAccelerateConfigurationCommand,
  GetBucketReplicationCommand,
  GetBucketRequestPaymentCommand,
  GetObjectTorrentCommand,
  PutBucketRequestPaymentCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig, WRITER } from "../../testing/rig.ts";

const Bucket = "bare";
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

it("there is nothing to read", async () => {
  expect((await s3.send(new GetBucketAccelerateConfigurationCommand({ Bucket }))).Status).toBeUndefined();
  expect((await s3.send(new GetBucketRequestPaymentCommand({ Bucket }))).Payer).toBe("BucketOwner");
  const replication = s3.send(new GetBucketReplicationCommand({ Bucket }));
  expect(await failureOf(replication)).toEqual({
    name: "ReplicationConfigurationNotFoundError",
    status: 404,
  });
  const torrent = s3.send(new GetObjectTorrentCommand({ Bucket, Key: "k" }));
  expect(await failureOf(torrent)).toEqual({ name: "NoSuchKey", status: 404 });
});

it("taking away what is not there, and saying that it is off, is fine", async () => {
  await s3.send(new DeleteBucketReplicationCommand({ Bucket }));
  await s3.send(
    new PutBucketRequestPaymentCommand({ Bucket, RequestPaymentConfiguration: { Payer: "BucketOwner" } }),
  );
});

const payer = (who: string) =>
  `<RequestPaymentConfiguration><Payer>${who}</Payer></RequestPaymentConfiguration>`;
it.each([
  ["requestPayment", payer("Requester"), "NotImplemented"],
  ["requestPayment", payer("Nobody"), "MalformedXML"],
  ["replication", "<ReplicationConfiguration/>", "NotImplemented"],
  [
    "accelerate",
    "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>",
    "NotImplemented",
  ],
])("asking for ?%s with %s is refused", async (subResource, body, code) => {
  const request = { method: "PUT", target: `/${Bucket}?${subResource}`, body };
  expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: ADMIN }))).toBe(code);
  expect(errorCodeOf(await sendRaw(rig, { ...request, credentials: WRITER }))).toBe("AccessDenied");
});

it("a bucket that is not there is missing", async () => {
  const missing = { Bucket: "missing" };
  expect((await failureOf(s3.send(new DeleteBucketReplicationCommand(missing)))).name).toBe("NoSuchBucket");
});
