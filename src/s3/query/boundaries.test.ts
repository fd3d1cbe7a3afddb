/** Of the promise: a boundary bounds what a user or a role may be given, whoever gives it, and whatever it is given. */
import { CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountIdOf } from "../../access/index.ts";
import { failureOf } from "../testing/feature-client.ts";
import { ask, type Caller, element, outcomeOf } from "../testing/query-client.ts";
import type { RawResponse } from "../testing/raw-http.ts";
import { ALICE, ALICE_OWNER, BOB, type Rig, startRig } from "../testing/rig.ts";

const ACCOUNT = accountIdOf(ALICE_OWNER.id);
const policyArn = (name: string) => `arn:aws:iam::${ACCOUNT}:policy/${name}`;
const READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const Bucket = "bounded";
let rig: Rig;
const clients: S3Client[] = [];

type Parameters = Readonly<Record<string, string>>;
const alice = (action: string, parameters: Parameters = {}): Promise<RawResponse> =>
  ask(rig, { caller: ALICE, action, parameters });
const outcome = async (action: string, parameters: Parameters, caller: Caller = ALICE): Promise<string> =>
  outcomeOf(await ask(rig, { caller, action, parameters }));
const made = async (action: string, parameters: Parameters): Promise<void> =>
  expect(await outcome(action, parameters), action).toBe("ok");
const statement = (Effect: string, Action: string, more: object = {}) => ({
  Effect,
  Action,
  Resource: "*",
  ...more,
});
const document = (...statements: object[]) =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });

function keyIn(answer: RawResponse): Caller {
  const sessionToken = element(answer, "SessionToken");
  return {
    accessKeyId: element(answer, "AccessKeyId") ?? "",
    secretAccessKey: element(answer, "SecretAccessKey") ?? "",
    ...(sessionToken !== undefined && { sessionToken }),
  };
}

function s3(credentials: Caller): S3Client {
  const options = { endpoint: rig.endpoint, region: "us-east-1", forcePathStyle: true, maxAttempts: 1 };
  const client = new S3Client({ ...options, credentials });
  clients.push(client);
  return client;
}

async function put(caller: Caller, bucket = Bucket): Promise<string> {
  const command = new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "x" });
  return (await failureOf(s3(caller).send(command))).name;
}

/** The policies that boundaries are made of here. */
const BOUNDARIES: Readonly<Record<string, string>> = {
  all: document(statement("Allow", "*")),
  reading: document(statement("Allow", "s3:Get*")),
  denying: document(statement("Allow", "*"), statement("Deny", "s3:PutObject")),
  identities: document(statement("Allow", "iam:*"), statement("Allow", "s3:*")),
};
const GIVEN: Readonly<Record<string, string>> = {
  all: document(statement("Allow", "*")),
  reading: document(statement("Allow", "s3:Get*")),
  nothing: document(statement("Allow", "s3:ListAllMyBuckets")),
};

beforeAll(async () => {
  rig = await startRig();
  await s3(ALICE).send(new CreateBucketCommand({ Bucket }));
  for (const [PolicyName, PolicyDocument] of Object.entries(BOUNDARIES)) {
    await made("CreatePolicy", { PolicyName, PolicyDocument });
  }
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

describe("what is allowed is what both allow", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["all", "all", "succeeded"],
    ["all", "reading", "AccessDenied"],
    ["all", "denying", "AccessDenied"],
    ["reading", "all", "AccessDenied"],
    ["nothing", "all", "AccessDenied"],
  ];

  it.each(cases)("of a user with %s within %s", async (given, boundary, expected) => {
    const UserName = `user-${given}-${boundary}`;
    await made("CreateUser", { UserName, PermissionsBoundary: policyArn(boundary) });
    await made("PutUserPolicy", { UserName, PolicyName: "p", PolicyDocument: GIVEN[given]! });
    const caller = keyIn(await alice("CreateAccessKey", { UserName }));
    expect(await put(caller)).toBe(expected);
  });

  it.each(cases)("of a role with %s within %s", async (given, boundary, expected) => {
    const RoleName = `role-${given}-${boundary}`;
    const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: ACCOUNT } };
    const AssumeRolePolicyDocument = JSON.stringify({ Statement: [trust] });
    await made("CreateRole", {
      RoleName,
      AssumeRolePolicyDocument,
      PermissionsBoundary: policyArn(boundary),
    });
    await made("PutRolePolicy", { RoleName, PolicyName: "p", PolicyDocument: GIVEN[given]! });
    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/${RoleName}`;
    const caller = keyIn(await alice("AssumeRole", { RoleArn, RoleSessionName: "se" }));
    expect(await put(caller)).toBe(expected);
  });
});

describe("a user's boundary", () => {
  const UserName = "someone";
  let caller: Caller;

  it("is shown, replaced and taken away, and counts at once", async () => {
    await made("CreateUser", { UserName });
    await made("PutUserPolicy", { UserName, PolicyName: "p", PolicyDocument: GIVEN.all! });
    caller = keyIn(await alice("CreateAccessKey", { UserName }));
    expect(await put(caller)).toBe("succeeded");
    await made("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: policyArn("all") });
    await made("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: READ_ONLY });
    const shown = await alice("GetUser", { UserName });
    expect(shown.body).toContain(
      `<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>${READ_ONLY}</PermissionsBoundaryArn></PermissionsBoundary>`,
    );
    expect(await put(caller)).toBe("AccessDenied");
    await made("UpdateUser", { UserName, NewUserName: "renamed" });
    expect(await put(caller)).toBe("AccessDenied");
    await made("UpdateUser", { UserName: "renamed", NewUserName: UserName });
    await made("DeleteUserPermissionsBoundary", { UserName });
    await made("DeleteUserPermissionsBoundary", { UserName });
    expect((await alice("GetUser", { UserName })).body).not.toContain("PermissionsBoundary");
    expect(await put(caller)).toBe("succeeded");
  });

  it("bounds nothing that a bucket gives to the user itself, as in AWS, and everything that another account does", async () => {
    await made("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: policyArn("reading") });
    const AWS = `arn:aws:iam::${ACCOUNT}:user/${UserName}`;
    const allow = (bucket: string) =>
      JSON.stringify({
        Statement: {
          Effect: "Allow",
          Principal: { AWS },
          Action: "s3:PutObject",
          Resource: `arn:aws:s3:::${bucket}/*`,
        },
      });
    await s3(ALICE).send(new PutBucketPolicyCommand({ Bucket, Policy: allow(Bucket) }));
    expect(await put(caller)).toBe("succeeded");
    await made("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: policyArn("denying") });
    expect(await put(caller)).toBe("AccessDenied");
    const others = "bobs-bounded";
    await s3(BOB).send(new CreateBucketCommand({ Bucket: others }));
    await s3(BOB).send(new PutBucketPolicyCommand({ Bucket: others, Policy: allow(others) }));
    await made("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: policyArn("reading") });
    expect(await put(caller, others)).toBe("AccessDenied");
    await made("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: policyArn("all") });
    expect(await put(caller, others)).toBe("succeeded");
  });

  it("keeps its policy from being removed", async () => {
    const PolicyArn = policyArn("counted");
    await made("CreatePolicy", { PolicyName: "counted", PolicyDocument: GIVEN.all! });
    await made("CreateUser", { UserName: "counting", PermissionsBoundary: PolicyArn });
    await made("PutUserPermissionsBoundary", { UserName: "counting", PermissionsBoundary: PolicyArn });
    expect(element(await alice("GetPolicy", { PolicyArn }), "PermissionsBoundaryUsageCount")).toBe("1");
    expect(await outcome("DeletePolicy", { PolicyArn })).toBe("DeleteConflict");
    await made("DeleteUser", { UserName: "counting" });
    await made("DeletePolicy", { PolicyArn });
  });

  it("must be a policy that there is, of this account or AWS's", async () => {
    for (const PermissionsBoundary of [policyArn("missing"), "arn", `arn:aws:iam::${ACCOUNT}:user/x`]) {
      expect(await outcome("CreateUser", { UserName: "no-one", PermissionsBoundary })).toBe("NoSuchEntity");
      expect(await outcome("PutUserPermissionsBoundary", { UserName, PermissionsBoundary })).toBe(
        "NoSuchEntity",
      );
    }
    expect(await outcome("GetUser", { UserName: "no-one" })).toBe("NoSuchEntity");
    const missing = { UserName: "no-one", PermissionsBoundary: policyArn("all") };
    expect(await outcome("PutUserPermissionsBoundary", missing)).toBe("NoSuchEntity");
  });

  it("can be what a delegate must set: iam:PermissionsBoundary", async () => {
    const Condition = { StringEquals: { "iam:PermissionsBoundary": policyArn("reading") } };
    await made("CreateUser", { UserName: "delegate" });
    const PolicyDocument = document(statement("Allow", "iam:*User*", { Condition }));
    await made("PutUserPolicy", { UserName: "delegate", PolicyName: "p", PolicyDocument });
    const delegate = keyIn(await alice("CreateAccessKey", { UserName: "delegate" }));
    const theirs = { UserName: "theirs" };
    expect(await outcome("CreateUser", theirs, delegate)).toBe("AccessDenied");
    const wide = { ...theirs, PermissionsBoundary: policyArn("all") };
    expect(await outcome("CreateUser", wide, delegate)).toBe("AccessDenied");
    const narrow = { ...theirs, PermissionsBoundary: policyArn("reading") };
    expect(await outcome("CreateUser", narrow, delegate)).toBe("ok");
    const attach = { ...theirs, PolicyArn: READ_ONLY };
    expect(await outcome("AttachUserPolicy", attach, delegate)).toBe("ok");
    expect(await outcome("AttachUserPolicy", { ...attach, UserName }, delegate)).toBe("AccessDenied");
  });
});

it("a role's boundary is shown, replaced and taken away", async () => {
  const RoleName = "role-all-all";
  await made("PutRolePermissionsBoundary", { RoleName, PermissionsBoundary: READ_ONLY });
  expect(element(await alice("GetRole", { RoleName }), "PermissionsBoundaryArn")).toBe(READ_ONLY);
  await made("DeleteRolePermissionsBoundary", { RoleName });
  expect((await alice("GetRole", { RoleName })).body).not.toContain("PermissionsBoundary");
});
