/** The promise: what a policy's conditions ask of a request is what the request does, wherever in it that is said. */
import { createHash, createHmac } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MAX_JUDGED_BODY_BYTES } from "../limits.ts";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../testing/feature-client.ts";
import { ALICE, BOB, BOB_OWNER, type Rig, startRig } from "../testing/rig.ts";

const Bucket = "judged";
const DAY_MS = 24 * 60 * 60 * 1000;
const DENIED = { name: "AccessDenied", status: 403 };
const inDays = (days: number) => new Date(Math.floor((Date.now() + days * DAY_MS) / 1000) * 1000);
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ALICE);
  await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  await rig.node.encryptionKey("payroll");
  await rig.node.encryptionKey("other");
});

afterEach(async () => {
  await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

type Condition = Readonly<Record<string, Readonly<Record<string, string>>>>;

function deny(...denied: readonly (readonly [action: string | readonly string[], condition?: Condition])[]) {
  const Statement = denied.map(([Action, Condition]) => ({
    Effect: "Deny",
    Principal: "*",
    Action,
    Resource: `arn:aws:s3:::${Bucket}/*`,
    ...(Condition && { Condition }),
  }));
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  return s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
}

const put = async (Key: string, more: Partial<PutObjectCommandInput> = {}) =>
  (await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x", ...more }))).VersionId;

describe("a version of its own", () => {
  it("is judged by its own tags where governance is bypassed for many at once", async () => {
    const locked = { ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: inDays(30) } as const;
    const VersionId = await put("evidence", { Tagging: "class=evidence", ...locked });
    await put("evidence");
    await deny([
      "s3:BypassGovernanceRetention",
      { StringEquals: { "s3:ExistingObjectTag/class": "evidence" } },
    ]);
    const { Errors, Deleted } = await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        BypassGovernanceRetention: true,
        Delete: { Objects: [{ Key: "evidence", VersionId }] },
      }),
    );
    expect(Errors).toMatchObject([{ Key: "evidence", VersionId, Code: "AccessDenied" }]);
    expect(Deleted).toBeUndefined();
    await s3.send(new GetObjectCommand({ Bucket, Key: "evidence", VersionId }));
  });

  it("is the s3:VersionId of copies and of deletions of many", async () => {
    const VersionId = await put("v", { Body: "secret" });
    await put("v", { Body: "public" });
    const CopySource = `${Bucket}/v?versionId=${VersionId}`;
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const copyPart = new UploadPartCopyCommand({
      Bucket,
      Key: "parts",
      UploadId,
      PartNumber: 1,
      CopySource,
    });
    const actions = ["s3:GetObjectVersion", "s3:DeleteObjectVersion"];
    await deny([actions, { StringEquals: { "s3:VersionId": VersionId ?? "" } }]);
    const of = { Bucket, Key: "v", VersionId };
    expect(await failureOf(s3.send(new GetObjectCommand(of)))).toEqual(DENIED);
    expect(await failureOf(s3.send(new DeleteObjectCommand(of)))).toEqual(DENIED);
    const copy = new CopyObjectCommand({ Bucket, Key: "copy", CopySource });
    expect(await failureOf(s3.send(copy))).toEqual(DENIED);
    expect(await failureOf(s3.send(copyPart))).toEqual(DENIED);
    const many = new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "v", VersionId }] } });
    expect((await s3.send(many)).Errors).toMatchObject([{ Code: "AccessDenied" }]);
    await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/v` }));
  });
});

describe("what stands in the body", () => {
  const hold = (Key: string, Status: "ON" | "OFF") =>
    s3.send(new PutObjectLegalHoldCommand({ Bucket, Key, LegalHold: { Status } }));
  const retain = (Key: string, Mode: "GOVERNANCE" | "COMPLIANCE", days: number) =>
    s3.send(
      new PutObjectRetentionCommand({
        Bucket,
        Key,
        Retention: { Mode, RetainUntilDate: inDays(days) },
      }),
    );

  it("is s3:object-lock-legal-hold", async () => {
    const VersionId = await put("held", { ObjectLockLegalHoldStatus: "ON" });
    await deny(["s3:PutObjectLegalHold", { StringEquals: { "s3:object-lock-legal-hold": "OFF" } }]);
    expect(await failureOf(hold("held", "OFF"))).toEqual(DENIED);
    await hold("held", "ON");
    const remove = new DeleteObjectCommand({ Bucket, Key: "held", VersionId });
    expect(await failureOf(s3.send(remove))).toEqual(DENIED);
  });

  it("also where the object's tags decide as well", async () => {
    await put("tagged", { Tagging: "class=evidence" });
    await put("free");
    const tag = { "s3:ExistingObjectTag/class": "evidence", "s3:object-lock-legal-hold": "OFF" };
    await deny(["s3:PutObjectLegalHold", { StringEquals: tag }]);
    await hold("tagged", "ON");
    expect(await failureOf(hold("tagged", "OFF"))).toEqual(DENIED);
    await hold("free", "ON");
    await hold("free", "OFF");
  });

  it("is the mode and the days of a retention, and what a header says of them counts for nothing", async () => {
    await put("kept");
    await deny(
      ["s3:PutObjectRetention", { StringEquals: { "s3:object-lock-mode": "COMPLIANCE" } }],
      ["s3:PutObjectRetention", { NumericGreaterThan: { "s3:object-lock-remaining-retention-days": "10" } }],
      [
        "s3:PutObjectRetention",
        { DateGreaterThan: { "s3:object-lock-retain-until-date": inDays(8).toISOString() } },
      ],
    );
    expect(await failureOf(retain("kept", "COMPLIANCE", 1))).toEqual(DENIED);
    expect(await failureOf(retain("kept", "GOVERNANCE", 36_000))).toEqual(DENIED);
    expect(await failureOf(retain("kept", "GOVERNANCE", 9))).toEqual(DENIED);
    const until = inDays(1).toISOString();
    const body = `<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`;
    const headers = {
      "content-md5": createHash("md5").update(body).digest("base64"),
      "x-amz-object-lock-mode": "GOVERNANCE",
    };
    const target = `/${Bucket}/kept?retention`;
    const sent = await sendRaw(rig, { method: "PUT", target, body, headers, credentials: ALICE });
    expect(errorCodeOf(sent)).toBe("AccessDenied");
    await retain("kept", "GOVERNANCE", 1);
  });

  it("is s3:RequestObjectTag and its keys", async () => {
    await put("t");
    const tag = (Key: string, Value: string) =>
      s3.send(new PutObjectTaggingCommand({ Bucket, Key: "t", Tagging: { TagSet: [{ Key, Value }] } }));
    await deny(
      ["s3:PutObjectTagging", { StringEquals: { "s3:RequestObjectTag/level": "top" } }],
      ["s3:PutObjectTagging", { "ForAnyValue:StringEquals": { "s3:RequestObjectTagKeys": "owner" } }],
    );
    expect(await failureOf(tag("level", "top"))).toEqual(DENIED);
    expect(await failureOf(tag("owner", "me"))).toEqual(DENIED);
    await tag("level", "low");
  });

  it("says nothing of itself to whoever may not do it, and is short", async () => {
    await put("s");
    const send = (body: string, credentials: typeof ALICE) => {
      const target = `/${Bucket}/s?tagging`;
      return sendRaw(rig, { method: "PUT", target, body, credentials }).then(errorCodeOf);
    };
    expect(await send("<Tagging><", BOB)).toBe("AccessDenied");
    expect(await send("<Tagging><", ALICE)).toBe("MalformedXML");
    const long = `<Tagging>${" ".repeat(MAX_JUDGED_BODY_BYTES)}<TagSet/></Tagging>`;
    expect(await send(long, ALICE)).toBe("MalformedXML");
    expect(await send("<Tagging><TagSet/></Tagging>", ALICE)).toBe("status 200");
  });
});

it("grants in headers are a PutObjectAcl, as a canned list is", async () => {
  const ObjectOwnership = "ObjectWriter" as const;
  const OwnershipControls = { Rules: [{ ObjectOwnership }] };
  await s3.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls }));
  await deny(["s3:PutObjectAcl"]);
  const grantee = `id=${BOB_OWNER.id}`;
  for (const grant of [
    { ACL: "public-read" as const },
    { GrantRead: grantee },
    { GrantReadACP: grantee },
    { GrantWriteACP: grantee },
    { GrantFullControl: grantee },
  ]) {
    expect(await failureOf(put("granted", grant)), JSON.stringify(grant)).toEqual(DENIED);
  }
  await put("granted");
});

describe("encryption", () => {
  const SSE = "s3:x-amz-server-side-encryption";
  const KMS_KEY = `${SSE}-aws-kms-key-id`;

  it("that a policy asks for is that of the upload where a part is sent", async () => {
    const plain = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "plain" }));
    await put("source", { ServerSideEncryption: "AES256" });
    await deny(
      ["s3:PutObject", { StringNotEquals: { [SSE]: "AES256" } }],
      ["s3:PutObject", { Null: { [SSE]: "true" } }],
    );
    const Key = "sealed";
    const begin = (more: object) => s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
    expect(await failureOf(begin({}))).toEqual(DENIED);
    const { UploadId } = await begin({ ServerSideEncryption: "AES256" });
    const upload = { Bucket, Key, UploadId };
    const { ETag } = await s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "x" }));
    const copied = { ...upload, PartNumber: 2, CopySource: `${Bucket}/source` };
    await s3.send(new UploadPartCopyCommand(copied));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
    // What was begun before there was the policy is not encrypted, whatever a header of its parts says.
    const target = `/${Bucket}/plain?partNumber=1&uploadId=${plain.UploadId}`;
    const headers = { "x-amz-server-side-encryption": "AES256" };
    const sent = await sendRaw(rig, { method: "PUT", target, body: "x", headers, credentials: ALICE });
    expect(errorCodeOf(sent)).toBe("AccessDenied");
  });

  it.each([
    ["StringEquals", "payroll"],
    ["StringEquals", "arn:aws:kms:us-east-1:1:key/payroll"],
    ["StringLike", "pay*"],
    ["StringLike", "arn:aws:kms:*:*:key/pay*"],
    ["ArnLike", "arn:aws:kms:*:*:key/payroll"],
  ])("by a key is denied by %s %s, however the key is named", async (operator, value) => {
    await deny(["s3:PutObject", { [operator]: { [KMS_KEY]: value } }]);
    const seal = (SSEKMSKeyId: string) => put("kms", { ServerSideEncryption: "aws:kms", SSEKMSKeyId });
    for (const keyId of ["payroll", "arn:aws:kms:us-east-1:1:key/payroll", "arn:aws:kms:x:2:key/payroll"]) {
      expect(await failureOf(seal(keyId)), keyId).toEqual(DENIED);
    }
    await seal("other");
    await seal("arn:aws:kms:us-east-1:1:key/other");
  });

  it("by another key than the one that a policy names is denied, also for parts", async () => {
    const arn = "arn:aws:kms:us-east-1:1:key/payroll";
    await deny(["s3:PutObject", { StringNotEquals: { [KMS_KEY]: arn } }]);
    const kms = (SSEKMSKeyId: string) => ({ ServerSideEncryption: "aws:kms" as const, SSEKMSKeyId });
    expect(await failureOf(put("only", kms("other")))).toEqual(DENIED);
    await put("only", kms("payroll"));
    await put("only", kms(arn));
    const begin = new CreateMultipartUploadCommand({ Bucket, Key: "only", ...kms(arn) });
    const { UploadId } = await s3.send(begin);
    const part = { Bucket, Key: "only", UploadId, PartNumber: 1, Body: "x" };
    await s3.send(new UploadPartCommand(part));
  });
});

describe("a form", () => {
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

  async function postForm(): Promise<number> {
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
    const day = date.slice(0, 8);
    const credential = `${ALICE.accessKeyId}/${day}/us-east-1/s3/aws4_request`;
    const signed = {
      "x-amz-algorithm": "AWS4-HMAC-SHA256",
      "x-amz-credential": credential,
      "x-amz-date": date,
    };
    const ofSignature = Object.entries(signed).map(([name, value]) => ({ [name]: value }));
    const conditions = [{ bucket: Bucket }, ["starts-with", "$key", ""], ...ofSignature];
    const expiration = new Date(Date.now() + 600_000).toISOString();
    const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64");
    const ofRegion = hmac(hmac(`AWS4${ALICE.secretAccessKey}`, day), "us-east-1");
    const key = hmac(hmac(ofRegion, "s3"), "aws4_request");
    const signature = hmac(key, policy).toString("hex");
    const form = new FormData();
    const fields = { key: "form", policy, ...signed, "x-amz-signature": signature };
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", new Blob(["hi"]), "a.txt");
    return (await fetch(`${rig.endpoint}/${Bucket}`, { method: "POST", body: form })).status;
  }

  it.each([
    ["s3:authType", "POST"],
    ["s3:signatureversion", "AWS4-HMAC-SHA256"],
  ])("has %s %s", async (name, value) => {
    expect(await postForm()).toBe(204);
    await deny(["s3:PutObject", { StringEquals: { [name]: value } }]);
    expect(await postForm()).toBe(403);
    await deny(["s3:PutObject", { StringNotEquals: { [name]: value } }]);
    expect(await postForm()).toBe(204);
  });
});
