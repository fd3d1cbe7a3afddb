/** Encoded messages without some of their fields: what is not decoded costs a reader neither the time nor the memory. */

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { concatBytes } from "../base/index.ts";

/** Fields that a reader does without, by their numbers. Each is a message, a text, or bytes, or a list of them. */
export interface Omission {
  readonly fields: ReadonlySet<number>;
  /** The same of fields that are messages. */
  readonly inside?: ReadonlyMap<number, Omission>;
}

/**
 * A copy without these fields, or `bytes` themselves where there are none, and where they are no message: a decoder is to say so. `counts` gets how often each of
 * the fields was there, those inside of other fields not among them.
 */
export function omitFields(bytes: Uint8Array, omission: Omission, counts?: Map<number, number>): Uint8Array {
  try {
    return remaining(bytes, omission, counts);
  } catch {
    return bytes;
  }
}

/** Throws where they are no message. */
function remaining(bytes: Uint8Array, omission: Omission, counts?: Map<number, number>): Uint8Array {
  const kept: Uint8Array[] = [];
  const reader = new BinaryReader(bytes);
  let keptFrom = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number);
      continue;
    }
    const length = reader.uint32();
    const valueStart = reader.pos;
    reader.pos += length;
    if (reader.pos > reader.len) throw new RangeError("a field is cut off");
    let rest: Uint8Array | undefined;
    if (!omission.fields.has(number)) {
      const inside = omission.inside?.get(number);
      if (inside === undefined) continue;
      const value = bytes.subarray(valueStart, reader.pos);
      rest = remaining(value, inside);
      if (rest === value) continue;
    } else {
      counts?.set(number, (counts.get(number) ?? 0) + 1);
    }
    if (start > keptFrom) kept.push(bytes.subarray(keptFrom, start));
    if (rest !== undefined) kept.push(encodedField(number, rest));
    keptFrom = reader.pos;
  }
  if (keptFrom === 0) return bytes;
  kept.push(bytes.subarray(keptFrom));
  return concatBytes(kept);
}

function encodedField(number: number, value: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(value).finish();
}
