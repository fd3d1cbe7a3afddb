/** Of the promise: what may be done to a version is decided by what that version says of itself, not by the one that is current. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectRetentionCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, failureOf } from "../../testing/feature-client.ts";
import { ALICE, ALICE_OWNER, BOB, BOB_OWNER, type Rig, startRig } from "../../testing/rig.ts";

let rig: Rig;
let alice: S3Client;
let bob: S3Client;
let made = 0;

beforeAll(async () => {
  rig = await startRig();
  alice = clientOf(rig, ALICE);
  bob = clientOf(rig, BOB);
});

afterAll(async () => {
  alice.destroy();
  bob.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

async function versionedBucket(): Promise<string> {
  const Bucket = `versions-${++made}`;
  await alice.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  await alice.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
  );
  return Bucket;
}

async function put(Bucket: string, more: Partial<PutObjectCommandInput> = {}): Promise<string> {
  const { VersionId = "" } = await alice.send(new PutObjectCommand({ Bucket, Key: "k", Body: "b", ...more }));
  return VersionId;
}

const policy = (Bucket: string, ...Statement: object[]) =>
  alice.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Statement }) }));
const statement = (Bucket: string, Effect: string, Action: string | string[], more: object = {}) => ({
  Effect,
  Principal: "*",
  Action,
  Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
  ...more,
});

const codeOf = async (request: Promise<unknown>): Promise<string> => (await failureOf(request)).name;

const OK = "succeeded";
const NO = "AccessDenied";

describe("a version", () => {
  it("is read by whom its own list names", async () => {
    const Bucket = await versionedBucket();
    const open = await put(Bucket, { GrantRead: `id=${BOB_OWNER.id}` });
    const closed = await put(Bucket);
    const outcome = (VersionId?: string) =>
      codeOf(bob.send(new GetObjectCommand({ Bucket, Key: "k", VersionId })));
    expect([await outcome(), await outcome(open), await outcome(closed)]).toEqual([NO, OK, NO]);
    const heads = [open, closed].map((VersionId) =>
      failureOf(bob.send(new HeadObjectCommand({ Bucket, Key: "k", VersionId }))),
    );
    expect((await Promise.all(heads)).map(({ status }) => status)).toEqual([undefined, 403]);
  });

  it("shows the list that it was written with", async () => {
    const Bucket = await versionedBucket();
    const open = await put(Bucket, { GrantReadACP: `id=${BOB_OWNER.id}` });
    const closed = await put(Bucket);
    const grantees = async (client: S3Client, VersionId?: string) =>
      (await client.send(new GetObjectAclCommand({ Bucket, Key: "k", VersionId }))).Grants?.map(
        ({ Grantee }) => Grantee?.ID,
      );
    expect(await grantees(alice)).toEqual([ALICE_OWNER.id]);
    expect(await grantees(alice, closed)).toEqual([ALICE_OWNER.id]);
    expect(await grantees(bob, open)).toEqual([BOB_OWNER.id]);
    expect(await codeOf(grantees(bob))).toBe(NO);
  });

  it("that is not there, or is a delete marker, has no list", async () => {
    const Bucket = await versionedBucket();
    const first = await put(Bucket);
    const { VersionId: marker } = await alice.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
    const code = (VersionId?: string) =>
      codeOf(alice.send(new GetObjectAclCommand({ Bucket, Key: "k", VersionId })));
    expect(await code()).toBe("NoSuchKey");
    expect(await code(marker)).toBe("MethodNotAllowed");
    expect(await code("nonsense")).toBe("InvalidArgument");
    const last = first.startsWith("A") ? "B" : "A";
    expect(await code(last + first.slice(1))).toBe("NoSuchVersion");
  });

  it("tells nobody without a right to it whether its id could be one", async () => {
    const Bucket = await versionedBucket();
    await put(Bucket);
    for (const VersionId of ["nonsense", "null"]) {
      const read = bob.send(new GetObjectCommand({ Bucket, Key: "k", VersionId }));
      expect(await codeOf(read), VersionId).toBe(NO);
      const shown = bob.send(new GetObjectAclCommand({ Bucket, Key: "k", VersionId }));
      expect(await codeOf(shown), VersionId).toBe(NO);
    }
  });

  it("is guarded by its tags", async () => {
    const Bucket = await versionedBucket();
    const secret = await put(Bucket, { Tagging: "security=secret" });
    const open = await put(Bucket, { Tagging: "security=public" });
    const tagged = (value: string) => ({
      Condition: { StringEquals: { "s3:ExistingObjectTag/security": value } },
    });
    await policy(
      Bucket,
      statement(Bucket, "Allow", ["s3:GetObject", "s3:GetObjectVersion"], tagged("public")),
      statement(Bucket, "Allow", ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]),
      statement(Bucket, "Deny", "s3:GetObjectVersionTagging", tagged("secret")),
    );
    const read = (VersionId?: string) =>
      codeOf(bob.send(new GetObjectCommand({ Bucket, Key: "k", VersionId })));
    expect([await read(), await read(open), await read(secret)]).toEqual([OK, OK, NO]);
    const tags = (VersionId?: string) =>
      codeOf(bob.send(new GetObjectTaggingCommand({ Bucket, Key: "k", VersionId })));
    expect([await tags(), await tags(secret)]).toEqual([OK, NO]);
  });

  it("of a copy's source is judged as itself, and its list stays behind", async () => {
    const Bucket = await versionedBucket();
    const open = await put(Bucket, { GrantRead: `id=${BOB_OWNER.id}` });
    const closed = await put(Bucket);
    await bob.send(new CreateBucketCommand({ Bucket: `${Bucket}-bob` }));
    const copy = (VersionId: string) =>
      bob.send(
        new CopyObjectCommand({
          Bucket: `${Bucket}-bob`,
          Key: "copy",
          CopySource: `${Bucket}/k?versionId=${VersionId}`,
        }),
      );
    expect(await codeOf(copy(closed))).toBe(NO);
    await copy(open);
    const { Owner, Grants } = await bob.send(
      new GetObjectAclCommand({ Bucket: `${Bucket}-bob`, Key: "copy" }),
    );
    expect(Owner?.ID).toBe(BOB_OWNER.id);
    expect(Grants?.map(({ Grantee }) => Grantee?.ID)).toEqual([BOB_OWNER.id]);
  });
});

describe("writes", () => {
  it("of new keys need no list, where a policy speaks of tags", async () => {
    const Bucket = await versionedBucket();
    const secret = { Condition: { StringEquals: { "s3:ExistingObjectTag/security": "secret" } } };
    await put(Bucket, { Key: "old", Tagging: "security=secret" });
    await policy(
      Bucket,
      statement(Bucket, "Allow", "s3:PutObject"),
      statement(Bucket, "Deny", "s3:PutObject", secret),
    );
    const write = (Key: string) => codeOf(bob.send(new PutObjectCommand({ Bucket, Key, Body: "b" })));
    expect([await write("new"), await write("old")]).toEqual([OK, NO]);
  });
});

describe("deletions", () => {
  it("of many are judged by the tags of each", async () => {
    const Bucket = await versionedBucket();
    await put(Bucket, { Key: "kept", Tagging: "keep=yes" });
    await put(Bucket, { Key: "loose" });
    const keep = { Condition: { StringEquals: { "s3:ExistingObjectTag/keep": "yes" } } };
    await policy(
      Bucket,
      statement(Bucket, "Allow", "s3:DeleteObject"),
      statement(Bucket, "Deny", "s3:DeleteObject", keep),
    );
    const Delete = { Objects: [{ Key: "kept" }, { Key: "loose" }, { Key: "absent" }] };
    const { Deleted, Errors } = await bob.send(new DeleteObjectsCommand({ Bucket, Delete }));
    expect(Deleted?.map(({ Key }) => Key)).toEqual(["loose", "absent"]);
    expect(Errors?.map(({ Key, Code }) => [Key, Code])).toEqual([["kept", NO]]);
    expect(await codeOf(bob.send(new DeleteObjectCommand({ Bucket, Key: "kept" })))).toBe(NO);
  });

  it("go past governance only for who may do that too", async () => {
    const Bucket = await versionedBucket();
    const VersionId = await put(Bucket);
    const Retention = { Mode: "GOVERNANCE", RetainUntilDate: new Date(Date.now() + 3_600_000) } as const;
    await alice.send(new PutObjectRetentionCommand({ Bucket, Key: "k", VersionId, Retention }));
    await policy(Bucket, statement(Bucket, "Allow", "s3:DeleteObjectVersion"));
    const one = new DeleteObjectCommand({ Bucket, Key: "k", VersionId, BypassGovernanceRetention: true });
    const many = new DeleteObjectsCommand({
      Bucket,
      BypassGovernanceRetention: true,
      Delete: { Objects: [{ Key: "k", VersionId }] },
    });
    expect(await codeOf(bob.send(one))).toBe(NO);
    expect((await bob.send(many)).Errors?.map(({ Code }) => Code)).toEqual([NO]);
    const bypass = statement(Bucket, "Allow", "s3:BypassGovernanceRetention", {
      Resource: `arn:aws:s3:::${Bucket}/k`,
    });
    await policy(Bucket, statement(Bucket, "Allow", "s3:DeleteObjectVersion"), bypass);
    expect((await bob.send(many)).Errors ?? []).toEqual([]);
  });
});
