/**
 * Encodes protobuf messages byte for byte as `toBinary` of protobuf-es does, at a fifth of its price. `toBinary` allocates a buffer for each message,
 * grows it by doubling and copies the result out of it; an entry of the log makes half a dozen rows, and most of the time of a small write went into memory
 * that lived for a moment. Here messages are written one behind the other into chunks, and the result is a view.
 *
 * What to write follows from the schema, as in `toBinary`: a field that is added to a row is encoded without a change here. Only what rows and commands
 * are made of is supported; a schema with anything else is refused when it is met first. Each schema is made into a function of its own (see
 * `compile`): one that looks fields up by name looks them all up in the slow way.
 */

import { type DescField, type DescMessage, type MessageShape, ScalarType } from "@bufbuild/protobuf";
import { assert } from "../base/index.ts";
import { compile, property } from "./compile.ts";

/** Memory that results share. A result that is kept keeps its whole chunk, so it is no larger than pays. */
const CHUNK_BYTES = 32 * 1024;
const MAX_VARINT_BYTES = 10;
const MAX_LENGTH_PREFIX_BYTES = 5;
/** Copied byte by byte: faster than to ask for it. */
const FEW_BYTES = 32;
/** Field presence IMPLICIT of protobuf's FeatureSet: not written when it has the zero value. */
const IMPLICIT = 2;

const WIRE_VARINT = 0;
const WIRE_LENGTH_DELIMITED = 2;

/** How a message is written. */
interface Plan {
  write: (encoder: MessageEncoder, message: unknown) => void;
}

interface UnknownField {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
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
    planOf(schema).write(this, message);
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
    const { length } = bytes;
    this.#reserve(length);
    const buffer = this.#buffer;
    const end = this.#end;
    if (length > FEW_BYTES) buffer.set(bytes, end);
    else for (let i = 0; i < length; i++) buffer[end + i] = bytes[i]!;
    this.#end = end + length;
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

  uint32(value: number, field: string): void {
    if (value >>> 0 !== value) throw doesNotHold(field);
    this.varint(value);
  }

  int32(value: number, field: string): void {
    if ((value | 0) !== value) throw doesNotHold(field);
    if (value >= 0) this.varint(value);
    else this.longVarint(BigInt(value));
  }

  uint64(value: bigint, field: string): void {
    if (this.#short(value)) return;
    if (BigInt.asUintN(64, value) !== value) throw doesNotHold(field);
    this.longVarint(value);
  }

  int64(value: bigint, field: string): void {
    if (this.#short(value)) return;
    if (BigInt.asIntN(64, value) !== value) throw doesNotHold(field);
    this.longVarint(value);
  }

  /** Whether it was written: nearly every number can be had without arithmetic on bigints. */
  #short(value: bigint): boolean {
    const number = Number(value);
    if (number < 0 || number > Number.MAX_SAFE_INTEGER) return false;
    this.varint(number);
    return true;
  }

  /** Fields that this version does not know, as they came. */
  unknown(fields: readonly UnknownField[]): void {
    for (const { no, wireType, data } of fields) {
      this.varint(((no << 3) | wireType) >>> 0);
      this.raw(data);
    }
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

function doesNotHold(field: string): RangeError {
  return new RangeError(`${field} does not hold this value`);
}

// What to write of a message, worked out once for each schema.

const PLANS = new WeakMap<DescMessage, Plan>();

function planOf(schema: DescMessage): Plan {
  const known = PLANS.get(schema);
  if (known !== undefined) return known;
  const plan: Plan = { write: () => assert(false, "a plan is made before it is used") };
  // Known before its fields are: a message may contain itself.
  PLANS.set(schema, plan);
  const source = new Source();
  const fields = [...schema.fields].sort((a, b) => a.number - b.number);
  for (let i = 0; i < fields.length; ) {
    const end = endOfChoice(fields, i);
    source.lines.push(end > i + 1 ? choice(source, fields.slice(i, end)) : statement(source, fields[i]!));
    i = end;
  }
  plan.write = compile(
    { plans: source.plans },
    `return (e, m) => {
      ${source.lines.join("\n")}
      if (m.$unknown !== undefined) e.unknown(m.$unknown);
    };`,
  );
  return plan;
}

/** The function of one schema, while it is written. In it, `e` is the encoder and `m` the message. */
class Source {
  readonly lines: string[] = [];
  /** Of messages in it. */
  readonly plans: Plan[] = [];
}

/** Behind the fields from `start` on that are choices of one oneof. */
function endOfChoice(fields: readonly DescField[], start: number): number {
  const { oneof } = fields[start]!;
  let end = start + 1;
  while (oneof !== undefined && fields[end]?.oneof === oneof) end++;
  return end;
}

function choice(source: Source, fields: readonly DescField[]): string {
  const cases = fields.map((field) => {
    const name = JSON.stringify(field.localName);
    return `case ${name}: { const v = o.value; ${value(source, field)} break; }`;
  });
  return `{ const o = m${property(fields[0]!.oneof!.localName)}; switch (o.case) { ${cases.join("\n")} } }`;
}

function statement(source: Source, field: DescField): string {
  assert(field.fieldKind !== "map", "rows and commands hold no maps: their order would not be fixed");
  if (field.oneof !== undefined) return choice(source, [field]);
  const member = `m${property(field.localName)}`;
  if (field.fieldKind === "list") return `{ const l = ${member}; ${list(source, field)} }`;
  const isThere = field.presence === IMPLICIT ? notZero(field) : "v !== undefined";
  return `{ const v = ${member}; if (${isThere}) { ${value(source, field)} } }`;
}

/** Whether the field's value `v` is to be written. */
function notZero(field: DescField): string {
  if (field.fieldKind === "enum") return `v !== ${Number(field.enum.values[0]?.number)}`;
  switch (field.scalar) {
    case ScalarType.BOOL:
      return "v !== false";
    case ScalarType.STRING:
      return 'v !== ""';
    case ScalarType.BYTES:
      return "v.length !== 0";
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return "v !== 0n";
    default:
      return "v !== 0";
  }
}

/** Writes the items of the list `l`. */
function list(source: Source, field: DescField & { readonly fieldKind: "list" }): string {
  const items = (write: string) => `for (let i = 0; i < l.length; i++) { const v = l[i]; ${write} }`;
  if (field.listKind === "message" || !field.packed) return items(value(source, field));
  const write = items(scalar(scalarOf(field), String(field)));
  return `if (l.length > 0) { ${tag(field, WIRE_LENGTH_DELIMITED)} const at = e.begin(); ${write} e.finish(at); }`;
}

/** Writes the value `v` behind its tag. */
function value(source: Source, field: DescField): string {
  if (field.message !== undefined) {
    assert(
      field.fieldKind !== "map" &&
        !field.delimitedEncoding &&
        !field.message.typeName.startsWith("google.protobuf."),
      "a message in a row or command is one of our own",
    );
    const index = source.plans.push(planOf(field.message)) - 1;
    const write = `plans[${index}].write(e, v);`;
    return `${tag(field, WIRE_LENGTH_DELIMITED)} const at = e.begin(); ${write} e.finish(at);`;
  }
  const type = scalarOf(field);
  const isVarint = type !== ScalarType.STRING && type !== ScalarType.BYTES;
  return `${tag(field, isVarint ? WIRE_VARINT : WIRE_LENGTH_DELIMITED)} ${scalar(type, String(field))}`;
}

function tag(field: DescField, wireType: number): string {
  const number = ((field.number << 3) | wireType) >>> 0;
  return number < 0x80 ? `e.byte(${number});` : `e.varint(${number});`;
}

/** An enum is written as the number that it is. */
function scalarOf(field: DescField): ScalarType {
  return field.scalar ?? ScalarType.INT32;
}

/** Writes the value `v`; an error says which field it was for. */
function scalar(type: ScalarType, field: string): string {
  const name = JSON.stringify(field);
  switch (type) {
    case ScalarType.STRING:
      return "e.text(v);";
    case ScalarType.BYTES:
      return "e.bytes(v);";
    case ScalarType.BOOL:
      return "e.byte(v ? 1 : 0);";
    case ScalarType.UINT32:
      return `e.uint32(v, ${name});`;
    case ScalarType.INT32:
      return `e.int32(v, ${name});`;
    case ScalarType.UINT64:
      return `e.uint64(v, ${name});`;
    case ScalarType.INT64:
      return `e.int64(v, ${name});`;
    default:
      throw new TypeError(`${field} has a type that rows and commands do not use`);
  }
}
