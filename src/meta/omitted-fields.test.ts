import { create, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { concatBytes, createPrng, type Prng } from "../base/index.ts";
import { ObjectRowSchema, UploadRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { decodeMessage } from "./message-decoder.ts";
import { type Omission, omitFields } from "./omitted-fields.ts";
import { randomMessage, SCHEMAS } from "./testing/random-messages.ts";

const SEED = process.env.SKERRY_TEST_SEED ?? String(Date.now());

/** Some of the fields of a schema, and of the messages in it. */
function randomOmission(prng: Prng, schema: DescMessage, depth = 0): Omission {
  const fields = new Set<number>();
  const inside = new Map<number, Omission>();
  for (const field of schema.fields) {
    const isOfLength =
      field.message !== undefined || field.fieldKind === "scalar" || field.oneof !== undefined;
    if (isOfLength && prng.chance(0.3)) fields.add(field.number);
    else if (field.message !== undefined && depth < 3)
      inside.set(field.number, randomOmission(prng, field.message, depth + 1));
  }
  return { fields, inside };
}

/** The same message, which is changed, without them. */
function cleared(message: object, schema: DescMessage, { fields, inside }: Omission): object {
  const members = message as Record<string, unknown>;
  const blank = create(schema) as unknown as Record<string, unknown>;
  for (const field of schema.fields) {
    const { message: inner, number, localName, oneof } = field;
    const chosen =
      oneof === undefined ? undefined : (members[oneof.localName] as { case?: string; value?: object });
    if (oneof !== undefined && chosen?.case !== localName) continue;
    const value = chosen === undefined ? members[localName] : chosen.value;
    const isOfLength = inner !== undefined || typeof value === "string" || value instanceof Uint8Array;
    if (fields.has(number) && isOfLength) {
      if (oneof !== undefined) members[oneof.localName] = { case: undefined };
      else members[localName] = blank[localName];
    } else if (inner !== undefined && inside?.has(number) && value !== undefined) {
      for (const one of Array.isArray(value) ? value : [value]) cleared(one, inner, inside.get(number)!);
    }
  }
  return message;
}

/** For comparisons: of equal messages equal. */
function encoded(schema: DescMessage, message: object): Uint8Array {
  return toBinary(schema, message as never);
}

describe("what is omitted is not there, everything else is", () => {
  const schemas = SCHEMAS.filter(({ fields }) => fields.every(({ fieldKind }) => fieldKind !== "map"));
  test.each(schemas.map((schema) => [schema.typeName, schema] as const))("%s", (name, schema) => {
    const prng = createPrng(`${SEED} ${name}`);
    for (let round = 0; round < 12; round++) {
      const bytes = toBinary(schema, randomMessage(prng, schema));
      const omission = randomOmission(prng, schema);
      const found = decodeMessage(schema, omitFields(bytes, omission));
      const expected = cleared(decodeMessage(schema, bytes), schema, omission);
      const what = `seed ${SEED}: ${name}, round ${round}`;
      expect(encoded(schema, found), what).toEqual(encoded(schema, expected));
    }
  });
});

const KEY = ObjectRowSchema.field.key.number;
const ATTRIBUTES = ObjectRowSchema.field.attributes.number;
const OMISSION = { fields: new Set([KEY]), inside: new Map([[ATTRIBUTES, { fields: new Set([1]) }]]) };

test("bytes that are no message stay as they are: their decoder refuses them", () => {
  const whole = toBinary(ObjectRowSchema, create(ObjectRowSchema, { key: "key", etag: "etag" }));
  for (const broken of [
    whole.subarray(0, -1),
    concatBytes([whole, Uint8Array.of(0x80)]),
    concatBytes([whole, Uint8Array.of(0x0b)]),
    concatBytes([whole, Uint8Array.of((ATTRIBUTES << 3) | 2, 1, 0x80)]),
  ]) {
    expect(omitFields(broken, OMISSION)).toBe(broken);
  }
});

test("where nothing is omitted nothing is copied", () => {
  const bytes = toBinary(ObjectRowSchema, create(ObjectRowSchema, { etag: "etag", attributes: {} }));
  expect(omitFields(bytes, OMISSION)).toBe(bytes);
});

test("fields that this version does not know are kept, and numbers of ten bytes are passed over", () => {
  const row = create(UploadRowSchema, { initiatedAtMs: -1n, key: "key" });
  // The second one is a group.
  const unknown = Uint8Array.of(0xc2, 0x3e, 0x01, 0x07, 0xc3, 0x3e, 0xc4, 0x3e);
  const bytes = concatBytes([toBinary(UploadRowSchema, row), unknown]);
  const rest = omitFields(bytes, { fields: new Set([UploadRowSchema.field.key.number]) });
  expect(rest.subarray(-unknown.length)).toEqual(unknown);
  expect(decodeMessage(UploadRowSchema, rest)).toMatchObject({ key: "", initiatedAtMs: -1n });
});
