/** Encoded messages without some of their fields: what is not decoded costs a reader neither the time nor the memory. */

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { concatBytes } from "../base/index.ts";

/** Fields that a reader does without, by their numbers. Each is a message, a text, or bytes, or a list of them. */
export interface Omission {
  readonly fields: ReadonlySet<number>;
  /** The same of fields that are messages. */
  readonly inside?: ReadonlyMap<number, Omission>;
}

/** A copy without these fields, or `bytes` themselves where there are none, and where they are no message: a decoder is to say so. */
export function omitFields(bytes: Uint8Array, omission: Omission): Uint8Array {
  return remaining(bytes, omission) ?? bytes;
}

/** Undefined: they are no message. */
function remaining(bytes: Uint8Array, omission: Omission): Uint8Array | undefined {
  const kept: Uint8Array[] = [];
  const field = new FieldScanner(bytes);
  let keptFrom = 0;
  while (field.end < bytes.length) {
    if (!field.next()) return undefined;
    if (!field.hasLength) continue;
    let rest: Uint8Array | undefined;
    if (!omission.fields.has(field.number)) {
      const inside = omission.inside?.get(field.number);
      if (inside === undefined) continue;
      const value = bytes.subarray(field.valueStart, field.end);
      rest = remaining(value, inside);
      if (rest === undefined) return undefined;
      if (rest === value) continue;
    }
    if (field.start > keptFrom) kept.push(bytes.subarray(keptFrom, field.start));
    if (rest !== undefined) kept.push(encodedField(field.number, rest));
    keptFrom = field.end;
  }
  if (keptFrom === 0) return bytes;
  kept.push(bytes.subarray(keptFrom));
  return concatBytes(kept);
}

function encodedField(number: number, value: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(value).finish();
}

/** Goes from field to field of a message, whatever is in them. */
class FieldScanner {
  readonly #bytes: Uint8Array;
  number = 0;
  hasLength = false;
  start = 0;
  valueStart = 0;
  /** Where the next field starts. */
  end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** False: there is no whole field here, or one of a kind that proto3 has not. */
  next(): boolean {
    this.start = this.end;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    const wireType = tag % 8;
    this.hasLength = wireType === WireType.LengthDelimited;
    const length = this.#lengthOf(wireType);
    this.valueStart = this.end;
    this.end += length;
    // NaN, of what is cut off or unknown, is not less than anything.
    return this.end <= this.#bytes.length;
  }

  #lengthOf(wireType: number): number {
    switch (wireType) {
      case WireType.Varint:
        this.#varint();
        return 0;
      case WireType.Bit64:
        return 8;
      case WireType.Bit32:
        return 4;
      case WireType.LengthDelimited:
        return this.#varint();
      default:
        return Number.NaN;
    }
  }

  /** As a sum, which is not exact beyond 2^53; NaN when it is cut off. */
  #varint(): number {
    let value = 0;
    for (let weight = 1; this.end < this.#bytes.length; weight *= 0x80) {
      const byte = this.#bytes[this.end++]!;
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }
}
