import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { createPrng, toHex } from "../base/index.ts";
import {
  AppliedRowSchema,
  BlobRowSchema,
  BucketRowSchema,
  SessionRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { MessageEncoder } from "./message-encoder.ts";
import { randomMessage, SCHEMAS } from "./testing/random-messages.ts";

const SEED = process.env.SKERRY_TEST_SEED ?? String(Date.now());

describe("the bytes of protobuf-es", () => {
  test.each(SCHEMAS.map((schema) => [schema.typeName, schema] as const))("%s", (name, schema) => {
    const prng = createPrng(`${SEED} ${name}`);
    const encoder = new MessageEncoder();
    const kept: { readonly found: Uint8Array; readonly expected: string }[] = [];
    for (let round = 0; round < 12; round++) {
      const message = randomMessage(prng, schema);
      const expected = toHex(toBinary(schema, message));
      const found = encoder.encode(schema, message);
      if (toHex(found) !== expected) expect.fail(`seed ${SEED}: ${name} differs in round ${round}`);
      kept.push({ found, expected });
    }
    // What comes later is written elsewhere.
    for (const { found, expected } of kept) expect(toHex(found) === expected).toBe(true);
  });

  test("fields that this version does not know go along", () => {
    const row = create(BucketRowSchema, { name: "bucket" });
    row.$unknown = [{ no: 1000, wireType: 2, data: new Uint8Array([2, 7, 8]) }];
    expect(toHex(new MessageEncoder().encode(BucketRowSchema, row))).toBe(
      toHex(toBinary(BucketRowSchema, row)),
    );
  });
});

test("a value that its field cannot hold is refused, and the next message is whole", () => {
  const encoder = new MessageEncoder();
  for (const row of [
    create(BucketRowSchema, { name: "b", objectCount: -1n }),
    create(BucketRowSchema, { name: "b", objectCount: 2n ** 64n }),
    create(BucketRowSchema, { name: "b", createdAtMs: 2n ** 63n }),
    create(BucketRowSchema, { name: "b", defaultRetentionDays: 1.5 }),
    create(BucketRowSchema, { name: "b", versioning: 2 ** 31 }),
  ]) {
    expect(() => encoder.encode(BucketRowSchema, row)).toThrow(RangeError);
    expect(() => toBinary(BucketRowSchema, row)).toThrow();
  }
  const whole = create(SessionRowSchema, { sessionId: 1n, results: [{ sequence: 2n }] });
  expect(encoder.encode(SessionRowSchema, whole)).toEqual(toBinary(SessionRowSchema, whole));
  expect(() => encoder.encode(BlobRowSchema, create(AppliedRowSchema) as never)).toThrow(/own schema/);
});
