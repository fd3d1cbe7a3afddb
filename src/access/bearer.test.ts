import { describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { authenticateBearer } from "./bearer.ts";
import { createApiKeyHasher, mintApiKey, mintS3Key } from "./keys.ts";
import type { KeyDirectory, StoredKey } from "./ports.ts";
import { createSealer } from "./seal.ts";

const random = createPrng("bearer");
const randomBytes = (length: number) => random.bytes(length);
const keyEncryptionKey = random.bytes(32);
const hasher = createApiKeyHasher(keyEncryptionKey);
const sealer = createSealer({ keyEncryptionKey, randomBytes });
const grant = { role: "reader", buckets: undefined, owner: { id: "o", displayName: "o" } } as const;

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
    expect(authenticateBearer(header, keys, hasher)).toEqual({
      kind: "authenticated",
      principal: { keyId: good.stored.keyId, role: "reader", buckets: undefined, owner: grant.owner },
    });
  }
});

test("no header is nobody", () => {
  expect(authenticateBearer(undefined, keys, hasher)).toEqual({ kind: "anonymous" });
  expect(authenticateBearer("", keys, hasher)).toEqual({ kind: "anonymous" });
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
    expect(authenticateBearer(header, keys, hasher)).toEqual({ kind: "refused", reason, claimedKeyId });
  });

  test("an S3 key's row cannot be used as an API key", () => {
    const apiLike = mintApiKey(grant, hasher, randomBytes);
    const planted = { ...s3.stored, keyId: apiLike.stored.keyId, secretHash: apiLike.stored.secretHash };
    expect(authenticateBearer(`Bearer ${apiLike.secret}`, directoryOf(planted), hasher)).toMatchObject({
      kind: "refused",
      reason: "unknown-key",
    });
  });

  test("the secret of one key with the id of another", () => {
    const mixed = `sk_${good.stored.keyId}_${strange.secret.slice(-43)}`;
    expect(authenticateBearer(`Bearer ${mixed}`, keys, hasher)).toMatchObject({ reason: "wrong-secret" });
  });
});
