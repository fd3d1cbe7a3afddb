import { describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { authenticateBearer } from "./bearer.ts";
import { createApiKeyHasher, mintApiKey, mintS3Key, rotateApiKey, storeApiKey } from "./keys.ts";
import type { KeyDirectory, StoredKey } from "./ports.ts";
import { createSealer } from "./seal.ts";

const random = createPrng("bearer");
const randomBytes = (length: number) => random.bytes(length);
const keyEncryptionKey = random.bytes(32);
const hasher = createApiKeyHasher(keyEncryptionKey);
const sealer = createSealer({ keyEncryptionKey, randomBytes });
const grant = { role: "reader", buckets: undefined, owner: { id: "o", displayName: "o" } } as const;

const NOW_MS = 1_000_000;

const good = mintApiKey(grant, hasher, randomBytes);
const revoked = mintApiKey(grant, hasher, randomBytes);
const s3 = mintS3Key(grant, sealer, randomBytes);
const strange = mintApiKey(grant, hasher, randomBytes);

function directoryOf(...keys: readonly StoredKey[]): KeyDirectory {
  return { key: (keyId) => keys.find((key) => key.keyId === keyId) };
}

const keys = directoryOf(good.stored, { ...strange.stored, role: 9 });

test("a known key is its principal, however the scheme is written", () => {
  for (const header of [`Bearer ${good.secret}`, `bearer ${good.secret}`, `BEARER  ${good.secret} `]) {
    expect(authenticateBearer(header, { keys, hasher, nowMs: NOW_MS })).toEqual({
      kind: "authenticated",
      principal: { keyId: good.stored.keyId, role: "reader", buckets: undefined, owner: grant.owner },
    });
  }
});

test("no header is nobody", () => {
  expect(authenticateBearer(undefined, { keys, hasher, nowMs: NOW_MS })).toEqual({ kind: "anonymous" });
  expect(authenticateBearer("", { keys, hasher, nowMs: NOW_MS })).toEqual({ kind: "anonymous" });
});

describe("refused", () => {
  test.each([
    ["another scheme", `Basic ${good.secret}`, "malformed", undefined],
    ["no token", "Bearer", "malformed", undefined],
    ["two tokens", `Bearer ${good.secret} ${good.secret}`, "malformed", undefined],
    ["no key", "Bearer hello", "malformed", undefined],
    ["a header without end", `Bearer ${good.secret}${" ".repeat(2000)}`, "malformed", undefined],
    ["a key that was revoked", `Bearer ${revoked.secret}`, "unknown-key", revoked.stored.keyId],
    ["a wrong secret", `Bearer ${good.secret.slice(0, -4)}AAAA`, "wrong-secret", good.stored.keyId],
    ["a role to come", `Bearer ${strange.secret}`, "unknown-role", strange.stored.keyId],
  ])("%s", (_, header, reason, claimedKeyId) => {
    expect(authenticateBearer(header, { keys, hasher, nowMs: NOW_MS })).toEqual({
      kind: "refused",
      reason,
      claimedKeyId,
    });
  });

  test("an S3 key's row cannot be used as an API key", () => {
    const apiLike = mintApiKey(grant, hasher, randomBytes);
    const planted = { ...s3.stored, keyId: apiLike.stored.keyId, secretHash: apiLike.stored.secretHash };
    expect(
      authenticateBearer(`Bearer ${apiLike.secret}`, { keys: directoryOf(planted), hasher, nowMs: NOW_MS }),
    ).toMatchObject({
      kind: "refused",
      reason: "unknown-key",
    });
  });

  test("the secret of one key with the id of another", () => {
    const mixed = `sk_${good.stored.keyId}_${strange.secret.slice(-43)}`;
    expect(authenticateBearer(`Bearer ${mixed}`, { keys, hasher, nowMs: NOW_MS })).toMatchObject({
      reason: "wrong-secret",
    });
  });
});

describe("after a rotation", () => {
  const { secret, secretHash } = rotateApiKey(good.stored.keyId, hasher, randomBytes);
  const rotated = (previousUntilMs: number): StoredKey => ({
    ...good.stored,
    secretHash,
    previousSecretHash: good.stored.secretHash,
    previousUntilMs: BigInt(previousUntilMs),
  });
  const outcome = (apiKey: string, key: StoredKey) =>
    authenticateBearer(`Bearer ${apiKey}`, { keys: directoryOf(key), hasher, nowMs: NOW_MS }).kind;

  test("both secrets work during the grace period, and the new one alone behind it", () => {
    expect([outcome(secret, rotated(NOW_MS + 1)), outcome(good.secret, rotated(NOW_MS + 1))]).toEqual([
      "authenticated",
      "authenticated",
    ]);
    expect([outcome(secret, rotated(NOW_MS)), outcome(good.secret, rotated(NOW_MS))]).toEqual([
      "authenticated",
      "refused",
    ]);
  });

  test("a secret that was never one does not work, and an empty hash is none", () => {
    const wrong = `${good.secret.slice(0, -4)}AAAA`;
    expect(outcome(wrong, rotated(NOW_MS + 1))).toBe("refused");
    expect(outcome(good.secret, { ...rotated(NOW_MS + 1), previousSecretHash: new Uint8Array(0) })).toBe(
      "refused",
    );
  });

  test("a key that an operator brought along has no other secret", () => {
    const brought = storeApiKey("sk_brought-along-by-hand", grant, hasher);
    expect(() => rotateApiKey(brought.stored.keyId, hasher, randomBytes)).toThrow("only minted");
  });
});
