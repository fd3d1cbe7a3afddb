/** Of the promise: what a call is allowed on by its ARN is what it acts on, and nothing that only resembles it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountIdOf } from "../../access/index.ts";
import { ask, type Caller, element, outcomeOf } from "../testing/query-client.ts";
import type { RawResponse } from "../testing/raw-http.ts";
import { ALICE, ALICE_OWNER, type Rig, startRig } from "../testing/rig.ts";

const ACCOUNT = `arn:aws:iam::${accountIdOf(ALICE_OWNER.id)}`;
const POLICY = `${ACCOUNT}:policy/admin/Admins`;
const PROVIDER = `${ACCOUNT}:oidc-provider/issuer.example/One`;
/** The name is that of the policy, the rest is not. */
const RESEMBLING = [
  `${ACCOUNT}:policy/dev/Admins`,
  `${ACCOUNT}:policy/Admins`,
  `${ACCOUNT}:policy/admin/admins`,
  `${ACCOUNT}:policy/Admin/Admins`,
];
let rig: Rig;

type Parameters = Readonly<Record<string, string>>;
const alice = (action: string, parameters: Parameters = {}): Promise<RawResponse> =>
  ask(rig, { caller: ALICE, action, parameters });
const outcome = async (action: string, parameters: Parameters, caller: Caller = ALICE): Promise<string> =>
  outcomeOf(await ask(rig, { caller, action, parameters }));
const made = async (action: string, parameters: Parameters): Promise<void> =>
  expect(await outcome(action, parameters), action).toBe("ok");
const statement = (Effect: string, Action: string, Resource = "*") => ({ Effect, Action, Resource });
const document = (...statements: object[]) => JSON.stringify({ Statement: statements });
const ANYTHING = document(statement("Allow", "*"));
const TRUST = JSON.stringify({
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: ACCOUNT.slice(-12) } }],
});

async function userWith(UserName: string, PolicyDocument: string): Promise<Caller> {
  await made("CreateUser", { UserName });
  await made("PutUserPolicy", { UserName, PolicyName: "p", PolicyDocument });
  const key = await alice("CreateAccessKey", { UserName });
  const [accessKeyId = "", secretAccessKey = ""] = ["AccessKeyId", "SecretAccessKey"].map((name) =>
    element(key, name),
  );
  return { accessKeyId, secretAccessKey };
}

beforeAll(async () => {
  rig = await startRig();
  await made("CreatePolicy", { PolicyName: "Admins", Path: "/admin/", PolicyDocument: ANYTHING });
  await made("CreateUser", { UserName: "plain" });
  await made("CreateUser", { UserName: "holder" });
  await made("CreateRole", { RoleName: "Admin", Path: "/ops/", AssumeRolePolicyDocument: TRUST });
  await made("CreateOpenIDConnectProvider", { Url: `https://${PROVIDER.slice(PROVIDER.indexOf("issuer"))}` });
});

afterAll(async () => {
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

describe("a managed policy", () => {
  const calls: readonly [string, Parameters][] = [
    ["GetPolicy", {}],
    ["ListPolicyVersions", {}],
    ["GetPolicyVersion", { VersionId: "v1" }],
    ["CreatePolicyVersion", { PolicyDocument: ANYTHING }],
    ["SetDefaultPolicyVersion", { VersionId: "v2" }],
    ["DeletePolicyVersion", { VersionId: "v1" }],
    ["AttachUserPolicy", { UserName: "holder" }],
    ["DetachUserPolicy", { UserName: "holder" }],
    ["DeletePolicy", {}],
  ];

  it.each(calls)("is not found by another path or case: %s", async (action, parameters) => {
    for (const PolicyArn of RESEMBLING) {
      expect(await outcome(action, { ...parameters, PolicyArn }), PolicyArn).toBe("NoSuchEntity");
    }
    expect(await outcome(action, { ...parameters, PolicyArn: POLICY }), POLICY).toBe("ok");
    if (action !== "AttachUserPolicy") return;
    // Also where attaching would change nothing.
    for (const PolicyArn of RESEMBLING) {
      expect(await outcome(action, { ...parameters, PolicyArn }), PolicyArn).toBe("NoSuchEntity");
    }
  });

  it("bounds nobody and confines no session by another path or case", async () => {
    await made("CreatePolicy", { PolicyName: "Admins", Path: "/admin/", PolicyDocument: ANYTHING });
    for (const PermissionsBoundary of RESEMBLING) {
      const bound = { UserName: "plain", PermissionsBoundary };
      expect(await outcome("PutUserPermissionsBoundary", bound)).toBe("NoSuchEntity");
      expect(await outcome("CreateUser", { UserName: "new", PermissionsBoundary })).toBe("NoSuchEntity");
    }
    const assume = (arn: string) =>
      outcome("AssumeRole", {
        RoleArn: `${ACCOUNT}:role/ops/Admin`,
        RoleSessionName: "session",
        "PolicyArns.member.1.arn": arn,
      });
    for (const arn of RESEMBLING) expect(await assume(arn), arn).toBe("NoSuchEntity");
    expect(await assume(POLICY)).toBe("ok");
  });
});

describe("a role", () => {
  it("that a policy denies is not taken on by another case of its name", async () => {
    const denied = statement("Deny", "sts:AssumeRole", `${ACCOUNT}:role/ops/Admin`);
    const eve = await userWith("eve", document(statement("Allow", "sts:AssumeRole"), denied));
    for (const name of ["ops/Admin", "ops/admin", "OPS/Admin"]) {
      const assumed = { RoleArn: `${ACCOUNT}:role/${name}`, RoleSessionName: "session" };
      expect(await outcome("AssumeRole", assumed, eve), name).toBe("AccessDenied");
    }
  });
});

describe("an identity provider", () => {
  const calls: readonly [string, Parameters][] = [
    ["GetOpenIDConnectProvider", {}],
    ["AddClientIDToOpenIDConnectProvider", { ClientID: "c" }],
    ["DeleteOpenIDConnectProvider", {}],
  ];

  it.each(calls)("is not found by another case: %s", async (action, parameters) => {
    const other = { ...parameters, OpenIDConnectProviderArn: PROVIDER.replace("One", "one") };
    expect(await outcome(action, other)).toBe("NoSuchEntity");
    expect(await outcome(action, { ...parameters, OpenIDConnectProviderArn: PROVIDER })).toBe("ok");
  });
});

describe("a user and a group", () => {
  it.each([
    ["User", "user"],
    ["Group", "group"],
  ])("are moved only where both ARNs are allowed: %s", async (Kind, kind) => {
    const own = (path: string) => statement("Allow", `iam:Update${Kind}`, `${ACCOUNT}:${kind}/${path}`);
    const ops = await userWith(`ops-${kind}`, document(own("dev/*")));
    const Name = `${Kind}Name`;
    const NewName = `New${Kind}Name`;
    await made(`Create${Kind}`, { [Name]: "mallory", Path: "/dev/" });
    const update = (parameters: Parameters) =>
      outcome(`Update${Kind}`, { [Name]: "mallory", ...parameters }, ops);
    expect(await update({ [NewName]: "boss", NewPath: "/" })).toBe("AccessDenied");
    expect(await update({ NewPath: "/" })).toBe("AccessDenied");
    expect(await update({ NewPath: "/dev/more/" })).toBe("ok");
    expect(await update({ [NewName]: "Mallory", NewPath: "/dev/" })).toBe("ok");
    expect(await update({ [NewName]: "boss" })).toBe("ok");
    expect(await outcome(`Delete${Kind}`, { [Name]: "boss" })).toBe("ok");
  });
});

describe("an access key", () => {
  it("is switched by the two words for it alone", async () => {
    const { accessKeyId: AccessKeyId } = await userWith("switched", ANYTHING);
    const UserName = "switched";
    const status = async () => element(await alice("ListAccessKeys", { UserName }), "Status");
    for (const Status of ["active", "on", "Expired"]) {
      expect(await outcome("UpdateAccessKey", { UserName, AccessKeyId, Status })).toBe("ValidationError");
      expect(await status()).toBe("Active");
    }
    await made("UpdateAccessKey", { UserName, AccessKeyId, Status: "Inactive" });
    expect(await status()).toBe("Inactive");
    await made("UpdateAccessKey", { UserName, AccessKeyId, Status: "Active" });
    expect(await status()).toBe("Active");
  });
});
