import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes, compareKeys, toHex } from "../base/index.ts";
import {
  APPLIED_KEY,
  CLUSTER_KEY,
  escapeKey,
  objectKey,
  objectRange,
  objectReferrer,
  parseReferenceKey,
  partKey,
  partReferrer,
  pendingDeleteKey,
  pendingDeleteRange,
  referenceKey,
  SHARD_RANGE,
  TABLES,
  tableLetter,
  trailingBlobId,
  unescapeKey,
  unlinkOrderKey,
  unlinkOrderRange,
  uploadOrderFrom,
  uploadOrderKey,
  uploadOrderOfKey,
  uploadOrderRange,
} from "./keys.ts";
import { id } from "./testing/commands.ts";

/** Keys as clients send them, with the characters that are hard: NUL, its neighbours, and both sides of the surrogates. */
const objectKeys = fc
  .array(
    fc.constantFrom(
      "\u0000",
      "\u0001",
      "\u0002",
      "/",
      "a",
      "b",
      "\ud7ff",
      "\ue000",
      "\uffff",
      "\u{10000}",
      "\u{10ffff}",
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((characters) => characters.join(""));

const inRange = (key: string, range: { gte: string; lt: string }): boolean =>
  compareKeys(key, range.gte) >= 0 && compareKeys(key, range.lt) < 0;

describe("escaped object keys", () => {
  test("come back as they were", () => {
    fc.assert(fc.property(objectKeys, (key) => unescapeKey(escapeKey(key)) === key));
  });

  test("keep the order of the keys' UTF-8 bytes", () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(objectKeys, objectKeys, (a, b) => {
        const bytes = Math.sign(compareBytes(encoder.encode(a), encoder.encode(b)));
        expect(Math.sign(compareKeys(objectKey(1n, a), objectKey(1n, b)))).toBe(bytes);
        const upload = id(1);
        expect(Math.sign(compareKeys(uploadOrderKey(1n, a, upload), uploadOrderKey(1n, b, upload)))).toBe(
          bytes,
        );
      }),
    );
  });

  test("with something behind them do not interleave", () => {
    fc.assert(
      fc.property(objectKeys, objectKeys, (a, b) => {
        fc.pre(compareKeys(a, b) < 0);
        expect(compareKeys(uploadOrderKey(1n, a, id(0xffffffff)), uploadOrderKey(1n, b, id(0)))).toBeLessThan(
          0,
        );
        expect(uploadOrderKey(1n, b, id(1)).startsWith(uploadOrderOfKey(1n, a))).toBe(false);
        expect(compareKeys(uploadOrderKey(1n, a, id(1)), uploadOrderFrom(1n, b))).toBeLessThan(0);
        expect(compareKeys(uploadOrderKey(1n, b, id(0)), uploadOrderFrom(1n, b))).toBeGreaterThan(0);
      }),
    );
  });

  test("a prefix range holds exactly the keys that begin with the prefix", () => {
    fc.assert(
      fc.property(fc.option(objectKeys, { nil: "" }), objectKeys, fc.boolean(), (prefix, tail, joined) => {
        const key = joined ? prefix + tail : tail;
        expect(inRange(objectKey(5n, key), objectRange(5n, prefix))).toBe(key.startsWith(prefix));
        expect(inRange(objectKey(6n, key), objectRange(5n, prefix))).toBe(false);
        expect(inRange(uploadOrderKey(5n, key, id(3)), uploadOrderRange(5n, prefix))).toBe(
          key.startsWith(prefix),
        );
      }),
    );
  });
});

describe("reference keys", () => {
  test("name the blob and the referrer", () => {
    fc.assert(
      fc.property(objectKeys, (key) => {
        expect(parseReferenceKey(referenceKey(toHex(id(1)), objectReferrer(9n, key, id(2))))).toEqual({
          blobHex: toHex(id(1)),
          referrer: { kind: "object", bucketId: 9n, key, versionId: toHex(id(2)) },
        });
      }),
    );
    expect(parseReferenceKey(referenceKey(toHex(id(1)), partReferrer(id(3), 10_000)))).toEqual({
      blobHex: toHex(id(1)),
      referrer: { kind: "part", uploadId: toHex(id(3)), partNumber: 10_000 },
    });
  });

  test.each([
    "0000r",
    "0000r/",
    `0000r${toHex(id(1))}`,
    `0000r${toHex(id(1))}/x`,
    `0000r${toHex(id(1))}/p12/00001`,
  ])("%j is none", (key) => expect(parseReferenceKey(key)).toBeUndefined());
});

describe("the layout", () => {
  test("every table has a letter of its own and lies in the shard", () => {
    const letters = Object.values(TABLES);
    expect(new Set(letters).size).toBe(letters.length);
    expect(inRange(APPLIED_KEY, SHARD_RANGE)).toBe(true);
    expect(tableLetter(CLUSTER_KEY)).toBe("c");
  });

  test("numbers are ordered as numbers", () => {
    expect(compareKeys(partKey(id(1), 9), partKey(id(1), 10))).toBeLessThan(0);
    expect(compareKeys(objectKey(15n, "z"), objectKey(16n, "a"))).toBeLessThan(0);
    expect(inRange(pendingDeleteKey(999n, toHex(id(1))), pendingDeleteRange(1_000))).toBe(true);
    expect(inRange(pendingDeleteKey(1_000n, toHex(id(1))), pendingDeleteRange(1_000))).toBe(false);
    expect(inRange(unlinkOrderKey(1n, toHex(id(1))), unlinkOrderRange(16n))).toBe(false);
    expect(trailingBlobId(unlinkOrderKey(1n, toHex(id(7))))).toEqual(id(7));
  });
});
