/**
 * The promise: what is said about an object is changed one thing at a time, so that changes of different things never undo one another and of two changes of the same the later one
 * counts; and where it depends on the object whether the caller may, only the object that was judged is changed.
 */
import {
  CreateBucketCommand,
  DeleteObjectTaggingCommand,
  GetObjectAclCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientOf, failureOf } from "../../testing/feature-client.ts";
import { ALICE, BOB, BOB_OWNER, type Rig, startRig } from "../../testing/rig.ts";

const Bucket = "judged";
const ROUNDS = 20;
const DAY_MS = 86_400_000;
let rig: Rig;
let alice: S3Client;
let bob: S3Client;

beforeAll(async () => {
  rig = await startRig();
  alice = clientOf(rig, ALICE);
  bob = clientOf(rig, BOB);
  await alice.send(
    new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true, ObjectOwnership: "ObjectWriter" }),
  );
  const Resource = `arn:aws:s3:::${Bucket}/*`;
  const Action = [
    "s3:PutObjectTagging",
    "s3:DeleteObjectTagging",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
  ];
  const Condition = { StringEquals: { "s3:ExistingObjectTag/open": "yes" } };
  const Statement = [{ Effect: "Allow", Principal: { AWS: BOB_OWNER.id }, Action, Resource, Condition }];
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await alice.send(
    new PutBucketPolicyCommand({ Bucket, Policy: Policy.replace('"AWS"', '"CanonicalUser"') }),
  );
});

afterAll(async () => {
  alice.destroy();
  bob.destroy();
  await rig.close();
  expect(rig.unexpected).toEqual([]);
});

const codeOf = async (request: Promise<unknown>): Promise<string> => (await failureOf(request)).name;
const put = (Key: string, Tagging?: string) =>
  alice.send(new PutObjectCommand({ Bucket, Key, Body: "x", Tagging }));
const tag = (through: S3Client, Key: string, tags: Readonly<Record<string, string>>) =>
  through.send(
    new PutObjectTaggingCommand({
      Bucket,
      Key,
      Tagging: { TagSet: Object.entries(tags).map(([name, Value]) => ({ Key: name, Value })) },
    }),
  );
const hold = (through: S3Client, Key: string, Status: "ON" | "OFF") =>
  through.send(new PutObjectLegalHoldCommand({ Bucket, Key, LegalHold: { Status } }));
const retain = (through: S3Client, Key: string, untilMs: number) =>
  through.send(
    new PutObjectRetentionCommand({
      Bucket,
      Key,
      Retention: { Mode: "GOVERNANCE", RetainUntilDate: new Date(untilMs) },
      BypassGovernanceRetention: through === alice,
    }),
  );
const grant = (Key: string, reader: string | undefined) =>
  alice.send(
    new PutObjectAclCommand({
      Bucket,
      Key,
      ...(reader === undefined ? { ACL: "private" } : { GrantRead: `id="${reader}"` }),
    }),
  );

async function saidOf(Key: string) {
  const [tags, held, retention, acl] = await Promise.all([
    alice.send(new GetObjectTaggingCommand({ Bucket, Key })),
    alice.send(new GetObjectLegalHoldCommand({ Bucket, Key })),
    alice.send(new GetObjectRetentionCommand({ Bucket, Key })),
    alice.send(new GetObjectAclCommand({ Bucket, Key })),
  ]);
  return {
    tags: tags.TagSet?.map((each) => `${each.Key}=${each.Value}`).join("&"),
    hold: held.LegalHold?.Status,
    untilMs: retention.Retention?.RetainUntilDate?.getTime(),
    readers: acl.Grants?.flatMap(({ Grantee, Permission }) => (Permission === "READ" ? [Grantee?.ID] : [])),
  };
}

const tagsOf = async (Key: string) =>
  (await alice.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet?.map(
    (each) => `${each.Key}=${each.Value}`,
  ).join("&");

/** Has `between` done when the gateway has judged and is about to change, the first time. */
async function raced<T>(
  method: "putObjectTags" | "putLegalHold" | "putRetention",
  between: () => Promise<unknown>,
  action: () => Promise<T>,
): Promise<T> {
  const original = rig.store[method] as (request: never) => Promise<never>;
  let isFirst = true;
  rig.store[method] = (async (request: never) => {
    const mine = isFirst;
    isFirst = false;
    if (mine) await between();
    return await original(request);
  }) as never;
  try {
    return await action();
  } finally {
    rig.store[method] = original as never;
  }
}

describe("changes of different things at the same time", () => {
  it("are all there afterwards, whatever their order", async () => {
    await put("many");
    const beginMs = Math.ceil(Date.now() / 1000) * 1000 + DAY_MS;
    for (let round = 1; round <= ROUNDS; round++) {
      const untilMs = beginMs + round * 1000;
      const status = round % 2 === 0 ? "ON" : "OFF";
      await Promise.all([
        tag(alice, "many", { round: String(round) }),
        hold(alice, "many", status),
        retain(alice, "many", untilMs),
        grant("many", round % 2 === 0 ? BOB_OWNER.id : undefined),
      ]);
      expect(await saidOf("many")).toEqual({
        tags: `round=${round}`,
        hold: status,
        untilMs,
        readers: round % 2 === 0 ? [BOB_OWNER.id] : [],
      });
    }
  });

  it("of the same thing: one of them counts, whole", async () => {
    await put("same");
    const sent = Array.from({ length: ROUNDS }, (_, at) => ({ a: String(at), b: String(at) }));
    await Promise.all(sent.map((tags) => tag(alice, "same", tags)));
    expect(sent.map(({ a, b }) => `a=${a}&b=${b}`)).toContain(await tagsOf("same"));
  });
});

describe("a change that was allowed because of the object", () => {
  it("is done on the object that was judged", async () => {
    await put("plain", "open=yes");
    await tag(bob, "plain", { open: "yes", by: "bob" });
    expect(await tagsOf("plain")).toBe("by=bob&open=yes");
    await hold(bob, "plain", "ON");
    await hold(alice, "plain", "OFF");
    await put("closed", "open=no");
    expect(await codeOf(tag(bob, "closed", { open: "yes" }))).toBe("AccessDenied");
    expect(await codeOf(tag(bob, "not-there", { open: "yes" }))).toBe("AccessDenied");
    expect(await codeOf(tag(alice, "not-there", { open: "yes" }))).toBe("NoSuchKey");
  });

  it.each<[string, (Key: string) => Promise<unknown>]>([
    ["another object took its place", (Key) => put(Key, "open=no")],
    ["its tags were changed", (Key) => tag(alice, Key, { open: "no" })],
  ])("is refused when %s meanwhile", async (_, between) => {
    const Key = "raced";
    const open = () => put(Key, "open=yes");
    const denied = async (method: Parameters<typeof raced>[0], action: () => Promise<unknown>) => {
      await open();
      const code = await raced(
        method,
        () => between(Key),
        () => codeOf(action()),
      );
      expect([method, code]).toEqual([method, "AccessDenied"]);
      expect(await tagsOf(Key)).toBe("open=no");
    };
    await denied("putObjectTags", () => tag(bob, Key, { open: "yes", by: "bob" }));
    await denied("putObjectTags", () => bob.send(new DeleteObjectTaggingCommand({ Bucket, Key })));
    await denied("putLegalHold", () => hold(bob, Key, "ON"));
    await denied("putRetention", () => retain(bob, Key, Date.now() + DAY_MS));
  });

  it("is looked at again, and done, when what it depends on still holds", async () => {
    await put("again", "open=yes");
    await raced(
      "putObjectTags",
      () => tag(alice, "again", { open: "yes", by: "alice" }),
      () => tag(bob, "again", { open: "yes", by: "bob" }),
    );
    expect(await tagsOf("again")).toBe("by=bob&open=yes");
  });
});
