/** Of the promise: an account gives its users, groups and roles what it says and no more, and takes it back at once. */
import { readFileSync } from "node:fs";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { ACCOUNT, AccountRig } from "../testing/account-rig.ts";
import { failureOf } from "../testing/feature-client.ts";
import { ask, element, outcomeOf } from "../testing/query-client.ts";
import { ALICE } from "../testing/rig.ts";
import { QUERY_OPERATIONS, queryOperationRows } from "./operations.ts";

const account = AccountRig.forAllTests();
const { alice, listing, outcome, s3, userWithKey } = account;

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
    const answer = await ask(account.rig, { caller: ALICE, action, body });
    expect([answer.status, outcomeOf(answer)]).toEqual([status, code]);
  });

  it("goes on in maintenance, so that a key can be taken back, while nothing is stored", async () => {
    const leaked = await userWithKey("Leaked");
    await account.rig.node.setMaintenance(true);
    try {
      const key = { UserName: "Leaked", AccessKeyId: leaked.accessKeyId };
      expect(await outcome("DeleteAccessKey", key)).toBe("ok");
      expect(await listing(leaked)).toBe("InvalidAccessKeyId");
      expect(await outcome("DeleteUser", { UserName: "Leaked" })).toBe("ok");
      const made = s3(ALICE).send(new CreateBucketCommand({ Bucket: "in-maintenance" }));
      expect(await failureOf(made)).toEqual({ name: "ServiceUnavailable", status: 503 });
    } finally {
      await account.rig.node.setMaintenance(false);
    }
  });

  it("is audited by what was asked and of whom", async () => {
    await alice("DeleteUser", { UserName: "audited" });
    const event = account.rig.events.at(-1);
    expect([event?.operation, event?.key, event?.errorCode, event?.principalKeyId]).toEqual([
      "iam:DeleteUser",
      `arn:aws:iam::${ACCOUNT}:user/audited`,
      "NoSuchEntity",
      ALICE.accessKeyId,
    ]);
  });
});
