/** The promise: another wrapping changes nothing else and undoes nothing, uses are counted exactly, and a version goes only when nothing needs it. */
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { concatBytes, fromHex, sealedLength, toHex } from "../../base/index.ts";
import {
  ChangeObjectSchema,
  CompleteUploadSchema,
  CreateUploadSchema,
  DeleteObjectsSchema,
  PutEncryptionKeySchema,
  RemoveEncryptionKeyVersionSchema,
  RenameObjectSchema,
  RewrapDataKeysSchema,
  type RewrappedDataKey,
  RotateEncryptionKeySchema,
  SetBucketVersioningSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  EncryptionKind,
  EncryptionUseRowSchema,
  ObjectRowSchema,
  UploadRowSchema,
  VersioningState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { encryptionUseKey, objectKey, oplogKey, uploadKey, versionKey } from "../keys.ts";
import { MAX_REWRAPPED_KEYS } from "../limits.ts";
import type { CommandBody } from "../ports.ts";
import { commitObject, commitPart, etag, id, inlineBlob, readyReplica } from "../testing/commands.ts";
import { expectCase, outcome, Replica, testHasher } from "../testing/harness.ts";

const BUCKET_ID = 1n;
let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
  const secretSealed = new Uint8Array(61);
  replica.run({
    case: "putEncryptionKey",
    value: create(PutEncryptionKeySchema, { keyId: "ring", secretSealed }),
  });
});

/** What a version of the ring has wrapped in row `number`. */
function encryption(keyVersion: number, number: number, salted = true) {
  return {
    version: 1,
    kind: EncryptionKind.SSE_KMS,
    keyId: "ring",
    keyVersion,
    wrappedKey: id(keyVersion * 1000 + number),
    context: "as it was sent",
    bucketKey: true,
    ...(salted && { salt: new Uint8Array(16) }),
  };
}

function commit(key: string, number: number, keyVersion: number): CommandBody {
  const blob = inlineBlob(id(100 + number), sealedLength(5));
  const attributes = { contentType: "text/plain", encryption: encryption(keyVersion, number) };
  return commitObject(key, id(number), [blob], { size: 5n, attributes });
}

function rotate(expectedVersion: number): CommandBody {
  const value = { keyId: "ring", expectedVersion, secretSealed: new Uint8Array(61) };
  return { case: "rotateEncryptionKey", value: create(RotateEncryptionKeySchema, value) };
}

function remove(version: number): CommandBody {
  const value = create(RemoveEncryptionKeyVersionSchema, { keyId: "ring", version });
  return { case: "removeEncryptionKeyVersion", value };
}

/** From version 1 to version 2, of row `number`. */
function target(key: string, number: number, more: object = {}) {
  return {
    key,
    row: { case: "versionId" as const, value: id(number) },
    encryptionKeyId: "ring",
    expectedWrappedKey: id(1000 + number),
    keyVersion: 2,
    wrappedKey: id(2000 + number),
    ...more,
  };
}

function rewrap(...targets: readonly Partial<Omit<RewrappedDataKey, "$typeName">>[]): CommandBody {
  const value = create(RewrapDataKeysSchema, { bucket: "bucket", targets: [...targets] });
  return { case: "rewrapDataKeys", value };
}

function rewrapped(command: CommandBody): string {
  const { rewrapped: count, passedOver } = expectCase(replica.run(command), "dataKeysRewrapped");
  return `${count} of ${count + passedOver}`;
}

const uses = (version: number) =>
  replica.state.read(encryptionUseKey("ring", version), EncryptionUseRowSchema)?.uses;
const head = (key: string) => replica.state.read(objectKey(BUCKET_ID, key), ObjectRowSchema);

async function expectSound(): Promise<void> {
  expect(await replica.violations()).toEqual([]);
}

describe("another wrapping", () => {
  test("changes version and wrapped key, and nothing else; the oplog is silent", async () => {
    replica.run(commit("k", 1, 1));
    replica.timeMs += 5000;
    replica.run(rotate(1));
    const before = head("k")!;
    const next = replica.state.nextOplogSequence;
    expect(rewrapped(rewrap(target("k", 1)))).toBe("1 of 1");
    const attributes = {
      ...before.attributes,
      encryption: { ...before.attributes!.encryption, keyVersion: 2, wrappedKey: id(2001) },
    };
    expect(head("k")).toEqual({ ...before, attributes });
    expect(replica.state.nextOplogSequence).toBe(next);
    expect(replica.store.get(oplogKey(next))).toBeUndefined();
    expect([uses(1), uses(2)]).toEqual([0n, 1n]);
    await expectSound();
  });

  test("is done once: the second of the same is passed over", () => {
    replica.run(commit("k", 1, 1));
    replica.run(rotate(1));
    expect(rewrapped(rewrap(target("k", 1), target("k", 1)))).toBe("1 of 2");
    expect([uses(1), uses(2)]).toEqual([0n, 1n]);
  });

  test("reaches versions that are not current, also when they moved since", async () => {
    const versioning = { bucket: "bucket", versioning: VersioningState.ENABLED };
    replica.run({ case: "setBucketVersioning", value: create(SetBucketVersioningSchema, versioning) });
    replica.run(commit("k", 1, 1));
    replica.run(commit("k", 2, 1));
    replica.run(rotate(1));
    replica.run(commit("k", 3, 2));
    expect([uses(1), uses(2)]).toEqual([2n, 1n]);
    expect(rewrapped(rewrap(target("k", 1), target("k", 2)))).toBe("2 of 2");
    const noncurrent = replica.state.read(versionKey(BUCKET_ID, "k", id(1)), ObjectRowSchema);
    expect(noncurrent?.attributes?.encryption?.keyVersion).toBe(2);
    expect([uses(1), uses(2)]).toEqual([0n, 3n]);
    await expectSound();
  });

  test("of an upload goes into the object that it becomes", async () => {
    const upload = create(CreateUploadSchema, {
      bucket: "bucket",
      key: "k",
      uploadId: id(50),
      attributes: { encryption: encryption(1, 50, false) },
    });
    replica.run({ case: "createUpload", value: upload });
    const blob = inlineBlob(id(150), sealedLength(5));
    const part = { key: "k", uploadId: id(50) };
    replica.run(commitPart(part, 1, [blob], { size: 5n, salt: new Uint8Array(16) }));
    replica.run(rotate(1));
    const row = { case: "uploadId" as const, value: id(50) };
    expect(rewrapped(rewrap(target("other", 50, { row })))).toBe("0 of 1");
    expect(rewrapped(rewrap(target("k", 50, { row })))).toBe("1 of 1");
    const bitmap = replica.state.read(uploadKey(id(50)), UploadRowSchema)?.partBitmap;
    expect(bitmap).toEqual(Uint8Array.of(2));
    const value = create(CompleteUploadSchema, {
      bucket: "bucket",
      key: "k",
      uploadId: id(50),
      parts: [{ partNumber: 1, etag: etag(1) }],
      versionId: id(51),
      etag: `${toHex(testHasher.md5(concatBytes([fromHex(etag(1))!])))}-1`,
    });
    expect(outcome(replica.run({ case: "completeUpload", value }))).toBe("objectCommitted");
    expect(head("k")?.attributes?.encryption?.wrappedKey).toEqual(id(2050));
    expect([uses(1), uses(2)]).toEqual([0n, 1n]);
    await expectSound();
  });
});

describe("what happened since the proposer looked is not undone", () => {
  beforeEach(() => {
    replica.run(commit("k", 1, 1));
    replica.run(rotate(1));
  });

  test.each<[string, () => CommandBody[], number]>([
    ["the object was overwritten", () => [commit("k", 2, 2)], 1],
    [
      "it was removed",
      () => [
        {
          case: "deleteObjects",
          value: create(DeleteObjectsSchema, { bucket: "bucket", targets: [{ key: "k" }] }),
        },
      ],
      0,
    ],
    ["it was removed and made again in the clear", () => [commitObject("k", id(2), [])], 0],
    ["another leader was faster", () => [rewrap(target("k", 1, { wrappedKey: id(7) }))], 1],
    [
      "it was renamed: the next pass finds it",
      () => {
        const value = { bucket: "bucket", sourceKey: "k", key: "new", versionId: id(2), markerId: id(3) };
        return [{ case: "renameObject", value: create(RenameObjectSchema, value) }];
      },
      1,
    ],
    ["the key was rotated again", () => [rotate(2)], 1],
  ])("%s", async (_, between, left) => {
    for (const command of between()) expect(outcome(replica.run(command))).not.toMatch(/^[A-Z]/);
    const before = replica.store.all().filter(({ key }) => !key.startsWith("0000a"));
    expect(rewrapped(rewrap(target("k", 1)))).toBe("0 of 1");
    expect(replica.store.all().filter(({ key }) => !key.startsWith("0000a"))).toEqual(before);
    expect([1, 2, 3].reduce((sum, version) => sum + (uses(version) ?? 0n), 0n)).toBe(BigInt(left));
    await expectSound();
  });

  test("tags that came in between stay", () => {
    const tags = { case: "tags" as const, value: { tags: [{ key: "a", value: "b" }] } };
    const value = create(ChangeObjectSchema, { bucket: "bucket", key: "k", change: tags });
    expect(outcome(replica.run({ case: "changeObject", value }))).toBe("objectChanged");
    expect(rewrapped(rewrap(target("k", 1)))).toBe("1 of 1");
    expect(head("k")?.attributes?.tags).toMatchObject([{ key: "a", value: "b" }]);
  });

  test.each<[string, object]>([
    ["another key of the ring", { encryptionKeyId: "other" }],
    ["a version that does not wrap", { keyVersion: 1 }],
    ["a version that is not there", { keyVersion: 3 }],
    ["no row", { row: { case: undefined } }],
    ["an id that is none", { row: { case: "versionId", value: new Uint8Array(3) } }],
  ])("%s is passed over", async (_, change) => {
    expect(rewrapped(rewrap(target("k", 1, change)))).toBe("0 of 1");
    await expectSound();
  });

  test("refuses what cannot be meant", () => {
    expect(outcome(replica.run(rewrap(target("k", 1, { wrappedKey: new Uint8Array(0) }))))).toBe("INVALID");
    expect(outcome(replica.run(rewrap(target("k", 1, { wrappedKey: new Uint8Array(257) }))))).toBe("INVALID");
    const many = Array.from({ length: MAX_REWRAPPED_KEYS + 1 }, () => target("k", 1));
    expect(outcome(replica.run(rewrap(...many)))).toBe("TOO_LARGE");
    const elsewhere = create(RewrapDataKeysSchema, { bucket: "none", targets: [target("k", 1)] });
    expect(outcome(replica.run({ case: "rewrapDataKeys", value: elsewhere }))).toBe("BUCKET_UNKNOWN");
    const again = create(RewrapDataKeysSchema, { bucket: "bucket", bucketId: 9n, targets: [target("k", 1)] });
    expect(outcome(replica.run({ case: "rewrapDataKeys", value: again }))).toBe("BUCKET_CHANGED");
  });
});

describe("a version of the ring", () => {
  test("wraps nothing new once there is a newer one", async () => {
    replica.run(rotate(1));
    expect(outcome(replica.run(commit("k", 1, 1)))).toBe("ENCRYPTION_KEY_RETIRED");
    expect(outcome(replica.run(commit("k", 1, 2)))).toBe("objectCommitted");
    await expectSound();
  });

  test("stays while it is the newest or wraps something, and its number is never given again", async () => {
    replica.run(commit("k", 1, 1));
    expect(outcome(replica.run(remove(1)))).toBe("ENCRYPTION_KEY_IN_USE");
    replica.run(rotate(1));
    expect(outcome(replica.run(remove(1)))).toBe("ENCRYPTION_KEY_IN_USE");
    expect(outcome(replica.run(remove(2)))).toBe("ENCRYPTION_KEY_IN_USE");
    replica.run(rewrap(target("k", 1)));
    expect(outcome(replica.run(remove(1)))).toBe("done");
    expect(outcome(replica.run(remove(1)))).toBe("ENCRYPTION_KEY_UNKNOWN");
    expect(outcome(replica.run(commit("l", 2, 1)))).toBe("ENCRYPTION_KEY_RETIRED");
    expect(outcome(replica.run(rotate(2)))).toBe("done");
    expect([uses(1), uses(2), uses(3)]).toEqual([undefined, 1n, 0n]);
    await expectSound();
  });

  test("of a state that did not count yet works on, and is not removed", async () => {
    replica.run(commit("k", 1, 1));
    replica.run(rotate(1));
    replica.store.applyNow([{ kind: "delete", key: encryptionUseKey("ring", 1) }]);
    replica.restart();
    expect(rewrapped(rewrap(target("k", 1)))).toBe("1 of 1");
    expect(outcome(replica.run(remove(1)))).toBe("ENCRYPTION_KEY_IN_USE");
    await expectSound();
  });
});
