import {
  type BucketCannedACL,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectsCommand,
  DeletePublicAccessBlockCommand,
  GetBucketAclCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  type ObjectCannedACL,
  type Permission,
  PutBucketAclCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountIdOf } from "../../../access/index.ts";
import { clientOf, errorCodeOf, failureOf, sendRaw } from "../../testing/feature-client.ts";
import {
  ADMIN,
  ALICE,
  ALICE_OWNER,
  BOB,
  BOB_OWNER,
  CAROL,
  READER,
  type Rig,
  startRig,
  WRITER,
} from "../../testing/rig.ts";

let rig: Rig;
let alice: S3Client;
let bob: S3Client;
let carol: S3Client;
let admin: S3Client;
let made = 0;

beforeAll(async () => {
  rig = await startRig();
  [alice, bob, carol, admin] = [ALICE, BOB, CAROL, ADMIN].map((key) => clientOf(rig, key)) as [
    S3Client,
    S3Client,
    S3Client,
    S3Client,
  ];
});

afterAll(async () => {
  for (const client of [alice, bob, carol, admin]) client.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

type New = Omit<ConstructorParameters<typeof CreateBucketCommand>[0], "Bucket">;

/** A bucket of Alice's with the object "k" in it. */
async function bucketOf(prefix: string, more: New = {}): Promise<string> {
  const Bucket = `${prefix}-${++made}`;
  await alice.send(new CreateBucketCommand({ Bucket, ...more }));
  await alice.send(new PutObjectCommand({ Bucket, Key: "k", Body: "text" }));
  return Bucket;
}

const put = (client: S3Client, Bucket: string, ACL?: ObjectCannedACL, Key = "new") =>
  failureOf(client.send(new PutObjectCommand({ Bucket, Key, Body: "b", ...(ACL && { ACL }) }))).then(
    ({ name }) => name,
  );
const get = (client: S3Client, Bucket: string, Key = "k") =>
  failureOf(client.send(new GetObjectCommand({ Bucket, Key }))).then(({ name }) => name);
const list = (client: S3Client, Bucket: string, Prefix?: string) =>
  failureOf(client.send(new ListObjectsV2Command({ Bucket, Prefix }))).then(({ name }) => name);
const policy = (Bucket: string, ...statements: object[]) =>
  alice.send(
    new PutBucketPolicyCommand({
      Bucket,
      Policy: JSON.stringify({ Version: "2012-10-17", Statement: statements }),
    }),
  );
const allow = (Bucket: string, Action: string | string[], more: object = {}) => ({
  Effect: "Allow",
  Principal: "*",
  Action,
  Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
  ...more,
});
const nobody = async (path: string, init?: RequestInit): Promise<number> =>
  (await fetch(`${rig.endpoint}/${path}`, init)).status;

const OK = "succeeded";
const NO = "AccessDenied";

describe("users", () => {
  it("have what they own, and nobody else has it", async () => {
    const bucket = await bucketOf("own");
    expect([await get(alice, bucket), await put(alice, bucket), await list(alice, bucket)]).toEqual([
      OK,
      OK,
      OK,
    ]);
    expect([await get(bob, bucket), await put(bob, bucket), await list(bob, bucket)]).toEqual([NO, NO, NO]);
    expect((await failureOf(bob.send(new HeadBucketCommand({ Bucket: bucket })))).status).toBe(403);
  });

  it("are shown their own buckets only", async () => {
    const bucket = await bucketOf("shown");
    const names = async (client: S3Client) =>
      (await client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name);
    expect(await names(alice)).toContain(bucket);
    expect(await names(bob)).not.toContain(bucket);
    expect(await names(admin)).toContain(bucket);
    expect((await alice.send(new ListBucketsCommand({}))).Owner).toEqual({
      ID: ALICE_OWNER.id,
      DisplayName: "Alice",
    });
  });

  it("read that a bucket is not there, and do not learn whose another is", async () => {
    expect(await get(bob, "missing")).toBe("NoSuchBucket");
    const bucket = await bucketOf("taken");
    const again = await failureOf(bob.send(new CreateBucketCommand({ Bucket: bucket })));
    expect(again).toEqual({ name: "BucketAlreadyExists", status: 409 });
  });

  it("of an account have what their policies say, in buckets of the account too", async () => {
    const bucket = await bucketOf("account");
    expect([await get(carol, bucket), await put(carol, bucket), await list(carol, bucket)]).toEqual([
      OK,
      NO,
      NO,
    ]);
    await policy(bucket, allow(bucket, "s3:ListBucket", { Principal: { AWS: aliceArn("user/carol") } }));
    expect(await list(carol, bucket)).toBe(OK);
    // The account may, and says nothing to its user about it.
    await policy(bucket, allow(bucket, "s3:PutObject", { Principal: { AWS: aliceArn("root") } }));
    expect(await put(carol, bucket)).toBe(NO);
    expect((await failureOf(carol.send(new CreateBucketCommand({ Bucket: "carols" })))).name).toBe(NO);
  });

  it("with a role of operators need no bucket to be theirs", async () => {
    const bucket = await bucketOf("operators");
    expect([await get(admin, bucket), await put(admin, bucket)]).toEqual([OK, OK]);
    const reader = clientOf(rig, READER);
    expect([await get(reader, bucket), await put(reader, bucket)]).toEqual([OK, NO]);
    reader.destroy();
  });
});

function aliceArn(what: string): string {
  return `arn:aws:iam::${accountIdOf(ALICE_OWNER.id)}:${what}`;
}

describe("bucket policies", () => {
  it("are kept as they came, and are gone when they are taken away", async () => {
    const bucket = await bucketOf("kept");
    const missing = () => failureOf(alice.send(new GetBucketPolicyCommand({ Bucket: bucket })));
    expect(await missing()).toEqual({ name: "NoSuchBucketPolicy", status: 404 });
    const text = `{ "Version":"2012-10-17",\n"Statement":[${JSON.stringify(allow(bucket, "s3:GetObject"))}]}`;
    await alice.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: text }));
    expect((await alice.send(new GetBucketPolicyCommand({ Bucket: bucket }))).Policy).toBe(text);
    await alice.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
    expect((await missing()).name).toBe("NoSuchBucketPolicy");
  });

  it("and lists tell whether a bucket is public", async () => {
    const bucket = await bucketOf("status");
    const isPublic = async () =>
      (await alice.send(new GetBucketPolicyStatusCommand({ Bucket: bucket }))).PolicyStatus?.IsPublic;
    expect(await isPublic()).toBe(false);
    await policy(bucket, allow(bucket, "s3:GetObject"));
    expect(await isPublic()).toBe(true);
    await policy(bucket, allow(bucket, "s3:GetObject", { Principal: { CanonicalUser: BOB_OWNER.id } }));
    expect(await isPublic()).toBe(false);
    await alice.send(new PutBucketAclCommand({ Bucket: bucket, ACL: "authenticated-read" }));
    expect(await isPublic()).toBe(true);
    await alice.send(
      new PutPublicAccessBlockCommand({
        Bucket: bucket,
        PublicAccessBlockConfiguration: { IgnorePublicAcls: true },
      }),
    );
    expect(await isPublic()).toBe(false);
  });

  it("let in whom they name", async () => {
    const bucket = await bucketOf("named");
    await policy(
      bucket,
      allow(bucket, ["s3:GetObject", "s3:ListBucket"], { Principal: { CanonicalUser: BOB_OWNER.id } }),
    );
    expect([await get(bob, bucket), await list(bob, bucket), await put(bob, bucket)]).toEqual([OK, OK, NO]);
  });

  it("deny everybody, but for those who take them away", async () => {
    const bucket = await bucketOf("denied");
    await policy(bucket, { ...allow(bucket, "s3:*"), Effect: "Deny" });
    expect([await get(alice, bucket), await get(admin, bucket), await list(alice, bucket)]).toEqual([
      NO,
      NO,
      NO,
    ]);
    expect((await failureOf(bob.send(new DeleteBucketPolicyCommand({ Bucket: bucket })))).name).toBe(NO);
    await alice.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
    expect(await get(alice, bucket)).toBe(OK);
  });

  it("see prefixes, agents, referers, addresses and the kind of signature", async () => {
    const bucket = await bucketOf("conditions");
    await policy(
      bucket,
      allow(bucket, "s3:ListBucket", { Condition: { StringLike: { "s3:prefix": "public/*" } } }),
    );
    expect([
      await list(bob, bucket, "public/x"),
      await list(bob, bucket, "x"),
      await list(bob, bucket),
    ]).toEqual([OK, NO, NO]);
    for (const [condition, expected] of [
      [{ IpAddress: { "aws:SourceIp": "127.0.0.0/8" } }, OK],
      [{ IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }, NO],
      [{ Bool: { "aws:SecureTransport": "true" } }, NO],
      [{ StringEquals: { "s3:authType": "REST-HEADER", "s3:signatureversion": "AWS4-HMAC-SHA256" } }, OK],
      [{ StringLike: { "aws:UserAgent": "aws-sdk-js/*" } }, OK],
      [{ DateLessThan: { "aws:CurrentTime": "2020-01-01T00:00:00Z" } }, NO],
      [{ StringEquals: { "aws:PrincipalAccount": "000000000000" } }, NO],
    ] as const) {
      await policy(bucket, allow(bucket, "s3:GetObject", { Condition: condition }));
      expect(await get(bob, bucket), JSON.stringify(condition)).toBe(expected);
    }
  });

  it("tell who may not list nothing of what is not there", async () => {
    const bucket = await bucketOf("absent");
    await policy(bucket, allow(bucket, "s3:GetObject"));
    expect([await get(bob, bucket), await get(bob, bucket, "no such")]).toEqual([OK, NO]);
    await policy(bucket, allow(bucket, ["s3:GetObject", "s3:ListBucket"]));
    expect(await get(bob, bucket, "no such")).toBe("NoSuchKey");
    await policy(
      bucket,
      allow(bucket, "s3:ListBucket", { Condition: { StringLike: { "s3:prefix": "public/*" } } }),
    );
    const head = (Key: string) =>
      failureOf(bob.send(new HeadObjectCommand({ Bucket: bucket, Key }))).then(({ status }) => status);
    expect([await head("public/x"), await head("private/x"), await head("k")]).toEqual([404, 403, 403]);
  });

  it("tell nothing of an object by its conditions either", async () => {
    const bucket = await bucketOf("telling");
    const read = new GetObjectCommand({ Bucket: bucket, Key: "k", IfNoneMatch: "*" });
    expect((await failureOf(bob.send(read))).name).toBe(NO);
    const range = new GetObjectCommand({ Bucket: bucket, Key: "k", Range: "bytes=99-" });
    expect((await failureOf(bob.send(range))).name).toBe(NO);
  });

  it("are asked for each key of a deletion", async () => {
    const bucket = await bucketOf("deletion");
    const part = { ...allow(bucket, "s3:DeleteObject"), Resource: `arn:aws:s3:::${bucket}/mine/*` };
    await policy(bucket, part);
    const Objects = [{ Key: "mine/a" }, { Key: "k" }];
    const answer = await bob.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    expect([answer.Deleted?.map(({ Key }) => Key), answer.Errors?.map(({ Code }) => Code)]).toEqual([
      ["mine/a"],
      [NO],
    ]);
  });

  it("guard the source of a copy as what it is", async () => {
    const [from, to] = [await bucketOf("copy-from"), await bucketOf("copy-to")];
    const copy = () =>
      failureOf(bob.send(new CopyObjectCommand({ Bucket: to, Key: "c", CopySource: `${from}/k` }))).then(
        ({ name }) => name,
      );
    await policy(to, allow(to, "s3:PutObject"));
    expect(await copy()).toBe(NO);
    await policy(from, allow(from, "s3:GetObject"));
    expect(await copy()).toBe(OK);
  });

  it.each([
    ["what is no JSON", "{", "MalformedPolicy"],
    ["another bucket", JSON.stringify({ Statement: [allow("other", "s3:GetObject")] }), "MalformedPolicy"],
    [
      "an action that there is not",
      JSON.stringify({ Statement: [allow("odd", "s3:GetObjct")] }),
      "MalformedPolicy",
    ],
    [
      "an unknown condition key",
      JSON.stringify({
        Statement: [allow("odd", "s3:GetObject", { Condition: { StringNotEquals: { "s3:colour": "red" } } })],
      }),
      "MalformedPolicy",
    ],
    ["too much", " ".repeat(21 * 1024), "MalformedPolicy"],
  ])("refuse %s", async (_, body, code) => {
    if ((await failureOf(alice.send(new HeadBucketCommand({ Bucket: "odd" })))).status === 404) {
      await alice.send(new CreateBucketCommand({ Bucket: "odd" }));
    }
    const answer = await sendRaw(rig, { method: "PUT", target: "/odd?policy", body, credentials: ALICE });
    expect(errorCodeOf(answer)).toBe(code);
  });

  it("take the native form and show it in AWS's", async () => {
    const bucket = await bucketOf("native");
    const native = {
      version: "v1",
      statements: [{ effect: "allow", actions: ["GetObject"], resources: [{ bucket, prefix: "k" }] }],
    };
    await alice.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(native) }));
    const { Policy = "" } = await alice.send(new GetBucketPolicyCommand({ Bucket: bucket }));
    expect(JSON.parse(Policy).Statement[0]).toMatchObject({
      Action: ["s3:GetObject"],
      Resource: [`arn:aws:s3:::${bucket}/k*`],
    });
    expect(await get(bob, bucket)).toBe(OK);
  });

  it("are for admins and owners to see", async () => {
    const bucket = await bucketOf("seen");
    const writer = clientOf(rig, WRITER);
    for (const client of [bob, writer, carol]) {
      expect((await failureOf(client.send(new GetBucketPolicyCommand({ Bucket: bucket })))).name).toBe(NO);
    }
    writer.destroy();
  });
});

describe("access control lists of buckets", () => {
  const grantsOf = async (Bucket: string) =>
    (await alice.send(new GetBucketAclCommand({ Bucket }))).Grants?.map(
      ({ Grantee, Permission: permission }) => [
        Grantee?.URI?.split("/").at(-1) ?? Grantee?.DisplayName,
        permission,
      ],
    );

  it("are the owner's alone at first, and what is canned", async () => {
    const bucket = await bucketOf("canned");
    expect(await grantsOf(bucket)).toEqual([["Alice", "FULL_CONTROL"]]);
    await alice.send(new PutBucketAclCommand({ Bucket: bucket, ACL: "public-read-write" }));
    expect(await grantsOf(bucket)).toEqual([
      ["AllUsers", "READ"],
      ["AllUsers", "WRITE"],
      ["Alice", "FULL_CONTROL"],
    ]);
    expect([await list(bob, bucket), await put(bob, bucket), await get(bob, bucket)]).toEqual([OK, OK, NO]);
    await alice.send(new PutBucketAclCommand({ Bucket: bucket, ACL: "private" }));
    expect([await list(bob, bucket), await put(bob, bucket)]).toEqual([NO, NO]);
  });

  it("come into being with their bucket", async () => {
    const bucket = await bucketOf("born", { ACL: "authenticated-read" });
    expect(await grantsOf(bucket)).toEqual([
      ["AuthenticatedUsers", "READ"],
      ["Alice", "FULL_CONTROL"],
    ]);
    expect(await list(bob, bucket)).toBe(OK);
    expect(await nobody(bucket)).toBe(403);
  });

  it("tell a bucket that is asked for again from another", async () => {
    const [open, closed] = [await bucketOf("again", { ACL: "public-read" }), await bucketOf("again")];
    await alice.send(new PutBucketAclCommand({ Bucket: closed, ACL: "private" }));
    const again = async (Bucket: string, ACL?: BucketCannedACL) =>
      (await failureOf(alice.send(new CreateBucketCommand({ Bucket, ...(ACL && { ACL }) })))).name;
    expect([await again(open, "public-read"), await again(closed), await again(closed, "private")]).toEqual(
      new Array(3).fill(OK),
    );
    expect([await again(open), await again(closed, "public-read"), await again(open, "private")]).toEqual(
      new Array(3).fill("BucketAlreadyExists"),
    );
  });

  it.each([
    ["READ", [OK, NO, NO]],
    ["WRITE", [NO, OK, NO]],
    ["READ_ACP", [NO, NO, OK]],
    ["WRITE_ACP", [NO, NO, NO]],
    ["FULL_CONTROL", [OK, OK, OK]],
  ])("grant %s and no more", async (permission, expected) => {
    const bucket = await bucketOf(`grant-${permission.toLowerCase().replace("_", "-")}`);
    const Owner = { ID: ALICE_OWNER.id };
    const Grants = [
      { Grantee: { Type: "CanonicalUser" as const, ID: BOB_OWNER.id }, Permission: permission as Permission },
    ];
    await alice.send(new PutBucketAclCommand({ Bucket: bucket, AccessControlPolicy: { Owner, Grants } }));
    const readAcl = (await failureOf(bob.send(new GetBucketAclCommand({ Bucket: bucket })))).name;
    expect([await list(bob, bucket), await put(bob, bucket), readAcl]).toEqual(expected);
    // Who owns the bucket may do everything, whatever the list says.
    expect(await list(alice, bucket)).toBe(OK);
  });

  it("name users by id and by address, in headers too", async () => {
    const bucket = await bucketOf("headers");
    const grant = (more: object) =>
      failureOf(alice.send(new PutBucketAclCommand({ Bucket: bucket, ...more }))).then(({ name }) => name);
    expect(await grant({ GrantRead: 'emailAddress="bob@example.com"' })).toBe(OK);
    expect(await list(bob, bucket)).toBe(OK);
    expect(await grant({ GrantRead: 'emailAddress="eve@example.com"' })).toBe(
      "UnresolvableGrantByEmailAddress",
    );
    expect(await grant({ GrantRead: "id=nobody" })).toBe("InvalidArgument");
    expect(await grant({ GrantRead: "uri=http://acs.amazonaws.com/groups/global/Friends" })).toBe(
      "InvalidArgument",
    );
  });

  it.each([
    ["no grantee", "<Grant><Permission>READ</Permission></Grant>", "MalformedXML"],
    [
      "a permission that there is not",
      "<Grant><Grantee><ID>x</ID></Grantee><Permission>ALL</Permission></Grant>",
      "MalformedXML",
    ],
    [
      "two names at once",
      "<Grant><Grantee><ID>x</ID><URI>y</URI></Grantee><Permission>READ</Permission></Grant>",
      "MalformedXML",
    ],
    [
      "nobody that is known",
      "<Grant><Grantee><ID>_foo</ID></Grantee><Permission>READ</Permission></Grant>",
      "InvalidArgument",
    ],
  ])("refuse %s", async (_, grant, code) => {
    const bucket = await bucketOf("refused");
    const body = `<AccessControlPolicy><AccessControlList>${grant}</AccessControlList></AccessControlPolicy>`;
    expect(
      errorCodeOf(await sendRaw(rig, { method: "PUT", target: `/${bucket}?acl`, body, credentials: ALICE })),
    ).toBe(code);
  });

  it("are not for another's bucket", async () => {
    const bucket = await bucketOf("anothers");
    const body = `<AccessControlPolicy><Owner><ID>${BOB_OWNER.id}</ID></Owner><AccessControlList/></AccessControlPolicy>`;
    expect(
      errorCodeOf(await sendRaw(rig, { method: "PUT", target: `/${bucket}?acl`, body, credentials: ALICE })),
    ).toBe(NO);
  });
});

describe("objects", () => {
  it("belong to who wrote them, who is not always the bucket's owner", async () => {
    const bucket = await bucketOf("written", { ACL: "public-read-write" });
    expect(await put(bob, bucket)).toBe(OK);
    expect([await get(bob, bucket, "new"), await get(alice, bucket, "new")]).toEqual([OK, NO]);
    expect(await put(bob, bucket, "bucket-owner-read")).toBe(OK);
    expect(await get(alice, bucket, "new")).toBe(OK);
    // An operator's key looks at no list.
    expect(await put(bob, bucket, "private")).toBe(OK);
    expect([await get(alice, bucket, "new"), await get(admin, bucket, "new")]).toEqual([NO, OK]);
  });

  it("are read by whom their list names", async () => {
    const bucket = await bucketOf("listed");
    expect(await put(alice, bucket, "public-read")).toBe(OK);
    expect(await get(bob, bucket, "new")).toBe(OK);
    const copy = new CopyObjectCommand({ Bucket: bucket, Key: "copy", CopySource: `${bucket}/new` });
    await alice.send(copy);
    expect(await get(bob, bucket, "copy")).toBe(NO);
  });
});

describe("lists of objects", () => {
  const grantsOf = async (client: S3Client, Bucket: string, Key: string) => {
    const { Owner, Grants } = await client.send(new GetObjectAclCommand({ Bucket, Key }));
    return [
      Owner?.DisplayName,
      Grants?.map(({ Grantee, Permission: permission }) => [
        Grantee?.ID ?? Grantee?.URI?.split("/").at(-1),
        permission,
      ]),
    ];
  };

  it("are what they were written with", async () => {
    const bucket = await bucketOf("object-lists", { ACL: "public-read-write" });
    expect(await grantsOf(alice, bucket, "k")).toEqual(["Alice", [[ALICE_OWNER.id, "FULL_CONTROL"]]]);
    await put(bob, bucket, "bucket-owner-read");
    expect(await grantsOf(bob, bucket, "new")).toEqual([
      "Bob",
      [
        [BOB_OWNER.id, "FULL_CONTROL"],
        [ALICE_OWNER.id, "READ"],
      ],
    ]);
    const failure = (client: S3Client, Key: string) =>
      failureOf(client.send(new GetObjectAclCommand({ Bucket: bucket, Key })));
    expect((await failure(alice, "new")).name).toBe(NO);
    expect((await failure(bob, "k")).name).toBe(NO);
    expect(await failure(alice, "no such")).toEqual({ name: "NoSuchKey", status: 404 });
  });
});

describe("ownership controls", () => {
  const control = (
    Bucket: string,
    ObjectOwnership: "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter",
  ) =>
    failureOf(
      alice.send(
        new PutBucketOwnershipControlsCommand({
          Bucket,
          OwnershipControls: { Rules: [{ ObjectOwnership }] },
        }),
      ),
    ).then(({ name }) => name);

  it("are none, then those that were put, then none", async () => {
    const bucket = await bucketOf("controls");
    const read = () => failureOf(alice.send(new GetBucketOwnershipControlsCommand({ Bucket: bucket })));
    expect(await read()).toEqual({ name: "OwnershipControlsNotFoundError", status: 404 });
    expect(await control(bucket, "BucketOwnerPreferred")).toBe(OK);
    const { OwnershipControls } = await alice.send(new GetBucketOwnershipControlsCommand({ Bucket: bucket }));
    expect(OwnershipControls?.Rules).toEqual([{ ObjectOwnership: "BucketOwnerPreferred" }]);
    await alice.send(new DeleteBucketOwnershipControlsCommand({ Bucket: bucket }));
    expect((await read()).status).toBe(404);
  });

  it("enforced: no lists, and everything is the bucket owner's", async () => {
    const bucket = await bucketOf("enforced", { ObjectOwnership: "BucketOwnerEnforced" });
    await policy(bucket, allow(bucket, "*"));
    expect([await put(bob, bucket), await put(bob, bucket, "bucket-owner-full-control")]).toEqual([OK, OK]);
    expect(await put(bob, bucket, "private")).toBe("AccessControlListNotSupported");
    expect(
      (await failureOf(bob.send(new PutBucketAclCommand({ Bucket: bucket, ACL: "private" })))).name,
    ).toBe("AccessControlListNotSupported");
    const { Contents } = await alice.send(new ListObjectsV2Command({ Bucket: bucket, FetchOwner: true }));
    expect(new Set(Contents?.map(({ Owner }) => Owner?.ID))).toEqual(new Set([ALICE_OWNER.id]));
    expect(await get(alice, bucket, "new")).toBe(OK);
  });

  it("preferred: what is for the bucket's owner is its own", async () => {
    const bucket = await bucketOf("preferred", {
      ObjectOwnership: "BucketOwnerPreferred",
      ACL: "public-read-write",
    });
    expect(await put(bob, bucket, "bucket-owner-full-control", "theirs")).toBe(OK);
    expect(await put(bob, bucket, undefined, "his")).toBe(OK);
    const { Contents } = await alice.send(new ListObjectsV2Command({ Bucket: bucket, FetchOwner: true }));
    expect(Contents?.map(({ Key, Owner }) => [Key, Owner?.ID])).toEqual([
      ["his", BOB_OWNER.id],
      ["k", ALICE_OWNER.id],
      ["theirs", ALICE_OWNER.id],
    ]);
  });

  it("cannot be enforced over a list that grants something", async () => {
    const bucket = await bucketOf("granting", { ACL: "public-read" });
    expect(await control(bucket, "BucketOwnerEnforced")).toBe("InvalidBucketAclWithObjectOwnership");
    const both = new CreateBucketCommand({
      Bucket: "both-at-once",
      ACL: "public-read",
      ObjectOwnership: "BucketOwnerEnforced",
    });
    expect((await failureOf(alice.send(both))).name).toBe("InvalidBucketAclWithObjectOwnership");
  });

  it.each([
    "<OwnershipControls/>",
    "<OwnershipControls><Rule><ObjectOwnership>Mine</ObjectOwnership></Rule></OwnershipControls>",
  ])("refuse %s", async (body) => {
    const bucket = await bucketOf("odd-controls");
    expect(
      errorCodeOf(
        await sendRaw(rig, {
          method: "PUT",
          target: `/${bucket}?ownershipControls`,
          body,
          credentials: ALICE,
        }),
      ),
    ).toBe("MalformedXML");
  });
});

describe("the public", () => {
  it("is let in to buckets that are listed, to what is allowed there, and nowhere else", async () => {
    const [listed, other] = [await bucketOf("public"), await bucketOf("closed")];
    for (const bucket of [listed, other]) await policy(bucket, allow(bucket, "s3:GetObject"));
    expect([await nobody(`${listed}/k`), await nobody(`${other}/k`)]).toEqual([200, 403]);
    expect(await nobody(listed)).toBe(403);
    expect(await nobody(`${listed}/new`, { method: "PUT", body: "x" })).toBe(403);
    expect(await nobody("")).toBe(403);
  });

  it("is let in by lists of buckets and objects too, unless that is blocked", async () => {
    const bucket = await bucketOf("public", { ACL: "public-read-write" });
    expect([await nobody(bucket), await nobody(`${bucket}/k`)]).toEqual([200, 403]);
    expect(await nobody(`${bucket}/theirs`, { method: "PUT", body: "x" })).toBe(200);
    // What nobody in particular wrote is the bucket owner's.
    expect(await get(alice, bucket, "theirs")).toBe(OK);
    await block(bucket, { IgnorePublicAcls: true });
    expect(await nobody(bucket)).toBe(403);
  });

  const block = (Bucket: string, settings: object) =>
    alice.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: settings }));

  it("is blocked as the settings say, which are none at first", async () => {
    const bucket = await bucketOf("blocked");
    const read = () => failureOf(alice.send(new GetPublicAccessBlockCommand({ Bucket: bucket })));
    expect(await read()).toEqual({ name: "NoSuchPublicAccessBlockConfiguration", status: 404 });
    await block(bucket, { BlockPublicAcls: true, BlockPublicPolicy: true });
    const stored = await alice.send(new GetPublicAccessBlockCommand({ Bucket: bucket }));
    expect(stored.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      IgnorePublicAcls: false,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: false,
    });
    expect(
      (await failureOf(alice.send(new PutBucketAclCommand({ Bucket: bucket, ACL: "public-read" })))).name,
    ).toBe(NO);
    expect(await put(alice, bucket, "public-read")).toBe(NO);
    expect((await failureOf(policy(bucket, allow(bucket, "s3:GetObject")))).name).toBe(NO);
    await policy(bucket, allow(bucket, "s3:GetObject", { Principal: { CanonicalUser: BOB_OWNER.id } }));
    await alice.send(new DeletePublicAccessBlockCommand({ Bucket: bucket }));
    expect((await read()).status).toBe(404);
  });

  it("and other accounts are kept out of a public bucket that is restricted", async () => {
    const bucket = await bucketOf("public");
    await policy(bucket, allow(bucket, "s3:GetObject"));
    await block(bucket, { RestrictPublicBuckets: true });
    expect([await nobody(`${bucket}/k`), await get(bob, bucket), await get(alice, bucket)]).toEqual([
      403,
      NO,
      OK,
    ]);
  });
});
