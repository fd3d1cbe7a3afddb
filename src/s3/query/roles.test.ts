/** Of the promise: an account gives its users, groups and roles what it says and no more, and takes it back at once. */
import { CreateBucketCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import {
  ACCOUNT,
  AccountRig,
  allow,
  keyIn,
  OTHER_ACCOUNT,
  type Parameters,
  trust,
} from "../testing/account-rig.ts";
import { failureOf } from "../testing/feature-client.ts";
import { ask, type Caller, element, outcomeOf } from "../testing/query-client.ts";
import { ALICE, ALICE_OWNER, BOB } from "../testing/rig.ts";

const account = AccountRig.forAllTests();
const { alice, listing, outcome, s3, userWithKey } = account;

describe("roles", () => {
  const assume = (caller: Caller, RoleName: string, more: Parameters = {}) =>
    ask(account.rig, {
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
    expect(element(await ask(account.rig, { caller: session, action: "GetCallerIdentity" }), "Arn")).toBe(
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
    const session = keyIn(await ask(account.rig, assumed));
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
