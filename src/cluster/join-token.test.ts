import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { PlainHasher } from "../platform/node/index.ts";
import {
  findJoinToken,
  joinTokenHash,
  MAX_JOIN_TOKEN_VALIDITY_MS,
  mintJoinToken,
  parseJoinToken,
} from "./join-token.ts";

const random = createPrng("join-token");
const hasher = new PlainHasher();
const caFingerprint = "ab".repeat(32);
const nowMs = 1_750_000_000_000;

function mint(validityMs?: number) {
  return mintJoinToken({
    caFingerprint,
    nowMs,
    random,
    hasher,
    ...(validityMs === undefined ? {} : { validityMs }),
  });
}

describe("a token", () => {
  test("is read as it was written", () => {
    const { text, record } = mint();
    expect(text).toMatch(/^skj_[A-Za-z0-9_-]{43}\.[0-9a-f]{64}$/);
    const token = parseJoinToken(`  ${text}\n`);
    expect(token.caFingerprint).toBe(caFingerprint);
    expect(Buffer.from(record.tokenHash)).toEqual(createHash("sha256").update(token.secret).digest());
    expect(Buffer.from(joinTokenHash(token, hasher))).toEqual(Buffer.from(record.tokenHash));
    expect(text.slice(4, 12)).toBe(record.tokenId);
    expect(record.expiresAtMs).toBe(BigInt(nowMs + 3_600_000));
  });

  test("does not stand in what is stored", () => {
    const { text, record } = mint();
    const secret = text.slice(4, 47);
    expect(JSON.stringify({ ...record, expiresAtMs: 0, createdAtMs: 0 })).not.toContain(secret);
  });

  test.each([0, -1, Number.NaN, MAX_JOIN_TOKEN_VALIDITY_MS + 1])(
    "cannot be valid for %d ms",
    (validityMs) => {
      expect(() => mint(validityMs)).toThrow(expect.objectContaining({ name: "ClusterError" }));
    },
  );

  const good = mint().text;
  test.each([
    ["empty", ""],
    ["without its fingerprint", good.slice(0, 47)],
    ["with half a fingerprint", good.slice(0, -32)],
    ["with another beginning", good.replace("skj_", "sk_")],
    ["with a fingerprint in capitals", good.slice(0, 48) + good.slice(48).toUpperCase()],
    ["one character too long", `${good}0`],
    ["with bits that no byte has", `skj_${"A".repeat(42)}B.${"0".repeat(64)}`],
    ["broken over two lines", `${good.slice(0, 20)}\n${good.slice(20)}`],
  ])("is refused: %s", (_, text) => {
    expect(() => parseJoinToken(text)).toThrow(expect.objectContaining({ code: "token-malformed" }));
  });
});

describe("looking a token up", () => {
  const first = mint();
  const second = mint(1_000);
  const rows = [first.record, second.record];

  test("finds it by its hash until it is over", () => {
    expect(findJoinToken(rows, second.record.tokenHash, nowMs + 999)).toBe(second.record);
    expect(findJoinToken(rows, second.record.tokenHash, nowMs + 1_000)).toBeUndefined();
    expect(findJoinToken(rows, first.record.tokenHash, nowMs + 1_000)).toBe(first.record);
  });

  test("finds no other", () => {
    expect(findJoinToken(rows, mint().record.tokenHash, nowMs)).toBeUndefined();
    expect(findJoinToken(rows, new Uint8Array(0), nowMs)).toBeUndefined();
    expect(findJoinToken([], first.record.tokenHash, nowMs)).toBeUndefined();
  });
});
