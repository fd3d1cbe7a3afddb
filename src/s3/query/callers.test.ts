/** Of the promise: an account gives its users, groups and roles what it says and no more, and takes it back at once. */
import { describe, expect, it } from "vitest";
import { ACCOUNT, AccountRig, allow, keyIn, type Parameters } from "../testing/account-rig.ts";
import { ask, type Caller, elements, outcomeOf } from "../testing/query-client.ts";
import { ADMIN, ALICE, LIMITED, READER, WRITER } from "../testing/rig.ts";
import { QUERY_OPERATIONS } from "./operations.ts";

const account = AccountRig.forAllTests();
const { alice, outcome, userWithKey } = account;

let nobody: Caller | undefined;
async function makeNobody(): Promise<Caller> {
  nobody = await userWithKey("nobody");
  return nobody;
}

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
    const own = keyIn(await ask(account.rig, { caller: gus, action: "CreateAccessKey" }));
    expect(await outcome("GetUser", {}, own)).toBe("ok");
  });

  it("of operators an admin, on the account that its key owns in, and no key that is limited to buckets", async () => {
    expect(await outcome("ListUsers", {}, ADMIN)).toBe("ok");
    expect(elements(await ask(account.rig, { caller: ADMIN, action: "ListUsers" }), "UserName")).toEqual([]);
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
    const ofS3 = await ask(account.rig, { caller: ALICE, action: "ListUsers", service: "s3" });
    expect(outcomeOf(ofS3)).toBe("AuthorizationHeaderMalformed");
    const ofSts = await ask(account.rig, { caller: ALICE, action: "ListUsers", service: "sts" });
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
