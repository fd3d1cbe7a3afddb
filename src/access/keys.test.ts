import { describe, expect, test } from "vitest";
import { createPrng, equalBytes } from "../base/index.ts";
import { KeyKind, KeyRole } from "../gen/skerry/meta/v1/rows_pb.js";
import {
  createApiKeyHasher,
  type KeyGrant,
  MAX_KEY_BUCKETS,
  mintApiKey,
  mintS3Key,
  openS3Secret,
  principalOf,
  storeApiKey,
  storeS3Key,
} from "./keys.ts";
import { ownerNamed } from "./owner.ts";
import { KEY_KIND, KEY_ROLE } from "./ports.ts";
import { ROLES } from "./roles.ts";
import { createSealer } from "./seal.ts";

const random = createPrng("keys");
const randomBytes = (length: number) => random.bytes(length);
const keyEncryptionKey = random.bytes(32);
const sealer = createSealer({ keyEncryptionKey, randomBytes });
const hasher = createApiKeyHasher(keyEncryptionKey);
const owner = ownerNamed("cluster", "root");
const grant: KeyGrant = { role: "writer", buckets: undefined, owner };

test("kinds and roles are numbered as in the metadata", () => {
  expect(KEY_KIND).toEqual({ s3: KeyKind.S3, api: KeyKind.API });
  expect(KEY_ROLE).toEqual({
    reader: KeyRole.READER,
    writer: KeyRole.WRITER,
    admin: KeyRole.ADMIN,
    user: KeyRole.USER,
  });
});

describe("an S3 key", () => {
  test("has the form that clients expect, and its secret opens again", () => {
    const { stored, secret } = mintS3Key(grant, sealer, randomBytes);
    expect(stored.keyId).toMatch(/^SK[A-Z2-7]{18}$/);
    expect(secret).toMatch(/^[A-Za-z0-9_-]{40}$/);
    expect(openS3Secret(stored, sealer)).toBe(secret);
    expect(JSON.stringify({ ...stored, previousUntilMs: 0 })).not.toContain(secret);
    expect(Buffer.from(stored.secretSealed).toString("latin1")).not.toContain(secret);
  });

  test("is another one each time", () => {
    const minted = Array.from({ length: 50 }, () => mintS3Key(grant, sealer, randomBytes));
    expect(new Set(minted.map((key) => key.stored.keyId)).size).toBe(50);
    expect(new Set(minted.map((key) => key.secret)).size).toBe(50);
  });

  test("does not lend its secret to another key", () => {
    const { stored } = mintS3Key(grant, sealer, randomBytes);
    expect(() => openS3Secret({ ...stored, keyId: "SKOTHER" }, sealer)).toThrow(
      expect.objectContaining({ code: "sealed-damaged" }),
    );
  });

  test("may be brought along", () => {
    const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const { stored } = storeS3Key({ keyId: "AKIAIOSFODNN7EXAMPLE", secret }, grant, sealer);
    expect(openS3Secret(stored, sealer)).toBe(secret);
  });

  test.each([
    ["id too short", "ab", "x".repeat(40)],
    ["id too long", "a".repeat(129), "x".repeat(40)],
    ["id with a slash", "AK/IA", "x".repeat(40)],
    ["id with a line break", "AKIA\n", "x".repeat(40)],
    ["secret too short", "AKIA", "x".repeat(7)],
    ["secret too long", "AKIA", "x".repeat(257)],
    ["secret with a space", "AKIA", `${"x".repeat(20)} `],
    ["secret beyond ASCII", "AKIA", `${"x".repeat(20)}ü`],
  ])("is refused: %s", (_, keyId, secret) => {
    expect(() => storeS3Key({ keyId, secret }, grant, sealer)).toThrow(
      expect.objectContaining({ code: "key-invalid" }),
    );
    try {
      storeS3Key({ keyId, secret }, grant, sealer);
    } catch (error) {
      expect(String(error)).not.toContain(secret);
    }
  });
});

describe("an API key", () => {
  test("is told from its text, and only its keyed hash is stored", () => {
    const { stored, secret } = mintApiKey(grant, hasher, randomBytes);
    expect(secret).toMatch(/^sk_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/);
    expect(hasher.keyIdOf(secret)).toBe(stored.keyId);
    expect(stored.secretSealed).toHaveLength(0);
    expect(equalBytes(hasher.hash(secret), stored.secretHash)).toBe(true);
    expect(equalBytes(createApiKeyHasher(random.bytes(32)).hash(secret), stored.secretHash)).toBe(false);
  });

  test("one changed character does not match", () => {
    const { stored, secret } = mintApiKey(grant, hasher, randomBytes);
    const changed = secret.slice(0, -1) + (secret.endsWith("A") ? "B" : "A");
    expect(equalBytes(hasher.hash(changed), stored.secretHash)).toBe(false);
    expect(equalBytes(hasher.hash(secret), new Uint8Array(0))).toBe(false);
  });

  test("is not an S3 key", () => {
    const { stored } = mintApiKey(grant, hasher, randomBytes);
    expect(() => openS3Secret(stored, sealer)).toThrow(expect.objectContaining({ code: "key-invalid" }));
  });

  test.each([
    "",
    "sk_",
    "sk_abcdefghijklmno",
    `sk_${"x".repeat(201)}`,
    `xk_abcdefghijkl_${"x".repeat(43)}`,
    `sk_abcdefghijkl_${"x".repeat(42)}+`,
    ` sk_abcdefghijkl_${"x".repeat(43)}`,
    `sk_abcdefghijkl_${"x".repeat(43)}\n`,
  ])("%j is none", (text) => {
    expect(hasher.keyIdOf(text)).toBeUndefined();
    expect(() => storeApiKey(text, grant, hasher)).toThrow(expect.objectContaining({ code: "key-invalid" }));
  });
});

describe("an API key that is brought along", () => {
  const brought = "sk_correct-horse-battery";

  test("is stored under an id that is made from it, the same each time", () => {
    const { stored, secret } = storeApiKey(brought, grant, hasher);
    expect(secret).toBe(brought);
    expect(stored.keyId).toMatch(/^own-[0-9a-f]{16}$/);
    expect(hasher.keyIdOf(brought)).toBe(stored.keyId);
    expect(hasher.keyIdOf(`${brought}2`)).not.toBe(stored.keyId);
    expect(equalBytes(hasher.hash(brought), stored.secretHash)).toBe(true);
  });

  test("cannot be guessed from its id or hash without the cluster's key", () => {
    const other = createApiKeyHasher(random.bytes(32));
    const { stored } = storeApiKey(brought, grant, hasher);
    expect(other.keyIdOf(brought)).not.toBe(stored.keyId);
    expect(equalBytes(other.hash(brought), stored.secretHash)).toBe(false);
    expect(Buffer.from(stored.secretHash).toString("hex")).not.toContain(stored.keyId.slice(4));
  });

  test("of the form of a minted one has that one's id", () => {
    const { secret, stored } = mintApiKey(grant, hasher, randomBytes);
    expect(storeApiKey(secret, grant, hasher).stored).toEqual(stored);
  });
});

describe("what a key may do", () => {
  test.each(ROLES)("a %s stays one", (role) => {
    const { stored } = mintS3Key({ ...grant, role }, sealer, randomBytes);
    expect(principalOf(stored)).toEqual({ keyId: stored.keyId, role, buckets: undefined, owner });
  });

  test("an allow-list stays one", () => {
    const { stored } = mintS3Key({ ...grant, buckets: ["a", "b"] }, sealer, randomBytes);
    expect(principalOf(stored)?.buckets).toEqual(["a", "b"]);
  });

  test.each([
    ["empty: it would become every bucket", []],
    ["with an empty name", ["a", ""]],
    ["too long", Array.from({ length: MAX_KEY_BUCKETS + 1 }, (_, i) => `b${i}`)],
  ])("an allow-list is refused: %s", (_, buckets) => {
    expect(() => mintS3Key({ ...grant, buckets }, sealer, randomBytes)).toThrow(
      expect.objectContaining({ code: "key-invalid" }),
    );
    expect(() => mintApiKey({ ...grant, buckets }, hasher, randomBytes)).toThrow(
      expect.objectContaining({ code: "key-invalid" }),
    );
  });

  test.each([0, 5, -1])("role number %d is nobody's", (role) => {
    const { stored } = mintS3Key(grant, sealer, randomBytes);
    expect(principalOf({ ...stored, role })).toBeUndefined();
  });
});

test("an owner's id depends on cluster and name alone", () => {
  expect(owner.id).toMatch(/^[0-9a-f]{64}$/);
  expect(ownerNamed("cluster", "root")).toEqual(owner);
  expect(ownerNamed("cluster", "other").id).not.toBe(owner.id);
  expect(ownerNamed("other", "root").id).not.toBe(owner.id);
  expect(ownerNamed("clusterr", "oot").id).not.toBe(owner.id);
});
