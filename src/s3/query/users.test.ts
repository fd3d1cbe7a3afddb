/** Of the promise: an account gives its users, groups and roles what it says and no more, and takes it back at once. */
import { describe, expect, it } from "vitest";
import { ACCOUNT, AccountRig, allow, keyIn, type Parameters } from "../testing/account-rig.ts";
import { element, elements } from "../testing/query-client.ts";
import { BOB } from "../testing/rig.ts";

const account = AccountRig.forAllTests();
const { alice, listing, outcome, userWithKey } = account;

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
