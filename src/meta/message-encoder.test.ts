import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { createPrng, type Prng, toHex } from "../base/index.ts";
import { file_skerry_meta_v1_commands } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  AppliedRowSchema,
  BlobRowSchema,
  BucketRowSchema,
  file_skerry_meta_v1_rows,
  SessionRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { MessageEncoder } from "./message-encoder.ts";

const SEED = process.env.SKERRY_TEST_SEED ?? String(Date.now());

const SCHEMAS = [...file_skerry_meta_v1_rows.messages, ...file_skerry_meta_v1_commands.messages].flatMap(
  (schema): DescMessage[] => [schema, ...schema.nestedMessages],
);

const LONGS = [
  0n,
  1n,
  127n,
  128n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
];
const TEXTS = [
  "",
  "a",
  "ü",
  "\u0000",
  "日本",
  "\u{10000}",
  "\ud800",
  "x".repeat(127),
  "x".repeat(128),
  "é".repeat(80),
];
const LENGTHS = [0, 1, 16, 127, 128, 5_000, 40_000];

function pick<T>(prng: Prng, values: readonly T[]): T {
  return values[prng.below(values.length)]!;
}

function randomScalar(prng: Prng, type: ScalarType): unknown {
  switch (type) {
    case ScalarType.STRING:
      return pick(prng, TEXTS);
    case ScalarType.BYTES:
      return new Uint8Array(pick(prng, LENGTHS)).fill(prng.below(256));
    case ScalarType.BOOL:
      return prng.chance(0.5);
    case ScalarType.UINT32:
      return pick(prng, [0, 1, 127, 128, 16_384, 2 ** 31, 2 ** 32 - 1]);
    case ScalarType.INT32:
      return pick(prng, [0, 1, 300, 2 ** 31 - 1, -1, -(2 ** 31)]);
    case ScalarType.UINT64:
      return pick(prng, [...LONGS, 2n ** 64n - 1n]);
    case ScalarType.INT64:
      return pick(prng, [...LONGS, -1n, -(2n ** 63n)]);
    default:
      throw new Error(`no values for ${ScalarType[type]}`);
  }
}

function randomValue(prng: Prng, field: DescField, depth: number): unknown {
  if (field.message !== undefined) return randomMessage(prng, field.message, depth + 1);
  if (field.enum !== undefined) return pick(prng, field.enum.values).number;
  return randomScalar(prng, field.scalar!);
}

/** With about half of its fields. */
function randomMessage(prng: Prng, schema: DescMessage, depth = 0): Message {
  const message = create(schema) as Message & Record<string, unknown>;
  for (const field of schema.fields) {
    if (prng.chance(0.5) || (depth > 3 && field.message !== undefined)) continue;
    if (field.fieldKind === "list") {
      message[field.localName] = Array.from({ length: prng.below(4) }, () => randomValue(prng, field, depth));
    } else if (field.oneof !== undefined) {
      message[field.oneof.localName] = { case: field.localName, value: randomValue(prng, field, depth) };
    } else {
      message[field.localName] = randomValue(prng, field, depth);
    }
  }
  return message;
}

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
