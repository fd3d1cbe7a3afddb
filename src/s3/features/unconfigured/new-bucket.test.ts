/**
 * The promise: a tool that reads everything about a bucket, as Terraform's aws_s3_bucket does after each change, is told of a new one what S3 tells it. Source: the
 * provider's internal/service/s3/bucket.go, which takes these codes, and no others, for "there is none".
 */
import {
  CreateBucketCommand,
  GetBucketAccelerateConfigurationCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketLoggingCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketReplicationCommand,
  GetBucketRequestPaymentCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetBucketWebsiteCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientOf, failureOf } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig } from "../../testing/rig.ts";

const Bucket = "new";
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

type Send = () => Promise<object>;

it.each<[string, Send, object]>([
  ["its region", () => s3.send(new HeadBucketCommand({ Bucket })), { BucketRegion: "us-east-1" }],
  ["its place", () => s3.send(new GetBucketLocationCommand({ Bucket })), { LocationConstraint: undefined }],
  ["its versioning", () => s3.send(new GetBucketVersioningCommand({ Bucket })), {}],
  ["its acceleration", () => s3.send(new GetBucketAccelerateConfigurationCommand({ Bucket })), {}],
  ["who pays", () => s3.send(new GetBucketRequestPaymentCommand({ Bucket })), { Payer: "BucketOwner" }],
  ["its log", () => s3.send(new GetBucketLoggingCommand({ Bucket })), {}],
  ["whom it notifies", () => s3.send(new GetBucketNotificationConfigurationCommand({ Bucket })), {}],
])("a new bucket says %s", async (_, send, expected) => {
  const { $metadata, ...answer } = (await send()) as { $metadata: { httpStatusCode?: number } };
  expect($metadata.httpStatusCode).toBe(200);
  const { AccessPointAlias: _alias, ...rest } = answer as Record<string, unknown>;
  expect(rest).toEqual(expected);
});

it("a new bucket has one grant, its owner's", async () => {
  const { Grants = [], Owner } = await s3.send(new GetBucketAclCommand({ Bucket }));
  expect(Grants.map(({ Grantee, Permission }) => [Grantee?.ID, Permission])).toEqual([
    [Owner?.ID, "FULL_CONTROL"],
  ]);
});

it.each<[string, Send]>([
  ["NoSuchBucketPolicy", () => s3.send(new GetBucketPolicyCommand({ Bucket }))],
  ["NoSuchCORSConfiguration", () => s3.send(new GetBucketCorsCommand({ Bucket }))],
  ["NoSuchWebsiteConfiguration", () => s3.send(new GetBucketWebsiteCommand({ Bucket }))],
  ["NoSuchLifecycleConfiguration", () => s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))],
  ["ReplicationConfigurationNotFoundError", () => s3.send(new GetBucketReplicationCommand({ Bucket }))],
  ["ObjectLockConfigurationNotFoundError", () => s3.send(new GetObjectLockConfigurationCommand({ Bucket }))],
  ["NoSuchTagSet", () => s3.send(new GetBucketTaggingCommand({ Bucket }))],
  ["NoSuchPublicAccessBlockConfiguration", () => s3.send(new GetPublicAccessBlockCommand({ Bucket }))],
  ["OwnershipControlsNotFoundError", () => s3.send(new GetBucketOwnershipControlsCommand({ Bucket }))],
  [
    "ServerSideEncryptionConfigurationNotFoundError",
    () => s3.send(new GetBucketEncryptionCommand({ Bucket })),
  ],
])("a new bucket says %s", async (name, send) => {
  expect(await failureOf(send())).toEqual({ name, status: 404 });
});
