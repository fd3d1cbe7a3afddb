/** The promise: what a rule proposed a while ago is done only to what is still as the rule saw it. */
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import {
  ChangeObjectSchema,
  DeleteObjectsSchema,
  type ExpirationTargetSchema,
  ExpireObjectsSchema,
  ExpirationTarget_Kind as Kind,
  PutBucketConfigurationSchema,
  PutWorkerCursorSchema,
  RefusalCode,
  SetBucketVersioningSchema,
  SetObjectLockSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BucketConfigurationKind,
  BucketRowSchema,
  LegalHold,
  ObjectChange_Kind,
  type ObjectRow,
  ObjectRowSchema,
  OplogRowSchema,
  RetentionMode,
  VersioningState,
  WorkerCursorRow_Worker,
  WorkerCursorRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { bucketKey, objectKey, oplogKey, versionKey, workerCursorKey } from "../keys.ts";
import { MAX_EXPIRATION_TARGETS, MAX_WORKER_CURSOR_BYTES } from "../limits.ts";
import type { CommandBody } from "../ports.ts";
import { commitObject, commitPart, createUpload, id, inlineBlob, readyReplica } from "../testing/commands.ts";
import { expectCase, outcome, Replica } from "../testing/harness.ts";

type Target = MessageInitShape<typeof ExpirationTargetSchema>;

let replica: Replica;
let revision: bigint;

beforeEach(() => {
  replica = readyReplica(new Replica());
  revision = putRules();
});

function putRules(): bigint {
  const configuration = {
    kind: BucketConfigurationKind.LIFECYCLE,
    format: 1,
    document: new Uint8Array([1]),
  };
  const value = create(PutBucketConfigurationSchema, { bucket: "bucket", configuration });
  expectCase(replica.run({ case: "putBucketConfiguration", value }), "done");
  return replica.state.nextOplogSequence - 1n;
}

function command(targets: readonly Target[], rulesRevision = revision): CommandBody {
  const value = create(ExpireObjectsSchema, {
    bucket: "bucket",
    rulesRevision,
    markerId: id(900),
    targets: [...targets],
  });
  return { case: "expireObjects", value };
}

/** "gone", or why it stays. */
function expire(...targets: readonly Target[]): string[] {
  const { outcomes } = expectCase(replica.run(command(targets)), "objectsDeleted");
  return outcomes.map(({ existed, refusal }) =>
    refusal !== undefined ? `${RefusalCode[refusal.code]} ${refusal.detail}` : existed ? "done" : "not there",
  );
}

const versioning = (state: VersioningState) => {
  const value = create(SetBucketVersioningSchema, { bucket: "bucket", versioning: state });
  expectCase(replica.run({ case: "setBucketVersioning", value }), "done");
};
const put = (key: string, number: number) =>
  expectCase(
    replica.run(commitObject(key, id(number), [inlineBlob(id(1000 + number), 3)])),
    "objectCommitted",
  );
const row = (at: string): ObjectRow | undefined => {
  const bytes = replica.store.get(at);
  return bytes && fromBinary(ObjectRowSchema, bytes);
};
const head = (key: string) => row(objectKey(1n, key));
const version = (key: string, number: number) => row(versionKey(1n, key, id(number)));
const deletionOf = (key: string, markerId: number): CommandBody => {
  const value = create(DeleteObjectsSchema, { bucket: "bucket", targets: [{ key }], markerId: id(markerId) });
  return { case: "deleteObjects", value };
};
const lastChange = () =>
  fromBinary(OplogRowSchema, replica.store.get(oplogKey(replica.state.nextOplogSequence - 1n))!).change.value;
const change = (key: string, number: number, to: MessageInitShape<typeof ChangeObjectSchema>["change"]) => {
  const selector = { version: { case: "versionId" as const, value: id(number) } };
  const target = { bucket: "bucket", key, version: selector, change: to! };
  const value = create(ChangeObjectSchema, target);
  expectCase(replica.run({ case: "changeObject", value }), "objectChanged");
};

describe("a current version", () => {
  const target: Target = { kind: Kind.CURRENT, key: "a", versionId: id(1) };

  test("goes for good where the bucket was never versioned, and the oplog says that it expired", async () => {
    put("a", 1);
    expect(expire(target)).toEqual(["done"]);
    expect(head("a")).toBeUndefined();
    expect(lastChange()).toMatchObject({ kind: ObjectChange_Kind.REMOVED, key: "a", expired: true });
    expect(expire(target)).toEqual(["not there"]);
    expect(await replica.violations()).toEqual([]);
  });

  test("gets a delete marker where the bucket is versioned", async () => {
    versioning(VersioningState.ENABLED);
    put("a", 1);
    expect(expire(target)).toEqual(["done"]);
    expect(head("a")).toBeUndefined();
    expect(version("a", 1)?.noncurrentSinceMs).toBe(BigInt(replica.timeMs));
    expect(lastChange()).toMatchObject({ kind: ObjectChange_Kind.MARKER_CREATED, expired: true });
    // Its marker is there already: a second one would never end.
    expect(expire(target)).toEqual(["not there"]);
    expect(await replica.violations()).toEqual([]);
  });

  test("stays when it was written over, is not due, or has lost a tag", async () => {
    put("a", 1);
    const dueAtMs = BigInt(replica.timeMs + 1);
    expect(expire({ ...target, dueAtMs })).toEqual(["PRECONDITION_FAILED not due"]);
    const tags = [{ key: "k", value: "v" }];
    expect(expire({ ...target, tags })).toEqual(["PRECONDITION_FAILED tags"]);
    put("a", 2);
    expect(expire(target)).toEqual(["not there"]);
    expect(head("a")?.versionId).toEqual(id(2));
    const attributes = { contentType: "", tags: [...tags, { key: "k2", value: "v2" }] };
    replica.run(commitObject("a", id(3), [], { attributes }));
    expect(expire({ ...target, versionId: id(3), tags, dueAtMs: BigInt(replica.timeMs) })).toEqual(["done"]);
    expect(await replica.violations()).toEqual([]);
  });
});

describe("a noncurrent version", () => {
  beforeEach(() => {
    versioning(VersioningState.ENABLED);
    for (const number of [1, 2, 3, 4]) {
      replica.timeMs += 1000;
      put("a", number);
    }
  });
  const since = (number: number) => version("a", number)?.noncurrentSinceMs ?? 0n;
  const target = (number: number, more: Partial<Exclude<Target, { $typeName: string }>> = {}): Target => ({
    kind: Kind.NONCURRENT,
    key: "a",
    versionId: id(number),
    noncurrentSinceMs: since(number),
    ...more,
  });

  test("goes for good, one after the other", async () => {
    expect(expire(target(1), target(3), target(1))).toEqual(["done", "done", "not there"]);
    expect(lastChange()).toMatchObject({ kind: ObjectChange_Kind.VERSION_REMOVED, expired: true });
    expect([head("a")?.versionId, version("a", 2)?.versionId]).toEqual([id(4), id(2)]);
    expect(await replica.violations()).toEqual([]);
  });

  test("stays while too few are newer", () => {
    expect(expire(target(1, { newerNoncurrentVersions: 3 }))).toEqual([
      "PRECONDITION_FAILED newer noncurrent versions",
    ]);
    // The current one is not counted.
    expect(
      expire(target(3, { newerNoncurrentVersions: 1 }), target(1, { newerNoncurrentVersions: 2 })),
    ).toEqual(["PRECONDITION_FAILED newer noncurrent versions", "done"]);
    expect(expire(target(2, { newerNoncurrentVersions: 101 }))).toEqual([
      "PRECONDITION_FAILED newer noncurrent versions",
    ]);
  });

  test("stays when it became the current one again", () => {
    const seen = target(3);
    const { versionId } = head("a")!;
    const removed = {
      bucket: "bucket",
      targets: [{ key: "a", version: { version: { case: "versionId" as const, value: versionId } } }],
    };
    const value = create(DeleteObjectsSchema, removed);
    replica.run({ case: "deleteObjects", value });
    expect(head("a")?.versionId).toEqual(id(3));
    expect(expire(seen)).toEqual(["PRECONDITION_FAILED not noncurrent since then"]);
    // And when it then became noncurrent once more, its time begins anew.
    replica.timeMs += 5000;
    put("a", 9);
    expect(expire(seen)).toEqual(["PRECONDITION_FAILED not noncurrent since then"]);
    expect(expire(target(3))).toEqual(["done"]);
  });

  test("stays under a retention or a legal hold, whatever its rule says", async () => {
    const value = create(SetObjectLockSchema, { bucket: "bucket" });
    expectCase(replica.run({ case: "setObjectLock", value }), "done");
    const untilMs = BigInt(replica.timeMs + 60_000);
    change("a", 1, {
      case: "retention",
      value: { mode: RetentionMode.COMPLIANCE, untilMs, bypassGovernance: false },
    });
    change("a", 2, {
      case: "retention",
      value: { mode: RetentionMode.GOVERNANCE, untilMs, bypassGovernance: false },
    });
    change("a", 3, { case: "legalHold", value: LegalHold.ON });
    expect(expire(target(1), target(2), target(3))).toEqual([
      "OBJECT_LOCKED a compliance retention",
      "OBJECT_LOCKED a governance retention",
      "OBJECT_LOCKED a legal hold",
    ]);
    replica.timeMs += 60_000;
    expect(expire(target(1), target(2), target(3))).toEqual(["done", "done", "OBJECT_LOCKED a legal hold"]);
    expect(await replica.violations()).toEqual([]);
  });
});

test("a delete marker goes when it is all that is left of its key", async () => {
  versioning(VersioningState.ENABLED);
  put("a", 1);
  replica.run(deletionOf("a", 2));
  const marker: Target = { kind: Kind.MARKER, key: "a", versionId: id(2) };
  expect(expire(marker)).toEqual(["PRECONDITION_FAILED not the last of its key"]);
  const noncurrentSinceMs = version("a", 1)?.noncurrentSinceMs ?? 0n;
  expect(
    expire({ kind: Kind.NONCURRENT, key: "a", versionId: id(1), noncurrentSinceMs }, marker, marker),
  ).toEqual(["done", "done", "not there"]);
  const bucket = fromBinary(BucketRowSchema, replica.store.get(bucketKey("bucket"))!);
  expect(bucket).toMatchObject({ objectCount: 0n, versionCount: 0n });
  put("b", 5);
  expect(expire({ kind: Kind.MARKER, key: "b", versionId: id(5) })).toEqual([
    "PRECONDITION_FAILED not the last of its key",
  ]);
  expect(await replica.violations()).toEqual([]);
});

test("an upload is aborted with its parts", async () => {
  replica.run(createUpload("up", id(50)));
  replica.run(commitPart({ key: "up", uploadId: id(50) }, 1, [inlineBlob(id(150), 5)]));
  const target: Target = { kind: Kind.UPLOAD, key: "up", versionId: id(50) };
  expect(expire({ ...target, key: "other" })).toEqual(["not there"]);
  expect(expire({ ...target, dueAtMs: BigInt(replica.timeMs + 1) })).toEqual(["PRECONDITION_FAILED not due"]);
  expect(expire(target, target)).toEqual(["done", "not there"]);
  const bucket = fromBinary(BucketRowSchema, replica.store.get(bucketKey("bucket"))!);
  expect(bucket.uploadCount).toBe(0n);
  expect(await replica.violations()).toEqual([]);
});

test("nothing is done by rules that are not the bucket's any more", () => {
  put("a", 1);
  const targets: Target[] = [{ kind: Kind.CURRENT, key: "a", versionId: id(1) }];
  const before = revision;
  revision = putRules();
  expect(outcome(replica.run(command(targets, before)))).toBe("CONFIGURATION_CHANGED");
  expect(outcome(replica.run(command(targets, 0n)))).toBe("CONFIGURATION_CHANGED");
  expect(head("a")).toBeDefined();
  const many = Array.from({ length: MAX_EXPIRATION_TARGETS + 1 }, () => targets[0]!);
  expect(outcome(replica.run(command(many)))).toBe("TOO_LARGE");
  expect(expire({ key: "a", versionId: id(1) })).toEqual(["INVALID a target has a kind"]);
});

describe("PutWorkerCursor", () => {
  const cursor = (expectedRevision: bigint, more: { worker?: number; bytes?: number } = {}): CommandBody => ({
    case: "putWorkerCursor",
    value: create(PutWorkerCursorSchema, {
      worker: more.worker ?? WorkerCursorRow_Worker.LIFECYCLE,
      expectedRevision,
      cursor: new Uint8Array(more.bytes ?? 1),
    }),
  });

  test("lets one of two leaders move the cursor", async () => {
    expectCase(replica.run(cursor(0n)), "done");
    expect(outcome(replica.run(cursor(0n)))).toBe("CURSOR_CHANGED");
    replica.timeMs += 5;
    expectCase(replica.run(cursor(1n)), "done");
    const bytes = replica.store.get(workerCursorKey(WorkerCursorRow_Worker.LIFECYCLE))!;
    expect(fromBinary(WorkerCursorRowSchema, bytes)).toMatchObject({
      revision: 2n,
      updatedAtMs: BigInt(replica.timeMs),
    });
    expect(await replica.violations()).toEqual([]);
  });

  test.each<[string, CommandBody, string]>([
    ["no worker", cursor(0n, { worker: 0 }), "INVALID"],
    ["a worker that nobody knows", cursor(0n, { worker: 200 }), "INVALID"],
    ["too many bytes", cursor(0n, { bytes: MAX_WORKER_CURSOR_BYTES + 1 }), "TOO_LARGE"],
  ])("refuses %s", (_, body, expected) => {
    expect(outcome(replica.run(body))).toBe(expected);
  });
});
