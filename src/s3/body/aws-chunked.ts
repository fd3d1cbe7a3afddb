/**
 * The aws-chunked content coding, taken off a stream of bytes:
 *
 *   chunk    := size-in-hex [";chunk-signature=" 64HEX] CRLF bytes CRLF
 *   body     := chunk* last-chunk trailers
 *   last     := "0" [";chunk-signature=" 64HEX] CRLF
 *   trailers := (name ":" value CRLF)* ["x-amz-trailer-signature:" 64HEX CRLF] CRLF
 *
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and the same
 * "Including Trailing Headers".
 */

import { assert } from "../../base/index.ts";
import { ObjectError } from "../../object/index.ts";
import type { SignatureChain } from "../auth/authenticate.ts";
import { equalSignatures, type RunningSha256, sha256Hex, startSha256 } from "../auth/hmac.ts";
import { S3Refusal } from "../errors.ts";
import { MAX_CHUNK_HEADER_BYTES, MAX_TRAILER_BYTES, MIN_SIGNED_CHUNK_BYTES } from "../limits.ts";

export interface AwsChunkedOptions {
  /** x-amz-decoded-content-length: neither more nor fewer bytes come out. */
  readonly decodedBytes: number;
  /** Chunks and trailers must be signed, going on from here. Undefined: they must not be. */
  readonly chain: SignatureChain | undefined;
  /** The one trailer that was announced; undefined: there must be none. */
  readonly trailer: string | undefined;
}

export interface AwsChunkedBody {
  /**
   * The payload, in pieces that are views of what came in. Pieces are handed on before the signature of their chunk is known: only a body that
   * ends without an error has been verified. Throws `ObjectError` "body-malformed", "body-truncated", "body-too-long", "chunk-signature" and
   * "trailer-missing", and what the source throws.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The announced trailer's value, once `bytes` has ended. */
  readonly trailerValue: () => string | undefined;
}

export function decodeAwsChunked(
  source: AsyncIterable<Uint8Array>,
  options: AwsChunkedOptions,
): AwsChunkedBody {
  const decoder = new AwsChunkedDecoder(options);
  return { bytes: decodePieces(source, decoder), trailerValue: () => decoder.trailerValue };
}

async function* decodePieces(
  source: AsyncIterable<Uint8Array>,
  decoder: AwsChunkedDecoder,
): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    let rest = piece;
    while (rest.length > 0) {
      const step = decoder.step(rest);
      if (step.payload !== undefined) yield step.payload;
      rest = rest.subarray(step.consumed);
    }
  }
  decoder.finish();
}

interface Step {
  readonly consumed: number;
  readonly payload: Uint8Array | undefined;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CHUNK_HEADER = /^([0-9a-fA-F]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/;
const TRAILER_SIGNATURE = "x-amz-trailer-signature";

/** The state machine: takes bytes, says what of them is payload. */
class AwsChunkedDecoder {
  trailerValue: string | undefined;
  readonly #options: AwsChunkedOptions;
  #state: "header" | "data" | "data-end" | "trailer" = "header";
  /** A header or the trailers, as far as they have come. */
  #line = "";
  #left = 0;
  #chunkBytes = 0;
  #decoded = 0;
  #chunkSignature: string | undefined;
  #previousSignature: string;
  #chunkHash: string | undefined;
  #running: RunningSha256 | undefined;

  constructor(options: AwsChunkedOptions) {
    this.#options = options;
    this.#previousSignature = options.chain?.seedSignature ?? "";
  }

  step(bytes: Uint8Array): Step {
    switch (this.#state) {
      case "header":
        return this.#stepHeader(bytes);
      case "data":
        return this.#stepData(bytes);
      case "data-end":
        return this.#stepDataEnd(bytes);
      case "trailer":
        return this.#stepTrailer(bytes);
    }
  }

  /** The source has ended. */
  finish(): void {
    if (this.#state !== "trailer") {
      throw new ObjectError("body-truncated", "The body ended before its last chunk.");
    }
    const { decodedBytes } = this.#options;
    if (this.#decoded !== decodedBytes) {
      throw new ObjectError("body-truncated", "The body is shorter than x-amz-decoded-content-length.", {
        details: { NumberBytesExpected: String(decodedBytes), NumberBytesProvided: String(this.#decoded) },
      });
    }
    this.#readTrailers();
  }

  #stepHeader(bytes: Uint8Array): Step {
    const end = bytes.indexOf(LINE_FEED);
    const consumed = end < 0 ? bytes.length : end + 1;
    if (this.#line.length + consumed > MAX_CHUNK_HEADER_BYTES) throw malformed("A chunk header is too long.");
    this.#line += latin1(bytes, consumed);
    if (end >= 0) {
      if (!this.#line.endsWith("\r\n")) throw malformed("A chunk header does not end with CRLF.");
      const header = this.#line.slice(0, -2);
      this.#line = "";
      this.#beginChunk(header);
    }
    return { consumed, payload: undefined };
  }

  #beginChunk(header: string): void {
    const match = CHUNK_HEADER.exec(header);
    if (match === null) throw malformed("A chunk header is malformed.");
    const signed = this.#options.chain !== undefined;
    this.#chunkSignature = match[2];
    if (signed && this.#chunkSignature === undefined) {
      throw new ObjectError("chunk-signature", "A chunk has no signature.");
    }
    if (!signed && this.#chunkSignature !== undefined)
      throw malformed("A chunk of an unsigned body is signed.");
    const size = Number.parseInt(match[1]!, 16);
    if (signed && size > 0 && this.#decoded > 0 && this.#chunkBytes < MIN_SIGNED_CHUNK_BYTES) {
      throw new S3Refusal("InvalidChunkSizeError");
    }
    if (this.#decoded + size > this.#options.decodedBytes) {
      throw new ObjectError("body-too-long", "The body is longer than x-amz-decoded-content-length.");
    }
    this.#chunkBytes = size;
    this.#left = size;
    this.#chunkHash = undefined;
    this.#running = undefined;
    if (size > 0) {
      this.#state = "data";
      return;
    }
    this.#verifyChunk(EMPTY_SHA256);
    this.#state = "trailer";
  }

  #stepData(bytes: Uint8Array): Step {
    const consumed = Math.min(bytes.length, this.#left);
    const payload = consumed === bytes.length ? bytes : bytes.subarray(0, consumed);
    if (this.#options.chain !== undefined) this.#hash(payload);
    this.#left -= consumed;
    this.#decoded += consumed;
    if (this.#left === 0) this.#state = "data-end";
    return { consumed, payload };
  }

  #hash(payload: Uint8Array): void {
    if (payload.length === this.#chunkBytes) {
      this.#chunkHash = sha256Hex(payload);
      return;
    }
    this.#running ??= startSha256();
    this.#running.update(payload);
  }

  #stepDataEnd(bytes: Uint8Array): Step {
    const expected = this.#line === "" ? CARRIAGE_RETURN : LINE_FEED;
    if (bytes[0] !== expected) throw malformed("A chunk does not end with CRLF.");
    if (expected === CARRIAGE_RETURN) {
      this.#line = "\r";
    } else {
      this.#line = "";
      if (this.#options.chain !== undefined)
        this.#verifyChunk(this.#chunkHash ?? this.#running?.hex() ?? EMPTY_SHA256);
      this.#state = "header";
    }
    return { consumed: 1, payload: undefined };
  }

  #verifyChunk(hash: string): void {
    const { chain } = this.#options;
    if (chain === undefined) return;
    const text = `AWS4-HMAC-SHA256-PAYLOAD\n${chain.amzDate}\n${chain.scope}\n${this.#previousSignature}\n${EMPTY_SHA256}\n${hash}`;
    const signature = this.#chunkSignature;
    assert(signature !== undefined, "a signed chunk has a signature");
    if (!equalSignatures(chain.key.hmacHex(text), signature)) {
      throw new ObjectError("chunk-signature", "The signature of a chunk does not match its bytes.");
    }
    this.#previousSignature = signature;
  }

  #stepTrailer(bytes: Uint8Array): Step {
    if (this.#line.length + bytes.length > MAX_TRAILER_BYTES) {
      throw malformed("There are too many bytes after the last chunk.");
    }
    this.#line += latin1(bytes, bytes.length);
    return { consumed: bytes.length, payload: undefined };
  }

  #readTrailers(): void {
    let canonical = "";
    let signature: string | undefined;
    for (const line of this.#line.split("\n")) {
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (text === "") continue;
      const colon = text.indexOf(":");
      const name = text.slice(0, Math.max(colon, 0)).trim().toLowerCase();
      const value = text.slice(colon + 1).trim();
      if (name === TRAILER_SIGNATURE && signature === undefined) signature = value;
      else if (name !== "" && name === this.#options.trailer && this.trailerValue === undefined) {
        this.trailerValue = value;
        canonical += `${name}:${value}\n`;
      } else throw malformed("The body has a trailer that was not announced.");
    }
    this.#verifyTrailers(canonical, signature);
  }

  #verifyTrailers(canonical: string, signature: string | undefined): void {
    const { chain, trailer } = this.#options;
    if (trailer === undefined) {
      if (signature !== undefined) throw malformed("The body has a trailer that was not announced.");
      return;
    }
    if (this.trailerValue === undefined) {
      throw new ObjectError("trailer-missing", "The trailer that x-amz-trailer announces did not come.");
    }
    if (chain === undefined) {
      if (signature !== undefined) throw malformed("The trailer of an unsigned body is signed.");
      return;
    }
    const text = `AWS4-HMAC-SHA256-TRAILER\n${chain.amzDate}\n${chain.scope}\n${this.#previousSignature}\n${sha256Hex(canonical)}`;
    if (signature === undefined || !equalSignatures(chain.key.hmacHex(text), signature)) {
      throw new ObjectError("chunk-signature", "The signature of the trailers does not match them.");
    }
  }
}

function latin1(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1");
}

function malformed(message: string): ObjectError {
  return new ObjectError("body-malformed", message);
}
