/** Of the promise: who may use an object is what was said last, by somebody who may say so. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type ObjectCannedACL,
  type Permission,
  PutBucketAclCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  type PutObjectAclCommandInput,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import { ALICE, ALICE_OWNER, BOB, BOB_OWNER, CAROL, type Rig, startRig } from "../../testing/rig.ts";

const ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers";
const LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery";

let rig: Rig;
let alice: S3Client;
let bob: S3Client;
let carol: S3Client;
let made = 0;

beforeAll(async () => {
  rig = await startRig();
  [alice, bob, carol] = [ALICE, BOB, CAROL].map((key) => clientOf(rig, key)) as [
    S3Client,
    S3Client,
    S3Client,
  ];
});

afterAll(async () => {
  for (const client of [alice, bob, carol]) client.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

/** A bucket of Alice's, open for writing to everybody, with the object "k" in it. */
async function bucketOf(): Promise<string> {
  const Bucket = `public-object-acl-${++made}`;
  await alice.send(new CreateBucketCommand({ Bucket, ACL: "public-read-write" }));
  await alice.send(new PutObjectCommand({ Bucket, Key: "k", Body: "text" }));
  return Bucket;
}

const codeOf = async (request: Promise<unknown>): Promise<string> => (await failureOf(request)).name;
const putAcl = (client: S3Client, Bucket: string, more: Partial<PutObjectAclCommandInput>) =>
  codeOf(client.send(new PutObjectAclCommand({ Bucket, Key: "k", ...more })));
const read = (client: S3Client, Bucket: string) =>
  codeOf(client.send(new GetObjectCommand({ Bucket, Key: "k" })));
const grantTo = (ID: string, permission: Permission, owner = ALICE_OWNER.id) => ({
  AccessControlPolicy: {
    Owner: { ID: owner },
    Grants: [{ Grantee: { Type: "CanonicalUser" as const, ID }, Permission: permission }],
  },
});

async function grantsOf(client: S3Client, Bucket: string, VersionId?: string): Promise<string[]> {
  const { Grants = [] } = await client.send(new GetObjectAclCommand({ Bucket, Key: "k", VersionId }));
  return Grants.map(({ Grantee, Permission: permission }) =>
    [Grantee?.DisplayName ?? Grantee?.URI?.split("/").at(-1), permission].join(" "),
  );
}

const OK = "succeeded";
const NO = "AccessDenied";
const FULL = "Alice FULL_CONTROL";

describe("canned lists", () => {
  it.each([
    ["private", [FULL]],
    ["public-read", ["AllUsers READ", FULL]],
    ["public-read-write", ["AllUsers READ", "AllUsers WRITE", FULL]],
    ["authenticated-read", ["AuthenticatedUsers READ", FULL]],
    ["bucket-owner-read", [FULL]],
    ["bucket-owner-full-control", [FULL]],
  ] as const)("%s", async (ACL, expected) => {
    const bucket = await bucketOf();
    await alice.send(new PutObjectAclCommand({ Bucket: bucket, Key: "k", ACL }));
    expect(await grantsOf(alice, bucket)).toEqual(expected);
    const isOpen = ACL !== "private" && !ACL.startsWith("bucket-owner");
    expect(await read(bob, bucket)).toBe(isOpen ? OK : NO);
    const status = (await fetch(`${rig.endpoint}/${bucket}/k`)).status;
    expect(status).toBe(ACL.startsWith("public") ? 200 : 403);
  });

  it("of a writer name the bucket's owner, who has nothing before", async () => {
    const bucket = await bucketOf();
    await bob.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "bob's" }));
    expect(await read(alice, bucket)).toBe(NO);
    await bob.send(new PutObjectAclCommand({ Bucket: bucket, Key: "k", ACL: "bucket-owner-read" }));
    expect(await grantsOf(bob, bucket)).toEqual(["Bob FULL_CONTROL", "Alice READ"]);
    expect([await read(alice, bucket), await putAcl(alice, bucket, { ACL: "private" })]).toEqual([OK, NO]);
  });
});

describe("grants", () => {
  it("come in headers, by id, address and group", async () => {
    const bucket = await bucketOf();
    await alice.send(
      new PutObjectAclCommand({
        Bucket: bucket,
        Key: "k",
        GrantFullControl: `id="${ALICE_OWNER.id}"`,
        GrantRead: `emailAddress="bob@example.com", uri="${LOG_DELIVERY}"`,
        GrantReadACP: `id=${BOB_OWNER.id}`,
      }),
    );
    expect(new Set(await grantsOf(bob, bucket))).toEqual(
      new Set(["LogDelivery READ", FULL, "Bob READ", "Bob READ_ACP"]),
    );
    expect([await read(bob, bucket), await putAcl(bob, bucket, { ACL: "private" })]).toEqual([OK, NO]);
  });

  it("come in a document, and replace what was there", async () => {
    const bucket = await bucketOf();
    expect(await putAcl(alice, bucket, grantTo(BOB_OWNER.id, "FULL_CONTROL"))).toBe(OK);
    expect(await grantsOf(alice, bucket)).toEqual(["Bob FULL_CONTROL"]);
    expect(await read(bob, bucket)).toBe(OK);
    expect(await putAcl(bob, bucket, grantTo(BOB_OWNER.id, "READ_ACP"))).toBe(OK);
    expect([await read(bob, bucket), await grantsOf(bob, bucket)]).toEqual([NO, ["Bob READ_ACP"]]);
    expect(await putAcl(bob, bucket, { ACL: "private" })).toBe(NO);
  });

  it("to nobody leave who owns the object its list", async () => {
    const bucket = await bucketOf();
    await bob.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "bob's" }));
    const none = { AccessControlPolicy: { Owner: { ID: BOB_OWNER.id }, Grants: [] } };
    expect(await putAcl(bob, bucket, none)).toBe(OK);
    expect([await read(bob, bucket), await grantsOf(bob, bucket)]).toEqual([NO, []]);
    expect(await putAcl(bob, bucket, { ACL: "private" })).toBe(OK);
    expect([await read(bob, bucket), await read(alice, bucket)]).toEqual([OK, NO]);
  });

  it("change nothing else of the object", async () => {
    const bucket = await bucketOf();
    const facts = async () => {
      const head = await alice.send(new HeadObjectCommand({ Bucket: bucket, Key: "k" }));
      return [head.ETag, head.LastModified?.getTime(), head.ContentType, head.ContentLength];
    };
    const before = await facts();
    expect(await putAcl(alice, bucket, { ACL: "public-read" })).toBe(OK);
    expect(await facts()).toEqual(before);
  });

  it("are for one version", async () => {
    const bucket = await bucketOf();
    await alice.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }),
    );
    const { VersionId } = await alice.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "2" }));
    const answer = await alice.send(
      new PutObjectAclCommand({ Bucket: bucket, Key: "k", VersionId: "null", ACL: "public-read" }),
    );
    expect(answer.$metadata.httpStatusCode).toBe(200);
    expect(await grantsOf(alice, bucket, "null")).toEqual(["AllUsers READ", FULL]);
    expect(await grantsOf(alice, bucket, VersionId)).toEqual([FULL]);
    await alice.send(new DeleteObjectCommand({ Bucket: bucket, Key: "k" }));
    expect(await putAcl(alice, bucket, { ACL: "public-read" })).toBe("NoSuchKey");
    expect(await putAcl(alice, bucket, { ACL: "public-read", VersionId: "AAAAAAAAAAAAAAAAAAAAAA" })).toBe(
      "NoSuchVersion",
    );
  });
});

describe("what others do at the same time", () => {
  /** Does `meanwhile` between the look at the object and the grants, the first `times` times. */
  const interrupt = (times: number, meanwhile: () => Promise<unknown>): (() => void) => {
    const { putObjectAcl } = rig.store;
    let left = times;
    rig.store.putObjectAcl = async (request) => {
      if (left-- > 0) await meanwhile();
      return putObjectAcl(request);
    };
    return () => {
      rig.store.putObjectAcl = putObjectAcl;
    };
  };
  const mine = { AccessControlPolicy: undefined, ACL: "public-read" as const };

  it("an object of somebody else's in its place keeps its grants", async () => {
    const bucket = await bucketOf();
    await bob.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "bob's" }));
    const restore = interrupt(1, () =>
      alice.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "alice's" })),
    );
    expect(await putAcl(bob, bucket, mine)).toBe(NO);
    restore();
    expect(await grantsOf(alice, bucket)).toEqual([FULL]);
  });

  it("grants that were taken away let nobody in any more", async () => {
    const bucket = await bucketOf();
    expect(await putAcl(alice, bucket, grantTo(BOB_OWNER.id, "FULL_CONTROL"))).toBe(OK);
    const restore = interrupt(1, async () => {
      restore();
      expect(await putAcl(alice, bucket, { ACL: "private" })).toBe(OK);
    });
    expect(await putAcl(bob, bucket, mine)).toBe(NO);
    expect(await grantsOf(alice, bucket)).toEqual([FULL]);
  });

  it("the same owner's new object gets them", async () => {
    const bucket = await bucketOf();
    const restore = interrupt(2, () =>
      alice.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "new" })),
    );
    expect(await putAcl(alice, bucket, mine)).toBe(OK);
    restore();
    expect(await grantsOf(alice, bucket)).toEqual(["AllUsers READ", FULL]);
  });

  it("one that never rests is left to another try", async () => {
    const bucket = await bucketOf();
    const restore = interrupt(Number.POSITIVE_INFINITY, () =>
      alice.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "new" })),
    );
    expect(await putAcl(alice, bucket, mine)).toBe("OperationAborted");
    restore();
    expect(await grantsOf(alice, bucket)).toEqual([FULL]);
  });
});

describe("a list is refused", () => {
  it.each([
    ["a canned name that is none", { ACL: "everybody" as ObjectCannedACL }, "InvalidArgument"],
    ["an owner that the object has not", grantTo(BOB_OWNER.id, "READ", BOB_OWNER.id), NO],
    ["an id that nobody has", grantTo("e".repeat(64), "READ"), "InvalidArgument"],
    ["a group that is none", { GrantRead: 'uri="http://acs.amazonaws.com/groups/x"' }, "InvalidArgument"],
    [
      "an address of nobody",
      { GrantRead: 'emailAddress="x@example.com"' },
      "UnresolvableGrantByEmailAddress",
    ],
    ["a grantee without a kind", { GrantRead: BOB_OWNER.id }, "InvalidArgument"],
    ["both ways in headers", { ACL: "private" as const, GrantRead: `id=${BOB_OWNER.id}` }, "InvalidRequest"],
    [
      "headers and a document",
      { ACL: "private" as const, ...grantTo(BOB_OWNER.id, "READ") },
      "UnexpectedContent",
    ],
    [
      "more grants than a list has",
      { GrantRead: new Array(101).fill(`uri="${ALL_USERS}"`).join(",") },
      "InvalidRequest",
    ],
  ])("with %s", async (_, more, code) => {
    const bucket = await bucketOf();
    expect(await putAcl(alice, bucket, more)).toBe(code);
    expect(await grantsOf(alice, bucket)).toEqual([FULL]);
    const ofBucket = new PutBucketAclCommand({ Bucket: bucket, ...more } as never);
    expect(await codeOf(alice.send(ofBucket))).toBe(code);
  });

  it.each([
    ["", "MissingSecurityHeader"],
    ["<AccessControlPolicy/>", "MalformedXML"],
    ["<AccessControlPolicy><AccessControlList/><AccessControlList/></AccessControlPolicy>", "MalformedXML"],
    [
      "<AccessControlPolicy><AccessControlList><Grant><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>",
      "MalformedXML",
    ],
    ["<Acl/>", "MalformedXML"],
    ["not xml", "MalformedXML"],
  ])("in the body %j", async (body, code) => {
    const bucket = await bucketOf();
    for (const target of [`/${bucket}/k?acl`, `/${bucket}?acl`]) {
      expect(errorCodeOf(await sendRaw(rig, { method: "PUT", target, body, credentials: ALICE }))).toBe(code);
    }
  });

  it("from whom nobody granted it", async () => {
    const bucket = await bucketOf();
    for (const client of [bob, carol]) expect(await putAcl(client, bucket, { ACL: "public-read" })).toBe(NO);
    expect((await fetch(`${rig.endpoint}/${bucket}/k?acl`, { method: "PUT" })).status).toBe(403);
  });

  it("for the public where that is blocked, and altogether where there are no lists", async () => {
    const bucket = await bucketOf();
    const PublicAccessBlockConfiguration = { BlockPublicAcls: true };
    await alice.send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration }));
    expect(await putAcl(alice, bucket, { ACL: "public-read" })).toBe(NO);
    expect(await putAcl(alice, bucket, { GrantRead: `uri="${ALL_USERS}"` })).toBe(NO);
    expect(await putAcl(alice, bucket, { ACL: "bucket-owner-read" })).toBe(OK);
    const enforced = `${bucket}-enforced`;
    await alice.send(new CreateBucketCommand({ Bucket: enforced, ObjectOwnership: "BucketOwnerEnforced" }));
    await alice.send(new PutObjectCommand({ Bucket: enforced, Key: "k", Body: "text" }));
    expect(await putAcl(alice, enforced, { ACL: "private" })).toBe("AccessControlListNotSupported");
    expect(await grantsOf(alice, enforced)).toEqual([FULL]);
  });
});
