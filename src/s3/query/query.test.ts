/** Of the promise: an account gives its users, groups and roles what it says and no more, and takes it back at once. */
import { readFileSync } from "node:fs";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountIdOf, mintSession } from "../../access/index.ts";
import { failureOf } from "../testing/feature-client.ts";
import { ask, type Caller, element, elements, outcomeOf } from "../testing/query-client.ts";
import type { RawResponse } from "../testing/raw-http.ts";
import {
  ADMIN,
  ALICE,
  ALICE_OWNER,
  BOB,
  BOB_OWNER,
  LIMITED,
  READER,
  type Rig,
  startRig,
  WRITER,
} from "../testing/rig.ts";
import { QUERY_OPERATIONS, queryOperationRows } from "./operations.ts";

let rig: Rig;
const clients: S3Client[] = [];
const ACCOUNT = accountIdOf(ALICE_OWNER.id);
const OTHER_ACCOUNT = accountIdOf(BOB_OWNER.id);

beforeAll(async () => {
  rig = await startRig();
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

type Parameters = Readonly<Record<string, string>>;
const alice = (action: string, parameters: Parameters = {}): Promise<RawResponse> =>
  ask(rig, { caller: ALICE, action, parameters });
const outcome = async (
  action: string,
  parameters: Parameters = {},
  caller: Caller = ALICE,
): Promise<string> => outcomeOf(await ask(rig, { caller, action, parameters }));

const allow = (Action: string | readonly string[], more: object = {}): string =>
  JSON.stringify({ Statement: [{ Effect: "Allow", Action, Resource: "*", ...more }] });
const trust = (AWS: string, more: object = {}): string =>
  JSON.stringify({ Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS }, ...more }] });

function s3(credentials: Caller): S3Client {
  const client = new S3Client({
    endpoint: rig.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
  clients.push(client);
  return client;
}

async function userWithKey(UserName: string): Promise<Caller> {
  expect(await outcome("CreateUser", { UserName })).toBe("ok");
  return keyIn(await alice("CreateAccessKey", { UserName }));
}

function keyIn(answer: RawResponse): Caller {
  const sessionToken = element(answer, "SessionToken");
  return {
    accessKeyId: element(answer, "AccessKeyId") ?? "",
    secretAccessKey: element(answer, "SecretAccessKey") ?? "",
    ...(sessionToken !== undefined && { sessionToken }),
  };
}

const listing = async (caller: Caller): Promise<string> =>
  (await failureOf(s3(caller).send(new ListBucketsCommand({})))).name;

describe("users", () => {
  it("are made, shown, listed by path, renamed and removed", async () => {
    const made = await alice("CreateUser", {
      UserName: "Ann",
      Path: "/staff/",
      "Tags.member.1.Key": "team",
      "Tags.member.1.Value": "a+b",
    });
    expect(element(made, "Arn")).toBe(`arn:aws:iam::${ACCOUNT}:user/staff/Ann`);
    expect(made.body).toContain("<Tags><member><Key>team</Key><Value>a+b</Value></member></Tags>");
    expect(await outcome("CreateUser", { UserName: "ann" })).toBe("EntityAlreadyExists");
    expect(element(await alice("GetUser", { UserName: "aNN" }), "UserId")).toBe(element(made, "UserId"));
    expect(elements(await alice("ListUsers", { PathPrefix: "/staff/" }), "UserName")).toEqual(["Ann"]);
    expect(elements(await alice("ListUsers", { PathPrefix: "/other/" }), "UserName")).toEqual([]);
    expect(await outcome("UpdateUser", { UserName: "Ann", NewUserName: "Anna", NewPath: "/" })).toBe("ok");
    const renamed = await alice("GetUser", { UserName: "Anna" });
    expect([element(renamed, "UserId"), element(renamed, "CreateDate")]).toEqual([
      element(made, "UserId"),
      element(made, "CreateDate"),
    ]);
    expect(await outcome("GetUser", { UserName: "Ann" })).toBe("NoSuchEntity");
    expect(await outcome("DeleteUser", { UserName: "Anna" })).toBe("ok");
    expect(await outcome("DeleteUser", { UserName: "Anna" })).toBe("NoSuchEntity");
  });

  it("are listed a page at a time", async () => {
    for (const name of ["pa", "Pb", "pc"]) await alice("CreateUser", { UserName: name, Path: "/pages/" });
    const names: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await alice("ListUsers", {
        PathPrefix: "/pages/",
        MaxItems: "1",
        ...(Marker && { Marker }),
      });
      names.push(...elements(page, "UserName"));
      expect(elements(page, "UserName").length).toBeLessThanOrEqual(1);
      expect(element(page, "IsTruncated")).toBe(String(element(page, "Marker") !== undefined));
      Marker = element(page, "Marker");
    } while (Marker !== undefined);
    expect(names).toEqual(["pa", "Pb", "pc"]);
    expect(await outcome("ListUsers", { Marker: "nonsense" })).toBe("ValidationError");
    expect(await outcome("ListUsers", { MaxItems: "0" })).toBe("ValidationError");
  });

  it("have two keys, which work until they are switched off, removed, or the user is", async () => {
    const carl = await userWithKey("Carl");
    await alice("PutUserPolicy", {
      UserName: "Carl",
      PolicyName: "p",
      PolicyDocument: allow("s3:ListAllMyBuckets"),
    });
    expect(await listing(carl)).toBe("succeeded");
    const denied = { Effect: "Deny", Action: "s3:ListAllMyBuckets", Resource: "arn:aws:s3:::*" };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: denied });
    await alice("PutUserPolicy", { UserName: "Carl", PolicyName: "denied", PolicyDocument });
    expect(await listing(carl)).toBe("AccessDenied");
    expect(await outcome("DeleteUserPolicy", { UserName: "Carl", PolicyName: "denied" })).toBe("ok");
    expect(await outcome("UpdateUser", { UserName: "Carl", NewUserName: "Charles" })).toBe("ok");
    expect(await listing(carl)).toBe("succeeded");
    const second = keyIn(await alice("CreateAccessKey", { UserName: "Charles" }));
    expect(await outcome("CreateAccessKey", { UserName: "Charles" })).toBe("LimitExceeded");
    const keys = await alice("ListAccessKeys", { UserName: "Charles" });
    expect(elements(keys, "AccessKeyId").toSorted()).toEqual(
      [carl.accessKeyId, second.accessKeyId].toSorted(),
    );
    expect(keys.body).not.toContain(carl.secretAccessKey);
    const off = { UserName: "Charles", AccessKeyId: carl.accessKeyId, Status: "Inactive" };
    expect(await outcome("UpdateAccessKey", off)).toBe("ok");
    expect(await listing(carl)).toBe("InvalidAccessKeyId");
    expect(await outcome("UpdateAccessKey", { ...off, Status: "Active" })).toBe("ok");
    expect(await listing(carl)).toBe("succeeded");
    expect(await outcome("DeleteUser", { UserName: "Charles" })).toBe("DeleteConflict");
    for (const { accessKeyId } of [carl, second]) {
      const key = { UserName: "Charles", AccessKeyId: accessKeyId };
      expect(await outcome("DeleteAccessKey", key)).toBe("ok");
      expect(await outcome("DeleteAccessKey", key)).toBe("NoSuchEntity");
      // A key that was taken away does not come back by being switched on.
      expect(await outcome("UpdateAccessKey", { ...key, Status: "Active" })).toBe("NoSuchEntity");
    }
    expect(await listing(carl)).toBe("InvalidAccessKeyId");
    expect(await outcome("DeleteUser", { UserName: "Charles" })).toBe("DeleteConflict");
    await alice("DeleteUserPolicy", { UserName: "Charles", PolicyName: "p" });
    expect(await outcome("DeleteUser", { UserName: "Charles" })).toBe("ok");
  });

  it("of one account are nothing to another", async () => {
    await userWithKey("mine");
    const bob = (action: string, parameters: Parameters) => outcome(action, parameters, BOB);
    expect(await bob("GetUser", { UserName: "mine" })).toBe("NoSuchEntity");
    expect(await bob("CreateAccessKey", { UserName: "mine" })).toBe("NoSuchEntity");
    expect(await bob("DeleteUser", { UserName: "mine" })).toBe("NoSuchEntity");
    const keyId = element(await alice("ListAccessKeys", { UserName: "mine" }), "AccessKeyId") ?? "";
    expect(await bob("DeleteAccessKey", { AccessKeyId: keyId })).toBe("NoSuchEntity");
    expect(await bob("CreateUser", { UserName: "mine" })).toBe("ok");
  });
});

describe("policies", () => {
  it("of a user are kept as they came, and decide what it may do", async () => {
    const dora = await userWithKey("dora");
    const document = `{ "Statement": {"Effect":"Allow", "Action":"s3:ListAllMyBuckets", "Resource":"*"} }`;
    const policy = { UserName: "dora", PolicyName: "list" };
    expect(await listing(dora)).toBe("AccessDenied");
    expect(await outcome("GetUserPolicy", policy)).toBe("NoSuchEntity");
    expect(await outcome("PutUserPolicy", { ...policy, PolicyDocument: document })).toBe("ok");
    const kept = element(await alice("GetUserPolicy", policy), "PolicyDocument") ?? "";
    expect(decodeURIComponent(kept)).toBe(document);
    expect(elements(await alice("ListUserPolicies", { UserName: "dora" }), "member")).toEqual(["list"]);
    expect(await listing(dora)).toBe("succeeded");
    const deny = JSON.stringify({ Statement: { Effect: "Deny", Action: "s3:*", Resource: "*" } });
    await alice("PutUserPolicy", { UserName: "dora", PolicyName: "deny", PolicyDocument: deny });
    expect(await listing(dora)).toBe("AccessDenied");
    await alice("DeleteUserPolicy", { UserName: "dora", PolicyName: "deny" });
    expect(await outcome("DeleteUserPolicy", policy)).toBe("ok");
    expect(await outcome("DeleteUserPolicy", policy)).toBe("NoSuchEntity");
    expect(await listing(dora)).toBe("AccessDenied");
  });

  it.each([
    ["not json", "MalformedPolicyDocument"],
    ['{"Version":"2010-10-17","Statement":[]}', "MalformedPolicyDocument"],
    [allow("s3:*", { Principal: "*" }), "MalformedPolicyDocument"],
    [allow("s3:*", { Condition: { StringEquals: { "no:such": "key" } } }), "MalformedPolicyDocument"],
    [allow(new Array(100).fill("s3:GetObjectVersionTagging")), "LimitExceeded"],
  ])("%s are refused: %s", async (PolicyDocument, code) => {
    await alice("CreateUser", { UserName: "refused" });
    const put = { UserName: "refused", PolicyName: "p", PolicyDocument };
    expect(await outcome("PutUserPolicy", put)).toBe(code);
    expect(await outcome("GetUserPolicy", { UserName: "refused", PolicyName: "p" })).toBe("NoSuchEntity");
  });

  it("of AWS and of the account are attached, count, and cannot be taken from under anybody", async () => {
    const erik = await userWithKey("erik");
    const given = { UserName: "erik", PolicyArn: "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" };
    expect(await outcome("DetachUserPolicy", given)).toBe("NoSuchEntity");
    expect([await outcome("AttachUserPolicy", given), await outcome("AttachUserPolicy", given)]).toEqual([
      "ok",
      "ok",
    ]);
    expect(elements(await alice("ListAttachedUserPolicies", { UserName: "erik" }), "PolicyName")).toEqual([
      "AmazonS3ReadOnlyAccess",
    ]);
    expect(await listing(erik)).toBe("succeeded");
    await alice("DetachUserPolicy", given);
    expect(await listing(erik)).toBe("AccessDenied");

    const made = await alice("CreatePolicy", { PolicyName: "Own", PolicyDocument: allow("s3:Get*") });
    const PolicyArn = element(made, "Arn") ?? "";
    expect(PolicyArn).toBe(`arn:aws:iam::${ACCOUNT}:policy/Own`);
    expect(await outcome("AttachUserPolicy", { UserName: "erik", PolicyArn })).toBe("ok");
    expect(element(await alice("GetPolicy", { PolicyArn }), "AttachmentCount")).toBe("1");
    expect(await listing(erik)).toBe("AccessDenied");
    const version = { PolicyArn, PolicyDocument: allow("s3:List*"), SetAsDefault: "true" };
    expect(element(await alice("CreatePolicyVersion", version), "VersionId")).toBe("v2");
    expect(await listing(erik)).toBe("succeeded");
    expect(await outcome("SetDefaultPolicyVersion", { PolicyArn, VersionId: "v1" })).toBe("ok");
    expect(await listing(erik)).toBe("AccessDenied");
    const v2 = element(await alice("GetPolicyVersion", { PolicyArn, VersionId: "v2" }), "Document") ?? "";
    expect(decodeURIComponent(v2)).toBe(version.PolicyDocument);
    expect(elements(await alice("ListPolicyVersions", { PolicyArn }), "VersionId")).toEqual(["v1", "v2"]);
    expect(await outcome("DeletePolicyVersion", { PolicyArn, VersionId: "v1" })).toBe("DeleteConflict");
    expect(await outcome("DeletePolicy", { PolicyArn })).toBe("DeleteConflict");
    expect(await outcome("DetachUserPolicy", { UserName: "erik", PolicyArn })).toBe("ok");
    expect(await outcome("DeletePolicyVersion", { PolicyArn, VersionId: "v2" })).toBe("ok");
    expect(await outcome("DeletePolicy", { PolicyArn })).toBe("ok");
    expect(await outcome("GetPolicy", { PolicyArn })).toBe("NoSuchEntity");
    expect(await outcome("AttachUserPolicy", { UserName: "erik", PolicyArn })).toBe("NoSuchEntity");
    expect(elements(await alice("ListPolicies", { Scope: "AWS" }), "PolicyName")).toContain(
      "AdministratorAccess",
    );
  });

  it("of another account are not there", async () => {
    const made = await ask(rig, {
      caller: BOB,
      action: "CreatePolicy",
      parameters: { PolicyName: "B", PolicyDocument: allow("*") },
    });
    const PolicyArn = element(made, "Arn") ?? "";
    expect(await outcome("GetPolicy", { PolicyArn })).toBe("NoSuchEntity");
    await alice("CreateUser", { UserName: "wants" });
    expect(await outcome("AttachUserPolicy", { UserName: "wants", PolicyArn })).toBe("NoSuchEntity");
  });
});

describe("groups", () => {
  it("give what they have to who is in them", async () => {
    const fay = await userWithKey("fay");
    expect(element(await alice("CreateGroup", { GroupName: "Readers" }), "Arn")).toBe(
      `arn:aws:iam::${ACCOUNT}:group/Readers`,
    );
    const PolicyDocument = allow("s3:ListAllMyBuckets");
    await alice("PutGroupPolicy", { GroupName: "Readers", PolicyName: "list", PolicyDocument });
    expect(await listing(fay)).toBe("AccessDenied");
    const membership = { GroupName: "readers", UserName: "FAY" };
    expect([
      await outcome("AddUserToGroup", membership),
      await outcome("AddUserToGroup", membership),
    ]).toEqual(["ok", "ok"]);
    expect(await listing(fay)).toBe("succeeded");
    expect(await outcome("UpdateGroup", { GroupName: "Readers", NewGroupName: "Viewers" })).toBe("ok");
    expect(await outcome("UpdateUser", { UserName: "fay", NewUserName: "Faye" })).toBe("ok");
    expect(elements(await alice("GetGroup", { GroupName: "Viewers" }), "UserName")).toEqual(["Faye"]);
    expect(elements(await alice("ListGroupsForUser", { UserName: "Faye" }), "GroupName")).toEqual([
      "Viewers",
    ]);
    expect(await listing(fay)).toBe("succeeded");
    expect(await outcome("DeleteGroup", { GroupName: "Viewers" })).toBe("DeleteConflict");
    expect(await outcome("RemoveUserFromGroup", { GroupName: "Viewers", UserName: "Faye" })).toBe("ok");
    expect(await listing(fay)).toBe("AccessDenied");
    await alice("DeleteGroupPolicy", { GroupName: "Viewers", PolicyName: "list" });
    expect(await outcome("DeleteGroup", { GroupName: "Viewers" })).toBe("ok");
  });
});

describe("who may call", () => {
  it("a user only what its policies say, on what they name", async () => {
    const gus = await userWithKey("gus");
    const as = (action: string, parameters: Parameters = {}) => outcome(action, parameters, gus);
    expect(await as("ListUsers")).toBe("AccessDenied");
    expect(await as("GetUser")).toBe("AccessDenied");
    const Resource = `arn:aws:iam::${ACCOUNT}:user/gus`;
    const PolicyDocument = allow(["iam:GetUser", "iam:CreateAccessKey"], { Resource });
    await alice("PutUserPolicy", { UserName: "gus", PolicyName: "self", PolicyDocument });
    expect([await as("GetUser"), await as("GetUser", { UserName: "gus" })]).toEqual(["ok", "ok"]);
    expect(await as("GetUser", { UserName: "erik" })).toBe("AccessDenied");
    // Nobody gives itself more than it has.
    const more = { UserName: "gus", PolicyName: "all", PolicyDocument: allow("*") };
    expect(await as("PutUserPolicy", more)).toBe("AccessDenied");
    const own = keyIn(await ask(rig, { caller: gus, action: "CreateAccessKey" }));
    expect(await outcome("GetUser", {}, own)).toBe("ok");
  });

  it("of operators an admin, on the account that its key owns in, and no key that is limited to buckets", async () => {
    expect(await outcome("ListUsers", {}, ADMIN)).toBe("ok");
    expect(elements(await ask(rig, { caller: ADMIN, action: "ListUsers" }), "UserName")).toEqual([]);
    for (const caller of [WRITER, READER, LIMITED]) {
      expect(await outcome("ListUsers", {}, caller)).toBe("AccessDenied");
      expect(await outcome("CreateUser", { UserName: "x" }, caller)).toBe("AccessDenied");
      expect(await outcome("GetSessionToken", {}, caller)).toBe("AccessDenied");
      expect(await outcome("GetCallerIdentity", {}, caller)).toBe("ok");
    }
  });

  it("everybody is refused without a right signature, and is not told more", async () => {
    const wrong = { ...ALICE, secretAccessKey: "wrong" };
    expect(await outcome("ListUsers", {}, wrong)).toBe("SignatureDoesNotMatch");
    expect(await outcome("ListUsers", {}, { ...ALICE, accessKeyId: "NOBODY" })).toBe("InvalidClientTokenId");
    const ofS3 = await ask(rig, { caller: ALICE, action: "ListUsers", service: "s3" });
    expect(outcomeOf(ofS3)).toBe("AuthorizationHeaderMalformed");
    const ofSts = await ask(rig, { caller: ALICE, action: "ListUsers", service: "sts" });
    expect(outcomeOf(ofSts)).toBe("AuthorizationHeaderMalformed");
  });

  it.each(
    Object.keys(QUERY_OPERATIONS).filter(
      (action) => action !== "GetCallerIdentity" && action !== "GetSessionToken",
    ),
  )("%s is refused to a user without policies", async (action) => {
    const { accessKeyId } = nobody ?? (await makeNobody());
    expect(accessKeyId).not.toBe("");
    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/none`;
    const parameters = Object.fromEntries(
      (QUERY_OPERATIONS[action]?.parameters ?? [])
        .filter(
          (name) =>
            ![
              "Tags",
              "TagKeys",
              "PolicyArns",
              "Marker",
              "MaxItems",
              "DurationSeconds",
              "MaxSessionDuration",
            ].includes(name),
        )
        .map((name) => [name, name === "RoleArn" ? RoleArn : "some"]),
    );
    expect(await outcome(action, parameters, nobody)).toBe("AccessDenied");
    expect(await outcome(action, parameters, READER)).toBe("AccessDenied");
  });
});

let nobody: Caller | undefined;
async function makeNobody(): Promise<Caller> {
  nobody = await userWithKey("nobody");
  return nobody;
}

describe("roles", () => {
  const assume = (caller: Caller, RoleName: string, more: Parameters = {}) =>
    ask(rig, {
      caller,
      action: "AssumeRole",
      parameters: {
        RoleArn: `arn:aws:iam::${ACCOUNT}:role/${RoleName}`,
        RoleSessionName: "session",
        ...more,
      },
    });
  const role = (RoleName: string, document: string) =>
    outcome("CreateRole", { RoleName, AssumeRolePolicyDocument: document, MaxSessionDuration: "7200" });

  it("are taken on by whom they trust, and may what they were given, until they are gone", async () => {
    const hans = await userWithKey("hans");
    const other = await userWithKey("other");
    const hansArn = `arn:aws:iam::${ACCOUNT}:user/hans`;
    expect(await role("lister", trust(hansArn))).toBe("ok");
    expect(outcomeOf(await assume(other, "lister"))).toBe("AccessDenied");
    expect(outcomeOf(await assume(BOB, "lister"))).toBe("AccessDenied");
    expect(outcomeOf(await assume(hans, "no-such-role"))).toBe("AccessDenied");
    const answer = await assume(hans, "lister");
    expect(element(answer, "Arn")).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/lister/session`);
    const session = keyIn(answer);
    expect(await listing(session)).toBe("AccessDenied");
    await alice("PutRolePolicy", {
      RoleName: "lister",
      PolicyName: "p",
      PolicyDocument: allow(["s3:List*", "s3:CreateBucket", "iam:GetRole"]),
    });
    expect(await listing(session)).toBe("succeeded");
    expect(element(await ask(rig, { caller: session, action: "GetCallerIdentity" }), "Arn")).toBe(
      `arn:aws:sts::${ACCOUNT}:assumed-role/lister/session`,
    );
    expect(await outcome("GetRole", { RoleName: "lister" }, session)).toBe("ok");
    expect(await outcome("DeleteRole", { RoleName: "lister" }, session)).toBe("AccessDenied");
    const { Owner } = await s3(session).send(new ListBucketsCommand({}));
    expect(Owner?.ID).toBe(ALICE_OWNER.id);
    expect(await outcome("DeleteRole", { RoleName: "lister" })).toBe("DeleteConflict");
    await alice("DeleteRolePolicy", { RoleName: "lister", PolicyName: "p" });
    expect(await outcome("DeleteRole", { RoleName: "lister" })).toBe("ok");
    expect(await listing(session)).toBe("InvalidToken");
    // A role of the same name is another one.
    await role("lister", trust(hansArn));
    expect(await listing(session)).toBe("InvalidToken");
  });

  it("that trust an account leave it to that account", async () => {
    const ines = await userWithKey("ines");
    await role("accounts", trust(`arn:aws:iam::${ACCOUNT}:root`));
    expect(outcomeOf(await assume(ines, "accounts"))).toBe("AccessDenied");
    const Resource = `arn:aws:iam::${ACCOUNT}:role/accounts`;
    await alice("PutUserPolicy", {
      UserName: "ines",
      PolicyName: "p",
      PolicyDocument: allow("sts:AssumeRole", { Resource }),
    });
    expect(outcomeOf(await assume(ines, "accounts"))).toBe("ok");
    await role("others", trust(OTHER_ACCOUNT));
    expect([outcomeOf(await assume(ines, "others")), outcomeOf(await assume(BOB, "others"))]).toEqual([
      "AccessDenied",
      "ok",
    ]);
  });

  it("ask for an external id where they say so", async () => {
    const Condition = { StringEquals: { "sts:ExternalId": "secret" } };
    await role("external", trust(OTHER_ACCOUNT, { Condition }));
    expect(outcomeOf(await assume(BOB, "external"))).toBe("AccessDenied");
    expect(outcomeOf(await assume(BOB, "external", { ExternalId: "wrong" }))).toBe("AccessDenied");
    expect(outcomeOf(await assume(BOB, "external", { ExternalId: "secret" }))).toBe("ok");
  });

  it("are confined by the policies of a session", async () => {
    await role("confined", trust(OTHER_ACCOUNT));
    await alice("AttachRolePolicy", {
      RoleName: "confined",
      PolicyArn: "arn:aws:iam::aws:policy/AmazonS3FullAccess",
    });
    const get = allow("s3:GetObject");
    expect(await listing(keyIn(await assume(BOB, "confined")))).toBe("succeeded");
    expect(await listing(keyIn(await assume(BOB, "confined", { Policy: get })))).toBe("AccessDenied");
    const arn = { "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" };
    const reading = keyIn(await assume(BOB, "confined", arn));
    expect(await listing(reading)).toBe("succeeded");
    const create = s3(reading).send(new CreateBucketCommand({ Bucket: "confined-bucket" }));
    expect((await failureOf(create)).name).toBe("AccessDenied");
    // A session cannot widen what it is confined to by taking the role on again.
    expect(outcomeOf(await assume(reading, "confined"))).toBe("AccessDenied");
  });

  it.each([
    [{ DurationSeconds: "899" }, "ValidationError"],
    [{ DurationSeconds: "7201" }, "ValidationError"],
    [{ DurationSeconds: "soon" }, "ValidationError"],
    [{ RoleSessionName: "a" }, "ValidationError"],
    [{ Policy: "{}" }, "MalformedPolicyDocument"],
    [{ Policy: allow("s3:GetObject").padEnd(2049) }, "LimitExceeded"],
    [{ "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/None" }, "NoSuchEntity"],
    [{ SerialNumber: "1" }, "NotImplemented"],
  ])("are not taken on with %j: %s", async (more, code) => {
    await role("strict", trust(OTHER_ACCOUNT));
    expect(outcomeOf(await assume(BOB, "strict", more))).toBe(code);
  });

  it("name who may take them on in a policy that is understood", async () => {
    expect(await role("bad", allow("sts:AssumeRole"))).toBe("MalformedPolicyDocument");
    expect(await role("bad", trust("not an arn"))).toBe("MalformedPolicyDocument");
    expect(await role("good", trust(ACCOUNT))).toBe("ok");
    const PolicyDocument = trust("*");
    expect(await outcome("UpdateAssumeRolePolicy", { RoleName: "good", PolicyDocument })).toBe("ok");
    const shown = element(await alice("GetRole", { RoleName: "good" }), "AssumeRolePolicyDocument") ?? "";
    expect(decodeURIComponent(shown)).toBe(PolicyDocument);
    expect(await outcome("UpdateRole", { RoleName: "good", MaxSessionDuration: "1" })).toBe(
      "ValidationError",
    );
    expect(
      await outcome("UpdateRole", { RoleName: "good", Description: "d", MaxSessionDuration: "43200" }),
    ).toBe("ok");
    const role1 = await alice("GetRole", { RoleName: "good" });
    expect([element(role1, "Description"), element(role1, "MaxSessionDuration")]).toEqual(["d", "43200"]);
  });
});

describe("sessions", () => {
  it("of an account and of a user may what these may, but make no lasting credentials", async () => {
    const session = keyIn(await alice("GetSessionToken"));
    const client = s3(session);
    await client.send(new CreateBucketCommand({ Bucket: "session-bucket" }));
    await client.send(new PutObjectCommand({ Bucket: "session-bucket", Key: "k", Body: "by session" }));
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: "session-bucket", Key: "k" }));
    expect(await (await fetch(url)).text()).toBe("by session");
    expect(await outcome("CreateUser", { UserName: "lasting" }, session)).toBe("AccessDenied");
    expect(await outcome("CreateAccessKey", {}, session)).toBe("AccessDenied");
    expect(await outcome("GetSessionToken", {}, session)).toBe("AccessDenied");

    const jan = await userWithKey("jan");
    const ofJan = keyIn(
      await ask(rig, { caller: jan, action: "GetSessionToken", parameters: { DurationSeconds: "900" } }),
    );
    expect(await listing(ofJan)).toBe("AccessDenied");
    const user = `arn:aws:iam::${ACCOUNT}:user/jan`;
    const Policy = JSON.stringify({
      Statement: {
        Effect: "Allow",
        Principal: { AWS: user },
        Action: "s3:ListBucket",
        Resource: "arn:aws:s3:::session-bucket",
      },
    });
    await client.send(new PutBucketPolicyCommand({ Bucket: "session-bucket", Policy }));
    const found = await s3(ofJan).send(new ListObjectsV2Command({ Bucket: "session-bucket" }));
    expect(found.KeyCount).toBe(1);
  });

  it("are good only whole, for their own key, and for their time", async () => {
    const session = keyIn(await alice("GetSessionToken"));
    const another = keyIn(await alice("GetSessionToken"));
    expect(await listing(session)).toBe("succeeded");
    const { sessionToken = "" } = session;
    const { accessKeyId, secretAccessKey } = session;
    expect(await listing({ accessKeyId, secretAccessKey })).toBe("InvalidAccessKeyId");
    expect(await listing({ ...session, sessionToken: another.sessionToken ?? "" })).toBe("InvalidToken");
    expect(await listing({ ...ALICE, sessionToken })).toBe("InvalidToken");
    expect(await listing({ ...session, secretAccessKey: another.secretAccessKey })).toBe(
      "SignatureDoesNotMatch",
    );
    const flipped =
      sessionToken.slice(0, -2) + (sessionToken.at(-2) === "A" ? "B" : "A") + sessionToken.slice(-1);
    for (const token of [
      flipped,
      "",
      "x",
      sessionToken.slice(1),
      `${sessionToken}AAAA`,
      "A".repeat(13_000),
    ]) {
      if (token === "") continue;
      expect(await listing({ ...session, sessionToken: token }), token.slice(0, 20)).toBe("InvalidToken");
    }
    const issuedAtMs = Date.now() - 1_000_000;
    const claims = {
      issuedAtMs,
      expiresAtMs: issuedAtMs + 900_000,
      canonicalId: ALICE_OWNER.id,
      subject: { kind: "account" as const },
    };
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const old = mintSession(claims, rig.node.sealer, random);
    expect(
      await listing({ accessKeyId: old.keyId, secretAccessKey: old.secret, sessionToken: old.token }),
    ).toBe("ExpiredToken");
    const stranger = mintSession(
      { ...claims, expiresAtMs: Date.now() + 900_000, canonicalId: "f".repeat(64) },
      rig.node.sealer,
      random,
    );
    expect(
      await listing({
        accessKeyId: stranger.keyId,
        secretAccessKey: stranger.secret,
        sessionToken: stranger.token,
      }),
    ).toBe("InvalidToken");
  });
});

describe("the protocol", () => {
  it("has a row for every call, and the reference names it", () => {
    const reference = readFileSync(new URL("../../../docs/reference/iam.md", import.meta.url), "utf8");
    for (const action of Object.keys(QUERY_OPERATIONS)) expect(reference, action).toContain(`\`${action}\``);
    expect(new Set(queryOperationRows.map(({ name }) => name)).size).toBe(
      Object.keys(QUERY_OPERATIONS).length,
    );
  });

  it("answers as IAM does", async () => {
    const answer = await alice("GetUser");
    expect(answer.headers.get("content-type")).toBe("text/xml");
    const id = answer.headers.get("x-amz-request-id") ?? "";
    expect(answer.body).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<GetUserResponse xmlns="https:\/\/iam.amazonaws.com\/doc\/2010-05-08\/"><GetUserResult><User>.*<\/User><\/GetUserResult>/,
    );
    expect(answer.body).toContain(
      `<ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></GetUserResponse>`,
    );
    const refused = await alice("GetUser", { UserName: "no one" });
    expect([refused.status, element(refused, "Type"), element(refused, "Code")]).toEqual([
      404,
      "Sender",
      "NoSuchEntity",
    ]);
  });

  it.each([
    ["Action=NoSuchAction", 501, "NotImplemented"],
    ["Action=constructor", 501, "NotImplemented"],
    ["Action=AssumeRoleWithSAML", 501, "NotImplemented"],
    ["", 400, "ValidationError"],
    ["UserName=x", 400, "ValidationError"],
    ["Action=GetUser&Action=DeleteUser", 400, "ValidationError"],
    ["Action=GetUser&UserName=%ff", 400, "ValidationError"],
    ["Action=GetUser&UserName=%", 400, "ValidationError"],
    ["Action=DeleteUser", 400, "ValidationError"],
    ["Action=CreateUser&UserName=a%20b", 400, "ValidationError"],
    ["Action=CreateUser&UserName=a&Path=nopath", 400, "ValidationError"],
    [`Action=CreateUser&UserName=${"a".repeat(65)}`, 400, "ValidationError"],
    ["Action=GetUser&UserName=a&Unheard=of", 501, "NotImplemented"],
    ["Action=CreateUser&UserName=a&Tags.member.1.Key=k", 400, "ValidationError"],
    [`Action=GetUser&UserName=${"a".repeat(300_000)}`, 400, "ValidationError"],
  ])("refuses %s", async (body, status, code) => {
    const action = /Action=(\w*)/.exec(body)?.[1] ?? "";
    const answer = await ask(rig, { caller: ALICE, action, body });
    expect([answer.status, outcomeOf(answer)]).toEqual([status, code]);
  });

  it("goes on in maintenance, so that a key can be taken back, while nothing is stored", async () => {
    const leaked = await userWithKey("Leaked");
    await rig.node.setMaintenance(true);
    try {
      const key = { UserName: "Leaked", AccessKeyId: leaked.accessKeyId };
      expect(await outcome("DeleteAccessKey", key)).toBe("ok");
      expect(await listing(leaked)).toBe("InvalidAccessKeyId");
      expect(await outcome("DeleteUser", { UserName: "Leaked" })).toBe("ok");
      const made = s3(ALICE).send(new CreateBucketCommand({ Bucket: "in-maintenance" }));
      expect(await failureOf(made)).toEqual({ name: "ServiceUnavailable", status: 503 });
    } finally {
      await rig.node.setMaintenance(false);
    }
  });

  it("is audited by what was asked and of whom", async () => {
    await alice("DeleteUser", { UserName: "audited" });
    const event = rig.events.at(-1);
    expect([event?.operation, event?.key, event?.errorCode, event?.principalKeyId]).toEqual([
      "iam:DeleteUser",
      `arn:aws:iam::${ACCOUNT}:user/audited`,
      "NoSuchEntity",
      ALICE.accessKeyId,
    ]);
  });
});

describe("a session of a role", () => {
  it("that names no user is not taken for the account", async () => {
    expect(await outcome("CreateRole", { RoleName: "keys", AssumeRolePolicyDocument: trust(ACCOUNT) })).toBe(
      "ok",
    );
    const PolicyDocument = allow(["iam:*AccessKey*", "iam:GetUser"]);
    expect(await outcome("PutRolePolicy", { RoleName: "keys", PolicyName: "p", PolicyDocument })).toBe("ok");
    const fay = await userWithKey("fay");
    await alice("PutUserPolicy", {
      UserName: "fay",
      PolicyName: "p",
      PolicyDocument: allow("sts:AssumeRole"),
    });
    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/keys`;
    const assumed = { caller: fay, action: "AssumeRole", parameters: { RoleArn, RoleSessionName: "keys" } };
    const session = keyIn(await ask(rig, assumed));
    const more: Readonly<Record<string, Parameters>> = {
      GetUser: {},
      CreateAccessKey: {},
      ListAccessKeys: {},
      UpdateAccessKey: { AccessKeyId: ALICE.accessKeyId, Status: "Inactive" },
      DeleteAccessKey: { AccessKeyId: ALICE.accessKeyId },
    };
    for (const [action, parameters] of Object.entries(more)) {
      expect(await outcome(action, parameters, session), action).toBe("ValidationError");
    }
    expect(await outcome("CreateAccessKey", { UserName: "fay" }, session)).toBe("ok");
  });
});
