/** Of the promise: a role is taken on by whom its trust policy names, and a token is believed only for what its issuer signed. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { CreateBucketCommand, ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { accountIdOf, readIssuerKeys } from "../../access/index.ts";
import { IdentityError, type IssuerKeys } from "../../identity/index.ts";
import { failureOf } from "../testing/feature-client.ts";
import { ask, type Caller, element, elements, outcomeOf } from "../testing/query-client.ts";
import { RawConnection, type RawResponse, rawHead } from "../testing/raw-http.ts";
import { ALICE, ALICE_OWNER, BOB, BOB_OWNER, type Rig, startRig } from "../testing/rig.ts";

const ISSUER = "issuer.example/realms/One";
const OTHER_ISSUER = "other.example";
const ACCOUNT = accountIdOf(ALICE_OWNER.id);
const ARN = `arn:aws:iam::${ACCOUNT}:oidc-provider/${ISSUER}`;
const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/web`;
const key = generateKeyPairSync("ec", { namedCurve: "P-256" });
const otherKey = generateKeyPairSync("ec", { namedCurve: "P-256" });
const keysOf = ({ publicKey }: { readonly publicKey: KeyObject }) =>
  readIssuerKeys({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1" }] }) ?? [];

/** Issuers without their network. */
const issuerKeys: IssuerKeys = {
  keysOf: async ({ url }) => {
    if (url === ISSUER) return keysOf(key);
    if (url === OTHER_ISSUER) return keysOf(otherKey);
    throw new IdentityError("issuer-unreachable", "nobody there");
  },
};

let rig: Rig;
const clients: S3Client[] = [];
const failed: string[] = [];

beforeAll(async () => {
  rig = await startRig({
    issuerKeys,
    limits: {
      take: () => ({ kind: "allow" }),
      enter: () => () => {},
      failedAuthentication: (source) => {
        failed.push(source);
        return failed.length > 40 ? { kind: "limited", retryAfterMs: 1500 } : { kind: "allow" };
      },
    },
  });
  await made("CreateOpenIDConnectProvider", {
    Url: `https://${ISSUER}`,
    "ClientIDList.member.1": "app",
    "Tags.member.1.Key": "k",
    "Tags.member.1.Value": "v",
  });
  await made("CreateRole", { RoleName: "web", AssumeRolePolicyDocument: trust() });
  await made("PutRolePolicy", {
    RoleName: "web",
    PolicyName: "p",
    PolicyDocument: JSON.stringify({ Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } }),
  });
});

beforeEach(() => {
  failed.length = 0;
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

type Parameters = Readonly<Record<string, string>>;
const alice = (action: string, parameters: Parameters = {}, caller: Caller = ALICE): Promise<RawResponse> =>
  ask(rig, { caller, action, parameters });
async function made(action: string, parameters: Parameters): Promise<void> {
  expect(outcomeOf(await alice(action, parameters)), action).toBe("ok");
}

function trust(condition: object = {}, Federated = ARN, Action = "sts:AssumeRoleWithWebIdentity"): string {
  const statement = { Effect: "Allow", Action, Principal: { Federated }, Condition: condition };
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}

function token(claims: object = {}, signer = key, kid = "1"): string {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: `https://${ISSUER}`, sub: "user-1", aud: "app", iat: now, exp: now + 600, ...claims };
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encoded({ alg: "ES256", kid })}.${encoded(all)}`;
  const signature = sign("sha256", Buffer.from(signed), {
    key: signer.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return `${signed}.${signature.toString("base64url")}`;
}

/** Nobody signs such a call. */
async function assume(parameters: Parameters = {}): Promise<RawResponse> {
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: ROLE_ARN,
    RoleSessionName: "session",
    ...("WebIdentityToken" in parameters ? {} : { WebIdentityToken: token() }),
    ...parameters,
  }).toString();
  const connection = new RawConnection(rig.address);
  try {
    const head = rawHead("POST", "/", {
      Host: `${rig.address.host}:${rig.address.port}`,
      "Content-Type": "application/x-www-form-urlencoded",
      "Content-Length": String(body.length),
    });
    return await connection.write(head).write(body).response();
  } finally {
    connection.socket.destroy();
  }
}

const outcome = async (parameters: Parameters = {}): Promise<string> => outcomeOf(await assume(parameters));

function s3(answer: RawResponse): S3Client {
  const client = new S3Client({
    endpoint: rig.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: element(answer, "AccessKeyId") ?? "",
      secretAccessKey: element(answer, "SecretAccessKey") ?? "",
      sessionToken: element(answer, "SessionToken") ?? "",
    },
  });
  clients.push(client);
  return client;
}

describe("a token of a trusted provider", () => {
  it("makes a session of the role, for whom the trust policy lets in", async () => {
    const answer = await assume();
    expect(answer.status).toBe(200);
    expect(element(answer, "SubjectFromWebIdentityToken")).toBe("user-1");
    expect(element(answer, "Audience")).toBe("app");
    expect(element(answer, "Provider")).toBe(ARN);
    expect(element(answer, "Arn")).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/web/session`);
    await s3(answer).send(new CreateBucketCommand({ Bucket: "of-a-token" }));
    const confined = await assume({
      Policy: JSON.stringify({ Statement: { Effect: "Deny", Action: "s3:*", Resource: "*" } }),
    });
    expect((await failureOf(s3(confined).send(new ListBucketsCommand({})))).name).toBe("AccessDenied");
  });

  it.each([
    ["the subject", { StringEquals: { [`${ISSUER}:sub`]: "user-1" } }, "ok"],
    ["another subject", { StringEquals: { [`${ISSUER}:sub`]: "user-2" } }, "AccessDenied"],
    ["subjects by pattern", { StringLike: { [`${ISSUER}:sub`]: "user-*" } }, "ok"],
    ["the audience", { StringEquals: { [`${ISSUER}:aud`]: "app" } }, "ok"],
    ["another audience", { StringEquals: { [`${ISSUER}:aud`]: "other" } }, "AccessDenied"],
    [
      "an authorized party, where there is none",
      { StringEquals: { [`${ISSUER}:azp`]: "app" } },
      "AccessDenied",
    ],
    ["the provider", { StringEquals: { "aws:FederatedProvider": ARN } }, "ok"],
    ["the session's name", { StringEquals: { "sts:RoleSessionName": "session" } }, "ok"],
    ["another issuer's subject", { StringEquals: { [`${OTHER_ISSUER}:sub`]: "user-1" } }, "AccessDenied"],
  ])("is judged by conditions on %s", async (_, condition, expected) => {
    await made("UpdateAssumeRolePolicy", { RoleName: "web", PolicyDocument: trust(condition) });
    expect(await outcome()).toBe(expected);
    await made("UpdateAssumeRolePolicy", { RoleName: "web", PolicyDocument: trust() });
  });

  it.each([
    ["another provider", trust({}, `arn:aws:iam::${ACCOUNT}:oidc-provider/${OTHER_ISSUER}`)],
    [
      "the provider of another account",
      trust({}, `arn:aws:iam::${accountIdOf(BOB_OWNER.id)}:oidc-provider/${ISSUER}`),
    ],
    ["another call", trust({}, ARN, "sts:AssumeRole")],
  ])("takes on nothing that trusts %s", async (_, PolicyDocument) => {
    await made("UpdateAssumeRolePolicy", { RoleName: "web", PolicyDocument });
    expect(await outcome()).toBe("AccessDenied");
    await made("UpdateAssumeRolePolicy", { RoleName: "web", PolicyDocument: trust() });
  });

  it("counts in the account that trusts its provider, and in no other", async () => {
    const role = { RoleName: "web", AssumeRolePolicyDocument: trust() };
    expect(outcomeOf(await alice("CreateRole", role, BOB))).toBe("ok");
    const RoleArn = `arn:aws:iam::${accountIdOf(BOB_OWNER.id)}:role/web`;
    expect(await outcome({ RoleArn })).toBe("InvalidIdentityToken");
  });
});

describe("no session comes of", () => {
  it.each<[string, () => Parameters, string]>([
    ["nonsense", () => ({ WebIdentityToken: "abcdef" }), "InvalidIdentityToken"],
    ["another's signature", () => ({ WebIdentityToken: token({}, otherKey) }), "InvalidIdentityToken"],
    ["an unknown key", () => ({ WebIdentityToken: token({}, key, "2") }), "InvalidIdentityToken"],
    [
      "an unknown issuer",
      () => ({ WebIdentityToken: token({ iss: "https://x.example" }) }),
      "InvalidIdentityToken",
    ],
    [
      "an issuer in another spelling",
      () => ({ WebIdentityToken: token({ iss: `https://${ISSUER.toUpperCase()}` }) }),
      "InvalidIdentityToken",
    ],
    ["a token for others", () => ({ WebIdentityToken: token({ aud: "other" }) }), "InvalidIdentityToken"],
    ["a token that is over", () => ({ WebIdentityToken: token({ exp: 1 }) }), "ExpiredTokenException"],
    ["a role that is not there", () => ({ RoleArn: `${ROLE_ARN}x` }), "AccessDenied"],
    ["a role that is none", () => ({ RoleArn: "role" }), "AccessDenied"],
    ["no token", () => ({ WebIdentityToken: "" }), "ValidationError"],
    ["a session without a name", () => ({ RoleSessionName: "x" }), "ValidationError"],
    ["too short a time", () => ({ DurationSeconds: "899" }), "ValidationError"],
    ["a parameter that is not understood", () => ({ ProviderId: "www.amazon.com" }), "NotImplemented"],
  ])("%s", async (_, parameters, expected) => {
    expect(await outcome(parameters())).toBe(expected);
  });

  it("an issuer that cannot be asked", async () => {
    await made("CreateOpenIDConnectProvider", {
      Url: "https://silent.example",
      "ClientIDList.member.1": "app",
    });
    const WebIdentityToken = token({ iss: "https://silent.example" });
    expect(await outcome({ WebIdentityToken })).toBe("IDPCommunicationError");
  });

  it("guessing: failures are counted by source, and slowed down", async () => {
    for (let tries = 0; tries < 40; tries += 1) await assume({ WebIdentityToken: "a.b.c" });
    expect(failed.length).toBe(40);
    const answer = await assume({ WebIdentityToken: "a.b.c" });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
  });

  it("a provider that is trusted no more", async () => {
    const arn = { OpenIDConnectProviderArn: ARN };
    await made("RemoveClientIDFromOpenIDConnectProvider", { ...arn, ClientID: "app" });
    expect(await outcome()).toBe("InvalidIdentityToken");
    await made("AddClientIDToOpenIDConnectProvider", { ...arn, ClientID: "app" });
    expect(await outcome()).toBe("ok");
    await made("DeleteOpenIDConnectProvider", arn);
    expect(await outcome()).toBe("InvalidIdentityToken");
    await made("CreateOpenIDConnectProvider", { Url: `https://${ISSUER}`, "ClientIDList.member.1": "app" });
  });
});

describe("providers", () => {
  const Url = "https://a.example:8443/x";
  const OpenIDConnectProviderArn = `arn:aws:iam::${ACCOUNT}:oidc-provider/a.example:8443/x`;
  const thumbprint = "3768084DFB3D2B68B7897BF5F565DA8EF0123456";

  it("are made, shown, changed, tagged and removed", async () => {
    const provider = await alice("CreateOpenIDConnectProvider", {
      Url,
      "ClientIDList.member.1": "one",
      "ThumbprintList.member.1": thumbprint,
    });
    expect(element(provider, "OpenIDConnectProviderArn")).toBe(OpenIDConnectProviderArn);
    expect(outcomeOf(await alice("CreateOpenIDConnectProvider", { Url }))).toBe("EntityAlreadyExists");
    await made("AddClientIDToOpenIDConnectProvider", { OpenIDConnectProviderArn, ClientID: "two" });
    await made("AddClientIDToOpenIDConnectProvider", { OpenIDConnectProviderArn, ClientID: "two" });
    await made("RemoveClientIDFromOpenIDConnectProvider", { OpenIDConnectProviderArn, ClientID: "one" });
    await made("TagOpenIDConnectProvider", {
      OpenIDConnectProviderArn,
      "Tags.member.1.Key": "a",
      "Tags.member.1.Value": "b",
    });
    const shown = await alice("GetOpenIDConnectProvider", { OpenIDConnectProviderArn });
    expect(shown.body).toContain(
      "<Url>a.example:8443/x</Url><ClientIDList><member>two</member></ClientIDList>",
    );
    expect(shown.body).toContain(`<member>${thumbprint.toLowerCase()}</member>`);
    expect(
      elements(await alice("ListOpenIDConnectProviderTags", { OpenIDConnectProviderArn }), "Key"),
    ).toEqual(["a"]);
    await made("UntagOpenIDConnectProvider", { OpenIDConnectProviderArn, "TagKeys.member.1": "A" });
    await made("UpdateOpenIDConnectProviderThumbprint", { OpenIDConnectProviderArn });
    const later = await alice("GetOpenIDConnectProvider", { OpenIDConnectProviderArn });
    expect([later.body.includes("<Tags>"), later.body.includes(thumbprint.toLowerCase())]).toEqual([
      false,
      false,
    ]);
    expect(elements(await alice("ListOpenIDConnectProviders"), "Arn")).toContain(OpenIDConnectProviderArn);
    await made("DeleteOpenIDConnectProvider", { OpenIDConnectProviderArn });
    for (const action of ["GetOpenIDConnectProvider", "DeleteOpenIDConnectProvider"]) {
      expect(outcomeOf(await alice(action, { OpenIDConnectProviderArn }))).toBe("NoSuchEntity");
    }
  });

  it.each<[string, Parameters, string]>([
    ["plain http", { Url: "http://a.example" }, "ValidationError"],
    ["a password", { Url: "https://a:b@a.example" }, "ValidationError"],
    ["a query", { Url: "https://a.example/?x" }, "ValidationError"],
    ["another spelling", { Url: "https://A.example/a/../b" }, "ValidationError"],
    ["no address", { Url: "a.example" }, "ValidationError"],
    ["a thumbprint that is none", { Url, "ThumbprintList.member.1": "abc" }, "ValidationError"],
    ["a client id that is none", { Url, "ClientIDList.member.1": "a\nb" }, "ValidationError"],
  ])("are refused with %s", async (_, parameters, expected) => {
    expect(outcomeOf(await alice("CreateOpenIDConnectProvider", parameters))).toBe(expected);
  });
});
