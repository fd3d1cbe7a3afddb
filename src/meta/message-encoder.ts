/**
 * Encodes protobuf messages byte for byte as `toBinary` of protobuf-es does, at a third of its price. `toBinary` allocates a buffer for each message,
 * grows it by doubling and copies the result out of it; an entry of the log makes half a dozen rows, and most of the time of a small write went into memory
 * that lived for a moment. Here messages are written one behind the other into chunks, and the result is a view.
 *
 * What to write follows from the schema, as in `toBinary`: a field that is added to a row is encoded without a change here. Only what rows and commands
 * are made of is supported; a schema with anything else is refused when it is met first.
 */

import { type DescField, type DescMessage, type MessageShape, ScalarType } from "@bufbuild/protobuf";
import { assert } from "../base/index.ts";

/** Memory that results share. A result that is kept keeps its whole chunk, so it is no larger than pays. */
const CHUNK_BYTES = 32 * 1024;
const MAX_VARINT_BYTES = 10;
const MAX_LENGTH_PREFIX_BYTES = 5;
/** Field presence IMPLICIT of protobuf's FeatureSet: not written when it has the zero value. */
const IMPLICIT = 2;

const WIRE_VARINT = 0;
const WIRE_LENGTH_DELIMITED = 2;

/** A message of any type, by the names of its fields. */
type Fields = Readonly<Record<string, unknown>>;
type WriteField = (encoder: MessageEncoder, message: Fields) => void;
type WriteValue = (encoder: MessageEncoder, value: never) => void;

interface UnknownField {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

interface OneOf {
  readonly case: string | undefined;
  readonly value?: unknown;
}

export class MessageEncoder {
  #buffer = new Uint8Array(0);
  /** Where the message that is being written begins. */
  #start = 0;
  #end = 0;

  /** A view of memory that nothing else will be written into. Throws for a value that its field cannot hold. */
  encode<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Uint8Array {
    assert(message.$typeName === schema.typeName, "a message is encoded by its own schema");
    this.#start = this.#end;
    writeMessage(this, planOf(schema), message as unknown as Fields);
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** The same with `rest` behind it: further fields of the message, encoded before. */
  encodeBefore<Desc extends DescMessage>(
    schema: Desc,
    message: MessageShape<Desc>,
    rest: Uint8Array,
  ): Uint8Array {
    this.encode(schema, message);
    this.raw(rest);
    return this.#buffer.subarray(this.#start, this.#end);
  }

  // Of the plans below

  tag(tag: number): void {
    if (tag < 0x80) this.byte(tag);
    else this.varint(tag);
  }

  byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#end++] = byte;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value;
    // Bit operations work on 32 bits.
    while (rest >= 0x8000_0000) {
      this.#buffer[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.#buffer[this.#end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#end++] = rest;
  }

  /** The 64 bits of a number that is negative or large. */
  longVarint(value: bigint): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#buffer[this.#end++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#end++] = Number(rest);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(text: string): void {
    const at = this.begin();
    this.#reserve(3 * text.length);
    const buffer = this.#buffer;
    let end = this.#end;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        end = this.#end + TEXT_ENCODER.encodeInto(text, buffer.subarray(this.#end)).written;
        break;
      }
      buffer[end++] = unit;
    }
    this.#end = end;
    this.finish(at);
  }

  /** Begins what has its length before it; the length is taken for one of a single byte until it is known. */
  begin(): number {
    this.byte(0);
    return this.#end - this.#start;
  }

  /** Ends what began `at`, which may have moved to another chunk meanwhile. */
  finish(at: number): void {
    const from = this.#start + at;
    const lengthBytes = this.#end - from;
    if (lengthBytes < 0x80) {
      this.#buffer[from - 1] = lengthBytes;
      return;
    }
    const prefixBytes = varintBytes(lengthBytes);
    this.#reserve(MAX_LENGTH_PREFIX_BYTES);
    const moved = this.#start + at;
    this.#buffer.copyWithin(moved - 1 + prefixBytes, moved, moved + lengthBytes);
    this.#end = moved - 1;
    this.varint(lengthBytes);
    this.#end += lengthBytes;
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#buffer.length) return;
    const written = this.#end - this.#start;
    const chunk = new Uint8Array(Math.max(CHUNK_BYTES, 2 * (written + more)));
    chunk.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = chunk;
    this.#start = 0;
    this.#end = written;
  }
}

const TEXT_ENCODER = new TextEncoder();

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
  return count;
}

// What to write of a message, worked out once for each schema.

const PLANS = new WeakMap<DescMessage, WriteField[]>();

function planOf(schema: DescMessage): readonly WriteField[] {
  const known = PLANS.get(schema);
  if (known !== undefined) return known;
  // Known before its fields are: a message may contain itself.
  const plan: WriteField[] = [];
  PLANS.set(schema, plan);
  const fields = [...schema.fields].sort((a, b) => a.number - b.number);
  for (let i = 0; i < fields.length; ) {
    const end = endOfChoice(fields, i);
    plan.push(end > i + 1 ? choiceWriter(fields.slice(i, end)) : writerOf(fields[i]!));
    i = end;
  }
  return plan;
}

/** Behind the fields from `start` on that are choices of one oneof. */
function endOfChoice(fields: readonly DescField[], start: number): number {
  const { oneof } = fields[start]!;
  let end = start + 1;
  while (oneof !== undefined && fields[end]?.oneof === oneof) end++;
  return end;
}

/** One for all of them: a command is one of sixty. */
function choiceWriter(fields: readonly DescField[]): WriteField {
  const group = fields[0]!.oneof!.localName;
  const writers = new Map(fields.map((field) => [field.localName, valueWriter(field)]));
  return (encoder, message) => {
    const chosen = message[group] as OneOf;
    const write = chosen.case === undefined ? undefined : writers.get(chosen.case);
    write?.(encoder, chosen.value as never);
  };
}

function writeMessage(encoder: MessageEncoder, plan: readonly WriteField[], message: Fields): void {
  for (let i = 0; i < plan.length; i++) plan[i]!(encoder, message);
  const unknown = message.$unknown as readonly UnknownField[] | undefined;
  if (unknown === undefined) return;
  for (const { no, wireType, data } of unknown) {
    encoder.tag(((no << 3) | wireType) >>> 0);
    encoder.raw(data);
  }
}

function writerOf(field: DescField): WriteField {
  const name = field.localName;
  if (field.fieldKind === "list") return listWriter(field);
  assert(field.fieldKind !== "map", "rows and commands hold no maps: their order would not be fixed");
  const write = valueWriter(field);
  const { oneof } = field;
  if (oneof !== undefined) {
    const group = oneof.localName;
    return (encoder, message) => {
      const chosen = message[group] as OneOf;
      if (chosen.case === name) write(encoder, chosen.value as never);
    };
  }
  if (field.presence !== IMPLICIT) {
    return (encoder, message) => {
      const value = message[name];
      if (value !== undefined) write(encoder, value as never);
    };
  }
  const isZero = zeroTest(field);
  return (encoder, message) => {
    const value = message[name];
    if (!isZero(value)) write(encoder, value as never);
  };
}

function zeroTest(field: DescField): (value: unknown) => boolean {
  if (field.fieldKind === "enum") {
    const zero = field.enum.values[0]?.number;
    return (value) => value === zero;
  }
  switch (field.scalar) {
    case ScalarType.BOOL:
      return (value) => value === false;
    case ScalarType.STRING:
      return (value) => value === "";
    case ScalarType.BYTES:
      return (value) => (value as Uint8Array).length === 0;
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return (value) => value === 0n;
    default:
      return (value) => value === 0;
  }
}

function listWriter(field: DescField & { readonly fieldKind: "list" }): WriteField {
  const name = field.localName;
  if (field.listKind === "message" || !field.packed) {
    const write = valueWriter(field);
    return (encoder, message) => {
      const items = message[name] as readonly never[];
      for (let i = 0; i < items.length; i++) write(encoder, items[i]!);
    };
  }
  const tag = tagOf(field, WIRE_LENGTH_DELIMITED);
  const write = scalarWriter(scalarOf(field), String(field));
  return (encoder, message) => {
    const items = message[name] as readonly never[];
    if (items.length === 0) return;
    encoder.tag(tag);
    const at = encoder.begin();
    for (let i = 0; i < items.length; i++) write(encoder, items[i]!);
    encoder.finish(at);
  };
}

/** Writes one value behind its tag. */
function valueWriter(field: DescField): WriteValue {
  if (field.message !== undefined) {
    assert(
      !field.delimitedEncoding && !field.message.typeName.startsWith("google.protobuf."),
      "a message in a row or command is one of our own",
    );
    const tag = tagOf(field, WIRE_LENGTH_DELIMITED);
    const plan = planOf(field.message);
    return (encoder, message: Fields) => {
      encoder.tag(tag);
      const at = encoder.begin();
      writeMessage(encoder, plan, message);
      encoder.finish(at);
    };
  }
  const scalar = scalarOf(field);
  const isVarint = scalar !== ScalarType.STRING && scalar !== ScalarType.BYTES;
  const tag = tagOf(field, isVarint ? WIRE_VARINT : WIRE_LENGTH_DELIMITED);
  const write = scalarWriter(scalar, String(field));
  return (encoder, value) => {
    encoder.tag(tag);
    write(encoder, value);
  };
}

function tagOf(field: DescField, wireType: number): number {
  return ((field.number << 3) | wireType) >>> 0;
}

/** An enum is written as the number that it is. */
function scalarOf(field: DescField): ScalarType {
  return field.scalar ?? ScalarType.INT32;
}

function scalarWriter(scalar: ScalarType, field: string): WriteValue {
  const check = (holds: boolean): void => {
    if (!holds) throw new RangeError(`${field} does not hold this value`);
  };
  switch (scalar) {
    case ScalarType.STRING:
      return (encoder, value: string) => encoder.text(value);
    case ScalarType.BYTES:
      return (encoder, value: Uint8Array) => encoder.bytes(value);
    case ScalarType.BOOL:
      return (encoder, value: boolean) => encoder.byte(value ? 1 : 0);
    case ScalarType.UINT32:
      return (encoder, value: number) => {
        check(value >>> 0 === value);
        encoder.varint(value);
      };
    case ScalarType.INT32:
      return (encoder, value: number) => {
        check((value | 0) === value);
        if (value >= 0) encoder.varint(value);
        else encoder.longVarint(BigInt(value));
      };
    case ScalarType.UINT64:
      return (encoder, value: bigint) => {
        if (writeShort(encoder, value)) return;
        check(BigInt.asUintN(64, value) === value);
        encoder.longVarint(value);
      };
    case ScalarType.INT64:
      return (encoder, value: bigint) => {
        if (writeShort(encoder, value)) return;
        check(BigInt.asIntN(64, value) === value);
        encoder.longVarint(value);
      };
    default:
      throw new TypeError(`${field} has a type that rows and commands do not use`);
  }
}

/** Whether it was written: nearly every number can be had without arithmetic on bigints. */
function writeShort(encoder: MessageEncoder, value: bigint): boolean {
  const number = Number(value);
  if (number < 0 || number > Number.MAX_SAFE_INTEGER) return false;
  encoder.varint(number);
  return true;
}
