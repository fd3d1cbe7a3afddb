import { SearchError } from "../errors.ts";

/** Reads what `ByteWriter` wrote. Never past the end: bytes that are not what they should be are "data-damaged". */
export class ByteReader {
  readonly bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  uint8(): number {
    const value = this.bytes[this.#at];
    if (value === undefined) throw damaged("the bytes end early");
    this.#at++;
    return value;
  }

  uint32(): number {
    const low = this.uint8() | (this.uint8() << 8) | (this.uint8() << 16);
    return (low | (this.uint8() << 24)) >>> 0;
  }

  /** LEB128 of 0 to `most`. */
  varint(most: number = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.uint8();
      value += (byte & 0x7f) * factor;
      if (value > most) throw damaged("a number is too large");
      if (byte < 0x80) return value;
      factor *= 0x80;
      if (factor > 2 ** 49) throw damaged("a number is too long");
    }
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    if (length > this.left) throw damaged("the bytes end early");
    const part = this.bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  /** Everything must have been read. */
  end(): void {
    if (this.left !== 0) throw damaged("there are bytes after the end");
  }
}

export function damaged(what: string): SearchError {
  return new SearchError("data-damaged", `an index is damaged: ${what}`);
}
