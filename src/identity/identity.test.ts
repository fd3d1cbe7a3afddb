import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { KEY_KIND, KEY_ROLE, type StoredKey } from "../access/index.ts";
import { PutKeySchema } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  GroupRecordSchema,
  KeyRowSchema,
  PolicyRecordSchema,
  UserRecordSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { SingleNode } from "../object/testing/single-node.ts";
import { Accounts } from "./accounts.ts";
import { IdentityDirectory } from "./directory.ts";
import { IdentityError } from "./errors.ts";
import { ownedRow, userIdRow } from "./names.ts";
import { IdentityStore } from "./store.ts";

let node: SingleNode;
let store: IdentityStore;
let accounts: Accounts;
let directory: IdentityDirectory;

beforeEach(async () => {
  node = await SingleNode.create();
  store = new IdentityStore(node.metadata);
  accounts = new Accounts(store, "cluster");
  directory = new IdentityDirectory(store);
});

const request = (name: string, more: object = {}) => ({
  name,
  displayName: "",
  email: "",
  canonicalId: "",
  ...more,
});

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return error.code;
  }
}

function key(more: Partial<StoredKey>): StoredKey {
  return {
    keyId: "K",
    kind: KEY_KIND.s3,
    role: KEY_ROLE.user,
    secretSealed: new Uint8Array(1),
    secretHash: new Uint8Array(0),
    previousSecretHash: new Uint8Array(0),
    previousUntilMs: 0n,
    buckets: [],
    namespaces: [],
    ownerId: "",
    ownerDisplayName: "",
    userName: "",
    userId: "",
    inactive: false,
    inflightLimit: 0,
    ...more,
  };
}

describe("users", () => {
  test("are found by canonical id, name, e-mail address and account number", async () => {
    const made = await accounts.create(
      request("alice", { displayName: "Alice", email: "Alice@example.com" }),
    );
    expect(made).toMatchObject({ name: "alice", displayName: "Alice", email: "Alice@example.com" });
    expect(made.canonicalId).toMatch(/^[0-9a-f]{64}$/);
    expect(made.accountId).toMatch(/^\d{12}$/);
    expect(accounts.byName("alice")).toEqual(made);
    expect(accounts.byEmail("alice@EXAMPLE.com")).toEqual(made);
    expect(accounts.byAccountId(made.accountId)).toEqual(made);
    expect(accounts.byCanonicalId(made.canonicalId)).toEqual(made);
    expect(accounts.byName("bob")).toBeUndefined();
    expect(await accounts.list()).toEqual([made]);
    expect(directory.ownerByEmail("alice@example.com")).toEqual({
      id: made.canonicalId,
      displayName: "Alice",
    });
    expect(await node.violations()).toEqual([]);
  });

  test("share neither name nor address nor id", async () => {
    await accounts.create(request("alice", { email: "a@example.com", canonicalId: "c1" }));
    expect(await code(accounts.create(request("alice", { canonicalId: "c2" })))).toBe("exists");
    expect(await code(accounts.create(request("bob", { canonicalId: "c1" })))).toBe("exists");
    expect(await code(accounts.create(request("bob", { email: "A@example.com" })))).toBe("exists");
    expect(await accounts.list()).toHaveLength(1);
  });

  test("get the same id for the same name again, and another in another cluster", async () => {
    const first = await accounts.create(request("alice"));
    await accounts.remove("alice");
    expect((await accounts.create(request("alice"))).canonicalId).toBe(first.canonicalId);
    expect((await new Accounts(store, "other").create(request("bob"))).canonicalId).not.toBe(
      (await new Accounts(store, "third").create(request("bobby"))).canonicalId,
    );
  });

  test.each([
    request(""),
    request("Alice"),
    request("-a"),
    request("a".repeat(64)),
    request("a", { email: "no address" }),
    request("a", { canonicalId: "x/y" }),
    request("a", { displayName: "x".repeat(129) }),
  ])("%j is refused", async (bad) => {
    expect(await code(accounts.create(bad))).toBe("invalid");
  });

  test("stay while they have a key or a bucket", async () => {
    const { canonicalId } = await accounts.create(request("alice"));
    const row = create(KeyRowSchema, { ...key({ ownerId: canonicalId }), buckets: [], namespaces: [] });
    await node.metadata.submit({ case: "putKey", value: create(PutKeySchema, { key: row }) });
    expect(await code(accounts.remove("alice"))).toBe("conflict");
    expect(await code(accounts.remove("nobody"))).toBe("not-found");
    const bob = await accounts.create(request("bob"));
    await node.objects.createBucket({
      bucket: "bobs",
      region: "r",
      owner: { id: bob.canonicalId, displayName: "bob" },
    });
    expect(await code(accounts.remove("bob"))).toBe("conflict");
    await node.objects.deleteBucket("bobs");
    expect(await code(accounts.remove("bob"))).toBe("ok");
    expect(accounts.byName("bob")).toBeUndefined();
    expect(await node.violations()).toEqual([]);
  });

  test("that are configured become what is configured, whoever asks how often", async () => {
    await accounts.ensure(request("root", { displayName: "Root", email: "r@example.com", canonicalId: "c" }));
    await accounts.ensure(request("root", { displayName: "Root", email: "r@example.com", canonicalId: "c" }));
    await accounts.ensure(request("root", { displayName: "Chief", email: "", canonicalId: "c" }));
    expect(await accounts.list()).toMatchObject([{ displayName: "Chief", email: "" }]);
    expect(accounts.byEmail("r@example.com")).toBeUndefined();
    expect(await node.violations()).toEqual([]);
  });
});

describe("who stands behind a key", () => {
  test("the user as it is called now", async () => {
    const { canonicalId, accountId } = await accounts.create(request("alice", { displayName: "Alice" }));
    const principal = directory.principalOfKey(key({ ownerId: canonicalId, ownerDisplayName: "old name" }));
    expect(principal).toMatchObject({
      role: "user",
      owner: { id: canonicalId, displayName: "Alice" },
      identity: {
        caller: { kind: "account", accountId, arn: `arn:aws:iam::${accountId}:root` },
        policies: undefined,
      },
    });
  });

  test("an IAM user with its own policies, those of its groups and the attached ones", async () => {
    const { canonicalId } = await accounts.create(request("alice"));
    const document = (action: string) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action: action, Resource: "*" },
      });
    await store.change((draft) => {
      const policy = {
        canonicalId,
        name: "p",
        versions: [{ version: 1, document: document("s3:Get*") }],
        defaultVersion: 1,
      };
      const p = ownedRow("p", canonicalId, "p");
      draft.put(p, { case: "policy", value: create(PolicyRecordSchema, policy) });
      const group = {
        canonicalId,
        name: "Devs",
        inlinePolicies: [{ name: "g", document: document("s3:Put*") }],
      };
      draft.put(ownedRow("g", canonicalId, "Devs"), {
        case: "group",
        value: create(GroupRecordSchema, group),
      });
      const user = {
        canonicalId,
        name: "Bob",
        path: "/",
        userId: "AIDA1",
        groups: ["Devs"],
        attachedPolicies: [p],
      };
      const row = ownedRow("u", canonicalId, "Bob");
      draft.put(row, { case: "user", value: create(UserRecordSchema, user) });
      draft.put(userIdRow(canonicalId, "AIDA1"), { case: "reference", value: row });
    });
    const principal = directory.principalOfKey(
      key({ ownerId: canonicalId, userName: "bob", userId: "AIDA1" }),
    );
    expect(principal?.identity?.caller).toMatchObject({ kind: "user", uniqueId: "AIDA1" });
    expect(principal?.identity?.policies).toHaveLength(2);
    expect(principal?.identity?.context.get("aws:username")).toEqual(["Bob"]);
  });

  test("nobody, when the IAM user is gone or the key is switched off", () => {
    expect(
      directory.principalOfKey(key({ ownerId: "c", userName: "gone", userId: "AIDA9" })),
    ).toBeUndefined();
    expect(directory.principalOfKey(key({ ownerId: "c", inactive: true }))).toBeUndefined();
    expect(directory.principalOfKey(key({ role: KEY_ROLE.admin, inactive: true }))).toBeUndefined();
  });
});

test("of many that add to the same rows at once, each gets through or is told to try again", async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, (_, at) =>
      code(accounts.create(request(`user-${at}`, { email: `${at}@example.com` }))),
    ),
  );
  expect(outcomes).toEqual(Array(6).fill("ok"));
  const same = await Promise.all(Array.from({ length: 4 }, () => code(accounts.create(request("same")))));
  expect(same.sort()).toEqual(["exists", "exists", "exists", "ok"]);
  expect(await node.violations()).toEqual([]);
});
