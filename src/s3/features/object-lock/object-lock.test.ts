import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  type ObjectLockRule,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ADMIN, type Rig, startRig, WRITER } from "../../testing/rig.ts";

const Bucket = "locked";
const DAY_MS = 24 * 60 * 60 * 1000;
let rig: Rig;
let s3: S3Client;

beforeAll(async () => {
  rig = await startRig();
  s3 = clientOf(rig, ADMIN);
  await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  await s3.send(new CreateBucketCommand({ Bucket: "open" }));
});

afterAll(async () => {
  s3.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const START_MS = Math.floor(Date.now() / 1000) * 1000;
const inDays = (days: number) => new Date(START_MS + days * DAY_MS);
const put = async (Key: string, more: Partial<ConstructorParameters<typeof PutObjectCommand>[0]> = {}) =>
  (await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x", ...more }))).VersionId;
const remove = (Key: string, VersionId: string | undefined, BypassGovernanceRetention?: boolean) =>
  s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention }));
const retain = (
  Key: string,
  Mode: "GOVERNANCE" | "COMPLIANCE",
  RetainUntilDate: Date,
  BypassGovernanceRetention?: boolean,
) =>
  s3.send(
    new PutObjectRetentionCommand({
      Bucket,
      Key,
      Retention: { Mode, RetainUntilDate },
      BypassGovernanceRetention,
    }),
  );
const retentionOf = async (Key: string) =>
  (await s3.send(new GetObjectRetentionCommand({ Bucket, Key }))).Retention;
const hold = (Key: string, Status: "ON" | "OFF") =>
  s3.send(new PutObjectLegalHoldCommand({ Bucket, Key, LegalHold: { Status } }));
const setDefault = (Rule?: ObjectLockRule, bucket = Bucket) =>
  s3.send(
    new PutObjectLockConfigurationCommand({
      Bucket: bucket,
      ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", ...(Rule && { Rule }) },
    }),
  );
const DENIED = { name: "AccessDenied", status: 403 };

describe("object lock of a bucket", () => {
  it("is on from the start, keeps versioning enabled, and has a default where one is set", async () => {
    const configuration = async () =>
      (await s3.send(new GetObjectLockConfigurationCommand({ Bucket }))).ObjectLockConfiguration;
    expect(await configuration()).toEqual({ ObjectLockEnabled: "Enabled" });
    const suspend = new PutBucketVersioningCommand({
      Bucket,
      VersioningConfiguration: { Status: "Suspended" },
    });
    expect(await failureOf(s3.send(suspend))).toEqual({ name: "InvalidBucketState", status: 409 });
    const Rule: ObjectLockRule = { DefaultRetention: { Mode: "GOVERNANCE", Days: 2 } };
    await setDefault(Rule);
    expect(await configuration()).toEqual({ ObjectLockEnabled: "Enabled", Rule });
    const before = Date.now();
    const id = await put("by-default");
    const retention = await retentionOf("by-default");
    expect(retention?.Mode).toBe("GOVERNANCE");
    const leftMs = retention!.RetainUntilDate!.getTime() - before;
    expect(Math.round(leftMs / DAY_MS)).toBe(2);
    expect(await failureOf(remove("by-default", id))).toEqual(DENIED);
    await remove("by-default", id, true);
    await setDefault();
    const free = await put("free");
    await remove("free", free);
  });

  it("needs versioning", async () => {
    const missing = s3.send(new GetObjectLockConfigurationCommand({ Bucket: "open" }));
    expect(await failureOf(missing)).toEqual({ name: "ObjectLockConfigurationNotFoundError", status: 404 });
    const Rule: ObjectLockRule = { DefaultRetention: { Mode: "COMPLIANCE", Years: 1 } };
    expect(await failureOf(setDefault(Rule, "open"))).toEqual({ name: "InvalidBucketState", status: 409 });
    const locked = new PutObjectCommand({
      Bucket: "open",
      Key: "k",
      Body: "x",
      ObjectLockLegalHoldStatus: "ON",
    });
    expect(await failureOf(s3.send(locked))).toEqual({ name: "InvalidRequest", status: 400 });
  });

  it.each([
    ["both periods", "<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>", "MalformedXML"],
    ["no period", "<Mode>GOVERNANCE</Mode>", "MalformedXML"],
    ["no days", "<Mode>GOVERNANCE</Mode><Days>0</Days>", "InvalidRetentionPeriod"],
    ["negative years", "<Mode>GOVERNANCE</Mode><Years>-1</Years>", "InvalidRetentionPeriod"],
    ["an unknown mode", "<Mode>governance</Mode><Days>1</Days>", "MalformedXML"],
  ])("is refused with %s", async (_, inside, code) => {
    const rule = `<Rule><DefaultRetention>${inside}</DefaultRetention></Rule>`;
    const body = `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`;
    const target = `/${Bucket}?object-lock`;
    const bare = await sendRaw(rig, { method: "PUT", target, body, credentials: ADMIN });
    expect(errorCodeOf(bare)).toBe("InvalidRequest");
    const headers = { "content-md5": await md5Of(body) };
    const answer = await sendRaw(rig, { method: "PUT", target, body, headers, credentials: ADMIN });
    expect(errorCodeOf(answer)).toBe(code);
  });
});

async function md5Of(text: string): Promise<string> {
  const { createHash } = await import("node:crypto");
  return createHash("md5").update(text).digest("base64");
}

describe("a retention", () => {
  it("in governance mode yields to whoever may bypass it, and to nobody else", async () => {
    const id = await put("g", { ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: inDays(2) });
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "g" }));
    expect([head.ObjectLockMode, head.ObjectLockRetainUntilDate]).toEqual(["GOVERNANCE", inDays(2)]);
    expect(await failureOf(remove("g", id))).toEqual(DENIED);
    expect(await failureOf(retain("g", "GOVERNANCE", inDays(1)))).toEqual(DENIED);
    await retain("g", "GOVERNANCE", inDays(3));
    await retain("g", "GOVERNANCE", inDays(1), true);
    expect((await retentionOf("g"))?.RetainUntilDate).toEqual(inDays(1));
    const asWriter = { method: "DELETE", target: `/${Bucket}/g?versionId=${id}`, credentials: WRITER };
    const bypass = { "x-amz-bypass-governance-retention": "true" };
    expect((await sendRaw(rig, { ...asWriter, headers: bypass })).status).toBe(403);
    const Objects = [{ Key: "g", VersionId: id }];
    const many = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(many.Errors).toMatchObject([{ Key: "g", Code: "AccessDenied" }]);
    await remove("g", id, true);
  });

  it("in compliance mode yields to nobody, and only grows", async () => {
    const id = await put("c");
    await retain("c", "COMPLIANCE", inDays(1));
    expect(await failureOf(remove("c", id, true))).toEqual(DENIED);
    expect(await failureOf(retain("c", "GOVERNANCE", inDays(2), true))).toEqual(DENIED);
    expect(await failureOf(retain("c", "COMPLIANCE", inDays(0.5), true))).toEqual(DENIED);
    await retain("c", "COMPLIANCE", inDays(2));
    // A delete marker hides it, and takes nothing away.
    const marked = await remove("c", undefined);
    expect(marked.DeleteMarker).toBe(true);
    await remove("c", marked.VersionId);
    expect((await retentionOf("c"))?.RetainUntilDate).toEqual(inDays(2));
  });

  it("must end in the future and name both mode and date", async () => {
    await put("f");
    expect(await failureOf(retain("f", "GOVERNANCE", new Date(0)))).toEqual({
      name: "InvalidArgument",
      status: 400,
    });
    const half = new PutObjectCommand({ Bucket, Key: "f", Body: "x", ObjectLockMode: "GOVERNANCE" });
    expect(await failureOf(s3.send(half))).toEqual({ name: "InvalidArgument", status: 400 });
    expect(await failureOf(retentionOf("f"))).toEqual({ name: "NoSuchObjectLockConfiguration", status: 404 });
    const elsewhere = s3.send(new GetObjectRetentionCommand({ Bucket: "open", Key: "k" }));
    expect((await failureOf(elsewhere)).name).toBe("NoSuchKey");
  });
});

describe("a legal hold", () => {
  it("keeps a version until it is taken off, whoever asks", async () => {
    const id = await put("h");
    const holdOf = async () => (await s3.send(new GetObjectLegalHoldCommand({ Bucket, Key: "h" }))).LegalHold;
    expect((await failureOf(holdOf())).name).toBe("NoSuchObjectLockConfiguration");
    await hold("h", "ON");
    expect(await holdOf()).toEqual({ Status: "ON" });
    expect(await failureOf(remove("h", id, true))).toEqual(DENIED);
    await hold("h", "OFF");
    expect(await holdOf()).toEqual({ Status: "OFF" });
    await remove("h", id);
  });
});
