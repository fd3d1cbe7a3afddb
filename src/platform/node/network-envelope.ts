/**
 * Envelopes of the Connect streaming protocol.
 *
 *     +-------+----------------+---------------------+
 *     | flags | length (4, BE) | message             |
 *     +-------+----------------+---------------------+
 *       0x01: compressed (never used here)
 *       0x02: end of the stream; the message is JSON: {} or {"error":{"code":"...","message":"..."}}
 *
 * Source: https://connectrpc.com/docs/protocol#streaming-rpcs
 */

import { assert, writeUint32 } from "../../base/index.ts";

export const ENVELOPE_HEADER_BYTES = 5;
export const FLAG_MESSAGE = 0x00;
export const FLAG_COMPRESSED = 0x01;
export const FLAG_END_STREAM = 0x02;

const GREATEST_LENGTH = 0xffffffff;

export type Envelope =
  | {
      readonly kind: "envelope";
      readonly flags: number;
      /** The message as it arrived, cut at the borders of the network's reads; views, not copies. */
      readonly pieces: readonly Uint8Array[];
      readonly sizeBytes: number;
    }
  /** The header announces more than the reader takes; nothing after it can be read. */
  | { readonly kind: "too-large"; readonly sizeBytes: number };

/** The five bytes before a message of `sizeBytes` bytes. */
export function envelopeHeader(flags: number, sizeBytes: number): Uint8Array {
  assert(sizeBytes <= GREATEST_LENGTH, "a message fits the length field of its envelope");
  const header = new Uint8Array(ENVELOPE_HEADER_BYTES);
  header[0] = flags;
  writeUint32(header, 1, sizeBytes);
  return header;
}

/** Header and message as one copy, for messages so small that a copy costs less than a second piece. */
export function smallEnvelope(parts: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const envelope = Buffer.allocUnsafe(ENVELOPE_HEADER_BYTES + sizeBytes);
  envelope[0] = FLAG_MESSAGE;
  envelope.writeUInt32BE(sizeBytes, 1);
  let offset = ENVELOPE_HEADER_BYTES;
  for (const part of parts) {
    envelope.set(part, offset);
    offset += part.length;
  }
  return envelope;
}

/**
 * Cuts a stream of bytes into envelopes. `push` takes what arrived, `next` gives one envelope at a time, so that a receiver can stop
 * between two of them. Bytes are never copied, but for a header that was torn apart.
 */
export class EnvelopeReader {
  readonly #maxMessageBytes: number;
  readonly #chunks: Uint8Array[] = [];
  /** Where the unread part of the first chunk begins. */
  #offset = 0;
  readonly #header = new Uint8Array(ENVELOPE_HEADER_BYTES);
  #headerBytes = 0;
  #pieces: Uint8Array[] = [];
  #missingBytes = 0;
  #sizeBytes = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** The next whole envelope, or undefined when more bytes are needed. */
  next(): Envelope | undefined {
    if (this.#headerBytes < ENVELOPE_HEADER_BYTES) {
      if (!this.#readHeader()) return undefined;
      this.#sizeBytes =
        ((this.#header[1]! << 24) | (this.#header[2]! << 16) | (this.#header[3]! << 8) | this.#header[4]!) >>>
        0;
      this.#missingBytes = this.#sizeBytes;
    }
    // Checked at every call: a reader that refused a message goes on refusing.
    if (this.#sizeBytes > this.#maxMessageBytes) return { kind: "too-large", sizeBytes: this.#sizeBytes };
    if (!this.#readMessage()) return undefined;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#headerBytes = 0;
    return { kind: "envelope", flags: this.#header[0]!, pieces, sizeBytes: this.#sizeBytes };
  }

  /** Whether everything that was pushed has been given out as whole envelopes: where a stream may end. */
  get isBetweenEnvelopes(): boolean {
    return this.#headerBytes === 0 && this.#chunks.length === 0;
  }

  #readHeader(): boolean {
    let chunk = this.#chunks[0];
    while (chunk !== undefined) {
      while (this.#headerBytes < ENVELOPE_HEADER_BYTES && this.#offset < chunk.length) {
        this.#header[this.#headerBytes++] = chunk[this.#offset++]!;
      }
      if (this.#offset === chunk.length) this.#dropChunk();
      if (this.#headerBytes === ENVELOPE_HEADER_BYTES) return true;
      chunk = this.#chunks[0];
    }
    return false;
  }

  #readMessage(): boolean {
    while (this.#missingBytes > 0) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return false;
      const end = Math.min(chunk.length, this.#offset + this.#missingBytes);
      this.#pieces.push(
        this.#offset === 0 && end === chunk.length ? chunk : chunk.subarray(this.#offset, end),
      );
      this.#missingBytes -= end - this.#offset;
      this.#offset = end;
      if (end === chunk.length) this.#dropChunk();
    }
    return true;
  }

  #dropChunk(): void {
    this.#chunks.shift();
    this.#offset = 0;
  }
}
