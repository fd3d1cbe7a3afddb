import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { concatBytes, createPrng } from "../base/index.ts";
import { CommandSchema, CommitObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { BucketRowSchema, ObjectRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { decodeMessage } from "./message-decoder.ts";
import { randomMessage, SCHEMAS } from "./testing/random-messages.ts";

const SEED = process.env.SKERRY_TEST_SEED ?? String(Date.now());

/** What came of it, and the message without its class. */
function outcomeOf(
  decode: (schema: DescMessage, bytes: Uint8Array) => object,
  schema: DescMessage,
  bytes: Uint8Array,
) {
  try {
    return { message: structuredClone(plain(decode(schema, bytes))) };
  } catch (error) {
    return { error: String(error) };
  }
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([name, field]) => [name, plain(field)]));
}

function expectAlike(schema: DescMessage, bytes: Uint8Array, what: string): void {
  const expected = outcomeOf(fromBinary, schema, bytes);
  expect(outcomeOf(decodeMessage, schema, bytes), `seed ${SEED}: ${schema.typeName}, ${what}`).toEqual(
    expected,
  );
}

describe("what protobuf-es makes of it", () => {
  test.each(SCHEMAS.map((schema) => [schema.typeName, schema] as const))("%s", (name, schema) => {
    const prng = createPrng(`${SEED} ${name}`);
    for (let round = 0; round < 12; round++) {
      const bytes = toBinary(schema, randomMessage(prng, schema));
      expectAlike(schema, bytes, `round ${round}`);
      if (bytes.length === 0) continue;
      // The bytes where something may go wrong come first.
      const at = prng.below(Math.min(bytes.length, 200));
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << prng.below(8);
      expectAlike(schema, damaged, `round ${round} with byte ${at} changed`);
      expectAlike(schema, bytes.subarray(0, at), `round ${round} cut at ${at}`);
      expectAlike(schema, concatBytes([bytes, bytes]), `round ${round} twice`);
    }
  });

  test.each([
    ["a field that this version does not know", [0xc2, 0x3e, 0x01, 0x07]],
    ["a number longer than it need be", [0x0a, 0x81, 0x00, 0x61]],
    [
      "a number of more than 64 bits",
      [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ],
    ["a length beyond the end", [0x0a, 0x7f, 0x61]],
    ["a group", [0x0b, 0x0c]],
    ["nothing", []],
  ])("%s", (_, bytes) => {
    expectAlike(BucketRowSchema, Uint8Array.from(bytes), "by hand");
  });
});

test("messages share nothing that could be changed", () => {
  const bytes = toBinary(ObjectRowSchema, create(ObjectRowSchema, { key: "a" }));
  const [one, two] = [decodeMessage(ObjectRowSchema, bytes), decodeMessage(ObjectRowSchema, bytes)];
  expect(one.slices).not.toBe(two.slices);
  const command = create(CommandSchema, {
    version: 1,
    body: { case: "commitObject", value: create(CommitObjectSchema, { key: "k" }) },
  });
  const decoded = decodeMessage(CommandSchema, toBinary(CommandSchema, command));
  expect(decoded.body).toMatchObject({ case: "commitObject", value: { key: "k" } });
});
