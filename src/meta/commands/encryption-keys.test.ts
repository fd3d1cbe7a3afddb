/** The promise: keys of the key ring are never lost or replaced, and an encrypted manifest has exactly the bytes that its frames need. */
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { sealedLength } from "../../base/index.ts";
import {
  CopyObjectSchema,
  PutEncryptionKeySchema,
  RotateEncryptionKeySchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { EncryptionKind, ObjectAttributesSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../ports.ts";
import { commitObject, commitPart, createUpload, id, inlineBlob, readyReplica } from "../testing/commands.ts";
import { outcome, Replica } from "../testing/harness.ts";

let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
});

async function expectSound(): Promise<void> {
  expect(await replica.violations()).toEqual([]);
}

describe("the key ring", () => {
  const put = (keyId: string, secretSealed = new Uint8Array(61)): CommandBody => ({
    case: "putEncryptionKey",
    value: create(PutEncryptionKeySchema, { keyId, secretSealed }),
  });
  const rotate = (keyId: string, expectedVersion: number): CommandBody => ({
    case: "rotateEncryptionKey",
    value: create(RotateEncryptionKeySchema, { keyId, expectedVersion, secretSealed: new Uint8Array(61) }),
  });

  test("grows by keys and versions, each once", async () => {
    expect(outcome(replica.run(put("ring")))).toBe("done");
    expect(outcome(replica.run(put("ring")))).toBe("ENCRYPTION_KEY_EXISTS");
    expect(outcome(replica.run(rotate("ring", 1)))).toBe("done");
    expect(outcome(replica.run(rotate("ring", 1)))).toBe("ENCRYPTION_KEY_CHANGED");
    expect(outcome(replica.run(rotate("ring", 2)))).toBe("done");
    expect(outcome(replica.run(rotate("other", 0)))).toBe("ENCRYPTION_KEY_UNKNOWN");
    await expectSound();
  });

  test.each([
    ["no id", put("")],
    ["an id that would look like a row of uses", put("a/b")],
    ["no secret", put("k", new Uint8Array(0))],
    ["a secret that is too long", put("k", new Uint8Array(257))],
  ])("refuses %s", async (_, command) => {
    expect(outcome(replica.run(command))).toBe("INVALID");
    await expectSound();
  });
});

describe("an encrypted object", () => {
  beforeEach(() => {
    const value = create(PutEncryptionKeySchema, { keyId: "ring", secretSealed: new Uint8Array(61) });
    replica.run({ case: "putEncryptionKey", value });
  });

  const encryption = (change: object = {}) => ({
    version: 1,
    kind: EncryptionKind.SSE_S3,
    keyId: "ring",
    keyVersion: 1,
    wrappedKey: new Uint8Array(61),
    salt: new Uint8Array(16),
    ...change,
  });
  const commit = (change: object | undefined, storedBytes: number): CommandBody => {
    const plain = commitObject("k", id(1), [inlineBlob(id(101), storedBytes)]);
    if (plain.case !== "commitObject") throw new Error("it commits an object");
    const attributes = create(
      ObjectAttributesSchema,
      change === undefined ? {} : { encryption: encryption(change) },
    );
    return { case: "commitObject", value: { ...plain.value, size: 100n, attributes } };
  };

  test("has a tag for each frame behind its bytes", async () => {
    expect(outcome(replica.run(commit({}, sealedLength(100))))).toBe("objectCommitted");
    await expectSound();
  });

  test.each<[string, object | undefined, number, string]>([
    ["as many bytes as in the clear", {}, 100, "BLOB_INVALID"],
    ["a plain object with the bytes of an encrypted one", undefined, 116, "BLOB_INVALID"],
    ["an unknown format", { version: 2 }, 116, "INVALID"],
    ["no kind", { kind: EncryptionKind.UNSPECIFIED }, 116, "INVALID"],
    ["no key", { keyId: "" }, 116, "INVALID"],
    ["a key that is not in the ring", { keyId: "other" }, 116, "ENCRYPTION_KEY_UNKNOWN"],
    ["a version that is not there yet", { keyVersion: 2 }, 116, "ENCRYPTION_KEY_UNKNOWN"],
    ["a key of the ring for a customer's", { kind: EncryptionKind.SSE_C }, 116, "INVALID"],
    ["no wrapped key", { wrappedKey: new Uint8Array(0) }, 116, "INVALID"],
    ["no salt", { salt: new Uint8Array(0) }, 116, "INVALID"],
  ])("refuses %s", async (_, change, storedBytes, code) => {
    expect(outcome(replica.run(commit(change, storedBytes)))).toBe(code);
    await expectSound();
  });

  test("is copied by reference only with the same salt", async () => {
    replica.run(commit({}, 116));
    const copy = (attributes: object): CommandBody => ({
      case: "copyObject",
      value: create(CopyObjectSchema, {
        sourceBucket: "bucket",
        sourceKey: "k",
        sourceVersionId: id(1),
        bucket: "bucket",
        key: "copy",
        versionId: id(2),
        attributes,
      }),
    });
    expect(outcome(replica.run(copy({})))).toBe("INVALID");
    expect(outcome(replica.run(copy({ encryption: encryption({ salt: new Uint8Array(16).fill(1) }) })))).toBe(
      "INVALID",
    );
    const customers = { kind: EncryptionKind.SSE_C, keyId: "", keyVersion: 0 };
    expect(outcome(replica.run(copy({ encryption: encryption(customers) })))).toBe("objectCommitted");
    await expectSound();
  });

  test("of parts has its salts in the parts", async () => {
    const upload = createUpload("k", id(50));
    if (upload.case !== "createUpload") throw new Error("it creates an upload");
    const attributes = create(ObjectAttributesSchema, {
      encryption: encryption({ salt: new Uint8Array(0) }),
    });
    replica.run({ ...upload, value: { ...upload.value, attributes } });
    const part = commitPart({ key: "k", uploadId: id(50) }, 1, [inlineBlob(id(102), 116)]);
    if (part.case !== "commitPart") throw new Error("it commits a part");
    expect(outcome(replica.run({ ...part, value: { ...part.value, size: 100n } }))).toBe("INVALID");
    const salted = { ...part, value: { ...part.value, size: 100n, salt: new Uint8Array(16) } };
    expect(outcome(replica.run(salted))).toBe("partCommitted");
    await expectSound();
  });
});
