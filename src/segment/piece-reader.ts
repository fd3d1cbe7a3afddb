import { concatBytes } from "../base/index.ts";

/** Reads forward through bytes that lie in pieces, without joining them. Every call answers undefined at the end of the bytes. */
export class PieceReader {
  readonly #pieces: readonly Uint8Array[];
  #index = 0;
  #offset = 0;
  #left: number;

  constructor(pieces: readonly Uint8Array[], sizeBytes: number) {
    this.#pieces = pieces;
    this.#left = sizeBytes;
  }

  /** Bytes that have not been read. */
  get left(): number {
    return this.#left;
  }

  byte(): number | undefined {
    const piece = this.#current();
    if (piece === undefined) return undefined;
    const byte = piece[this.#offset]!;
    this.#offset += 1;
    this.#left -= 1;
    return byte;
  }

  /** A protobuf varint; also undefined when it is over 2^53 - 1. */
  varint(): number | undefined {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      if (byte === undefined) return undefined;
      value += (byte & 127) * scale;
      if (byte < 128) return Number.isSafeInteger(value) ? value : undefined;
      scale *= 128;
    }
    return undefined;
  }

  /** The next `length` bytes where they lie. */
  take(length: number): Uint8Array[] | undefined {
    if (length > this.#left) return undefined;
    const taken: Uint8Array[] = [];
    for (let missing = length; missing > 0; ) {
      const piece = this.#current();
      if (piece === undefined) return undefined;
      const part = piece.subarray(this.#offset, this.#offset + missing);
      taken.push(part);
      this.#offset += part.length;
      this.#left -= part.length;
      missing -= part.length;
    }
    return taken;
  }

  /** The next `length` bytes in one array: copied only if they lie in several pieces. */
  join(length: number): Uint8Array | undefined {
    const parts = this.take(length);
    if (parts === undefined) return undefined;
    return parts.length === 1 ? parts[0] : concatBytes(parts);
  }

  #current(): Uint8Array | undefined {
    if (this.#left === 0) return undefined;
    while (this.#offset === this.#pieces[this.#index]?.length) {
      this.#index += 1;
      this.#offset = 0;
    }
    return this.#pieces[this.#index];
  }
}
