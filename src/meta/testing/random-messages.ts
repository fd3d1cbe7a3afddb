/** Messages of every schema of rows and commands, with values at the edges of what their fields hold. */

import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import type { Prng } from "../../base/index.ts";
import { file_skerry_meta_v1_commands } from "../../gen/skerry/meta/v1/commands_pb.js";
import { file_skerry_meta_v1_rows } from "../../gen/skerry/meta/v1/rows_pb.js";

export const SCHEMAS = [
  ...file_skerry_meta_v1_rows.messages,
  ...file_skerry_meta_v1_commands.messages,
].flatMap((schema): DescMessage[] => [schema, ...schema.nestedMessages]);

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
export function randomMessage(prng: Prng, schema: DescMessage, depth = 0): Message {
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
