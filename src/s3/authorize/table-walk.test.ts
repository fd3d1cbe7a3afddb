/** Of the promise: nobody does what nothing allows. Every operation of S3, supported or not, against every way to be let in or kept out. */
import { describe, expect, it } from "vitest";
import {
  type Acl,
  accountIdOf,
  type BucketAccess,
  createGate,
  type Decision,
  NO_PUBLIC_ACCESS_BLOCK,
  type ObjectAccess,
  type Owner,
  type Permission,
  type Policy,
  type Principal,
  parsePolicy,
} from "../../access/index.ts";
import { S3_OPERATIONS, type S3OperationName, s3OperationRows } from "../operations.ts";

const BUCKET = "photos";
const ALICE: Owner = { id: "a".repeat(64), displayName: "Alice" };
const BOB: Owner = { id: "b".repeat(64), displayName: "Bob" };

const NAMES = Object.keys(S3_OPERATIONS) as S3OperationName[];
const inBucket = (name: S3OperationName): boolean =>
  S3_OPERATIONS[name].resource !== "service" && name !== "CreateBucket";

const user = (owner: Owner): Principal => ({
  keyId: owner.displayName,
  role: "user",
  buckets: undefined,
  owner,
});
const operator = (role: "reader" | "writer" | "admin", buckets?: readonly string[]): Principal => ({
  keyId: role,
  role,
  buckets,
  owner: { id: "f".repeat(64), displayName: role },
});
/** A user of Alice's account that was given this and nothing else. */
const given = (document: object): Principal => ({
  ...user(ALICE),
  identity: {
    caller: {
      kind: "user",
      accountId: accountIdOf(ALICE.id),
      canonicalId: ALICE.id,
      arn: `arn:aws:iam::${accountIdOf(ALICE.id)}:user/carol`,
      roleArn: undefined,
      uniqueId: "AIDA1",
    },
    policies: [parsePolicy(JSON.stringify({ Statement: [document] }), { kind: "identity" })],
    sessionPolicies: undefined,
    context: new Map(),
  },
});

const policyOf = (...statements: readonly object[]): Policy =>
  parsePolicy(JSON.stringify({ Statement: statements }), {
    kind: "bucket",
    bucket: BUCKET,
    isAction: () => true,
  });
const statement = (Effect: "Allow" | "Deny", Action: string, Principal: unknown = "*") => ({
  Effect,
  Action,
  Principal,
  Resource: [`arn:aws:s3:::${BUCKET}`, `arn:aws:s3:::${BUCKET}/*`],
});
const TO_BOB = { CanonicalUser: BOB.id };

const OF_ALICE: ObjectAccess = { ownerId: ALICE.id, acl: undefined, tags: [] };

interface Case {
  readonly caller: Principal | undefined;
  readonly access?: Partial<BucketAccess>;
  readonly object?: ObjectAccess;
  readonly isPublic?: boolean;
  readonly bucket?: string;
}

/** Which operations the case lets through, once the object has been looked at where that decides. */
function allowed({
  caller,
  access,
  object = OF_ALICE,
  isPublic = false,
  bucket = BUCKET,
}: Case): S3OperationName[] {
  const gate = createGate(s3OperationRows, {
    bucket: () => ({
      ownerId: ALICE.id,
      policy: undefined,
      acl: undefined,
      publicAccessBlock: NO_PUBLIC_ACCESS_BLOCK,
      ownership: "ObjectWriter",
      ...access,
    }),
    isPublicBucket: () => isPublic,
  });
  return NAMES.filter((name) => {
    const where = S3_OPERATIONS[name].resource === "service" ? {} : { bucket, key: "k" };
    const decision: Decision = gate.authorize(caller, { name, ...where });
    const settled = decision.kind === "depends-on-object" ? decision.decide(object) : decision;
    return settled.kind === "allow";
  });
}

const but = (...names: readonly S3OperationName[]): S3OperationName[] =>
  NAMES.filter((name) => !names.includes(name));
const where = (test: (name: S3OperationName) => boolean): S3OperationName[] => NAMES.filter(test);
/** What belongs to no bucket that is there: everybody with a key may ask, and is shown what is its own. */
const OUTSIDE = where((name) => !inBucket(name));
const POLICY: readonly S3OperationName[] = ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"];

describe("nobody", () => {
  it("may do nothing, whatever is granted, in a bucket that the configuration does not list", () => {
    expect(allowed({ caller: undefined })).toEqual([]);
    const acl: Acl = [{ grantee: { kind: "group", group: "AllUsers" }, permission: "FULL_CONTROL" }];
    const access = { policy: policyOf(statement("Allow", "s3:*")), acl };
    expect(allowed({ caller: undefined, access, object: { ...OF_ALICE, acl } })).toEqual([]);
  });

  it("may do nothing in a public bucket that says nothing, and in one that allows everything what is in it", () => {
    expect(allowed({ caller: undefined, isPublic: true })).toEqual([]);
    const access = { policy: policyOf(statement("Allow", "s3:*")) };
    expect(allowed({ caller: undefined, isPublic: true, access })).toEqual(where(inBucket));
  });
});

describe("users", () => {
  it("have nothing in another's bucket", () => {
    expect(allowed({ caller: user(BOB) })).toEqual(OUTSIDE);
  });

  it("have everything in their own, but for reading what somebody else wrote there", () => {
    expect(allowed({ caller: user(ALICE) })).toEqual(NAMES);
    const object = { ownerId: BOB.id, acl: undefined, tags: [] };
    expect(allowed({ caller: user(ALICE), object })).toEqual(
      but(
        "GetObject",
        "HeadObject",
        "GetObjectAcl",
        "PutObjectAcl",
        "GetObjectAttributes",
        "SelectObjectContent",
      ),
    );
    expect(allowed({ caller: user(ALICE), object, access: { ownership: "BucketOwnerEnforced" } })).toEqual(
      NAMES,
    );
  });

  it("of an account have what they were given, and nothing without it", () => {
    const nothing = { Effect: "Allow", Action: "iam:GetUser", Resource: "*" };
    expect(allowed({ caller: given(nothing) })).toEqual([]);
    for (const name of NAMES) {
      const { action } = S3_OPERATIONS[name];
      const got = allowed({ caller: given({ Effect: "Allow", Action: action, Resource: "*" }) });
      expect(got, action).toContain(name);
      expect(
        got.map((one) => S3_OPERATIONS[one].action),
        action,
      ).toEqual(got.map(() => action));
    }
  });
});

describe("operators", () => {
  const rank = { reader: 0, writer: 1, admin: 2, user: 3 };
  it.each(["reader", "writer", "admin"] as const)(
    "%s: what the role may, everywhere in its scope",
    (role) => {
      const expected = where((name) => rank[S3_OPERATIONS[name].leastRole] <= rank[role]);
      expect(allowed({ caller: operator(role) })).toEqual(expected);
      expect(allowed({ caller: operator(role, [BUCKET]) })).toEqual(expected);
      expect(allowed({ caller: operator(role, ["other"]) })).toEqual(
        expected.filter((name) => S3_OPERATIONS[name].resource === "service"),
      );
    },
  );
});

describe("a bucket policy", () => {
  it.each(NAMES.filter(inBucket))("allows %s to whom it names, and no other action", (name) => {
    const { action } = S3_OPERATIONS[name];
    const access = { policy: policyOf(statement("Allow", action, TO_BOB)) };
    const got = allowed({ caller: user(BOB), access }).filter(inBucket);
    expect(got).toEqual(where((one) => inBucket(one) && S3_OPERATIONS[one].action === action));
    expect(allowed({ caller: undefined, isPublic: true, access })).toEqual([]);
  });

  it.each(NAMES.filter(inBucket))("denies %s to everybody, its owner and operators included", (name) => {
    const { action } = S3_OPERATIONS[name];
    const acl: Acl = [{ grantee: { kind: "owner", id: BOB.id }, permission: "FULL_CONTROL" }];
    const policy = policyOf(statement("Deny", action), statement("Allow", "s3:*"));
    const object = { ...OF_ALICE, acl };
    // Whoever may always take the policy away can do so.
    const isRescue = POLICY.includes(name);
    for (const caller of [user(ALICE), operator("admin")]) {
      const got = allowed({ caller, access: { policy, acl }, object });
      expect(got.includes(name), caller.keyId).toBe(isRescue);
    }
    for (const caller of [user(BOB), operator("reader"), operator("writer"), undefined]) {
      const got = allowed({ caller, isPublic: true, access: { policy, acl }, object });
      expect(got, caller?.keyId ?? "nobody").not.toContain(name);
    }
  });
});

describe("an access control list", () => {
  const ON_BUCKET: Readonly<Record<Permission, readonly S3OperationName[]>> = {
    READ: ["HeadBucket", "ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"],
    WRITE: [
      "DeleteObjects",
      "PutObject",
      "DeleteObject",
      "PostObject",
      "CopyObject",
      "CreateMultipartUpload",
      "UploadPart",
      "UploadPartCopy",
      "CompleteMultipartUpload",
      "AbortMultipartUpload",
      "ListParts",
      "RenameObject",
    ],
    READ_ACP: ["GetBucketAcl"],
    WRITE_ACP: ["PutBucketAcl"],
    FULL_CONTROL: [],
  };
  const ON_OBJECT: Readonly<Record<Permission, readonly S3OperationName[]>> = {
    READ: ["GetObject", "HeadObject", "GetObjectAttributes", "SelectObjectContent"],
    WRITE: [],
    READ_ACP: ["GetObjectAcl"],
    WRITE_ACP: ["PutObjectAcl"],
    FULL_CONTROL: [],
  };
  const granted = (table: typeof ON_BUCKET, permission: Permission): readonly S3OperationName[] =>
    permission === "FULL_CONTROL" ? Object.values(table).flat() : table[permission];
  const PERMISSIONS: readonly Permission[] = ["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"];

  it.each(PERMISSIONS)("grants %s on the bucket, and what that means", (permission) => {
    const acl: Acl = [{ grantee: { kind: "owner", id: BOB.id }, permission }];
    const expected = where((name) => inBucket(name) && granted(ON_BUCKET, permission).includes(name));
    const got = allowed({ caller: user(BOB), access: { acl } }).filter(inBucket);
    expect(got).toEqual(expected);
    expect(allowed({ caller: user(BOB), access: { acl, ownership: "BucketOwnerEnforced" } })).toEqual(
      OUTSIDE,
    );
    expect(allowed({ caller: undefined, isPublic: true, access: { acl } })).toEqual([]);
  });

  it.each(PERMISSIONS)("grants %s on the object, and what that means", (permission) => {
    const object = { ...OF_ALICE, acl: [{ grantee: { kind: "owner", id: BOB.id }, permission } as const] };
    const expected = where((name) => inBucket(name) && granted(ON_OBJECT, permission).includes(name));
    expect(allowed({ caller: user(BOB), object }).filter(inBucket)).toEqual(expected);
    expect(allowed({ caller: user(BOB), object, access: { ownership: "BucketOwnerEnforced" } })).toEqual(
      OUTSIDE,
    );
  });

  it.each(PERMISSIONS)(
    "grants %s to everybody, with or without a key, unless that is to be ignored",
    (permission) => {
      const forEach = (group: "AllUsers" | "AuthenticatedUsers"): Acl => [
        { grantee: { kind: "group", group }, permission },
      ];
      const both = [...granted(ON_BUCKET, permission), ...granted(ON_OBJECT, permission)];
      const expected = where((name) => both.includes(name));
      const open = { acl: forEach("AllUsers") };
      const closed = { acl: forEach("AuthenticatedUsers") };
      const seen = (
        caller: Principal | undefined,
        { acl }: { readonly acl: Acl },
        ignorePublicAcls = false,
      ) =>
        allowed({
          caller,
          isPublic: true,
          access: { acl, publicAccessBlock: { ...NO_PUBLIC_ACCESS_BLOCK, ignorePublicAcls } },
          object: { ...OF_ALICE, acl },
        }).filter(inBucket);
      expect([seen(undefined, open), seen(user(BOB), open), seen(user(BOB), closed)]).toEqual([
        expected,
        expected,
        expected,
      ]);
      expect(seen(undefined, closed)).toEqual([]);
      expect([
        seen(undefined, open, true),
        seen(user(BOB), open, true),
        seen(user(BOB), closed, true),
      ]).toEqual([[], [], []]);
    },
  );
});
