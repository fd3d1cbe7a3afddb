/**
 * The few pieces of protobuf's encoding that Raft's messages need, on plain numbers: a general library spends more on a batch of entries
 * than its sync costs. What is read and written is ordinary protobuf; a test holds it against the generated code.
 */

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_FIXED32 = 5;

/** The bytes are not a message of the kind that was expected. */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WireError";
  }
}

/** Bytes of a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 5;
  for (let rest = Math.floor(value / 0x8_0000_0000); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Bytes of a field with a number below 2^53; the default, 0, is not written. Field numbers are below 16. */
export function numberFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Bytes of a field that holds so many bytes. */
export function bytesFieldSize(sizeBytes: number): number {
  return 1 + varintSize(sizeBytes) + sizeBytes;
}

/** Writes into an array whose size was computed before. */
export class WireWriter {
  readonly bytes: Uint8Array;
  #at = 0;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
  }

  get written(): number {
    return this.#at;
  }

  number(field: number, value: number): void {
    if (value === 0) return;
    this.bytes[this.#at++] = (field << 3) | WIRE_VARINT;
    this.#varint(value);
  }

  flag(field: number, value: boolean): void {
    if (value) this.number(field, 1);
  }

  bytesField(field: number, value: Uint8Array): void {
    this.header(field, value.length);
    this.raw(value);
  }

  /** The tag and length of a field whose content follows. */
  header(field: number, sizeBytes: number): void {
    this.bytes[this.#at++] = (field << 3) | WIRE_BYTES;
    this.#varint(sizeBytes);
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.#at++] = rest;
  }
}

/** Reads the fields of one message; every method throws a WireError for what is not protobuf. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  /** Of the field that `next` came to. */
  field = 0;
  #type = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Goes to the next field; false: there is none. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.#type = tag % 8;
    if (this.field === 0) throw new WireError("field number 0");
    return true;
  }

  /** A number below 2^53. */
  number(): number {
    if (this.#type !== WIRE_VARINT) throw new WireError(`field ${this.field} is not a number`);
    return this.#varint();
  }

  flag(): boolean {
    return this.number() !== 0;
  }

  /** A view into the bytes. */
  bytes(): Uint8Array {
    const { start, end } = this.#span();
    return this.#bytes.subarray(start, end);
  }

  text(): string {
    return TEXT.decode(this.bytes());
  }

  /** The content of a field that is a message. */
  message(): WireReader {
    const { start, end } = this.#span();
    return new WireReader(this.#bytes, start, end);
  }

  /** A repeated number, packed or not: adds to `into`. */
  numbers(into: number[]): void {
    if (this.#type === WIRE_VARINT) {
      into.push(this.#varint());
      return;
    }
    const packed = this.message();
    while (packed.#at < packed.#end) into.push(packed.#varint());
  }

  skip(): void {
    switch (this.#type) {
      case WIRE_VARINT:
        this.#skipVarint();
        return;
      case WIRE_FIXED64:
        this.#advance(8);
        return;
      case WIRE_BYTES:
        this.#span();
        return;
      case WIRE_FIXED32:
        this.#advance(4);
        return;
      default:
        throw new WireError(`wire type ${this.#type}`);
    }
  }

  #span(): { readonly start: number; readonly end: number } {
    if (this.#type !== WIRE_BYTES) throw new WireError(`field ${this.field} has no length`);
    const length = this.#varint();
    const start = this.#at;
    this.#advance(length);
    return { start, end: this.#at };
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) throw new WireError("message ends inside a field");
    this.#at += count;
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new WireError("message ends inside a number");
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw new WireError("number of more than 53 bits");
        return value;
      }
      scale *= 0x80;
    }
    throw new WireError("number of more than ten bytes");
  }

  #skipVarint(): void {
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new WireError("message ends inside a number");
      if ((this.#bytes[this.#at++] as number) < 0x80) return;
    }
    throw new WireError("number of more than ten bytes");
  }
}

const TEXT = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
