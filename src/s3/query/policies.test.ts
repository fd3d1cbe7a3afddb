/** Of the promise: an account gives its users, groups and roles what it says and no more, and takes it back at once. */
import { describe, expect, it } from "vitest";
import { ACCOUNT, AccountRig, allow } from "../testing/account-rig.ts";
import { ask, element, elements } from "../testing/query-client.ts";
import { BOB } from "../testing/rig.ts";

const account = AccountRig.forAllTests();
const { alice, listing, outcome, userWithKey } = account;

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
    const made = await ask(account.rig, {
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
