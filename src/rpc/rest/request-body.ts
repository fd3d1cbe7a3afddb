import { Code } from "@connectrpc/connect";
import { GrowingBuffer } from "../../base/index.ts";
import { restError } from "./answers.ts";

/** Collects a body. Throws PAYLOAD_TOO_LARGE as soon as it is known to be larger than `maxBytes`. */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  header: Headers,
  maxBytes: number,
): Promise<Uint8Array> {
  const declared = Number(header.get("content-length") ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const held = new GrowingBuffer(declared > 0 ? declared : maxBytes);
  for await (const piece of body) {
    if (held.sizeBytes + piece.length > maxBytes) throw tooLarge(maxBytes);
    held.append(piece);
  }
  return held.bytes();
}

const NEWLINE = 0x0a;

interface BodyLine {
  /** From 1, with empty lines counted. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The lines of a body, without empty ones. Throws PAYLOAD_TOO_LARGE for a line of more than `maxLineBytes`. */
export async function* readLines(
  body: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncIterable<BodyLine> {
  let number = 1;
  let begun = new GrowingBuffer(maxLineBytes);
  for await (const piece of body) {
    let from = 0;
    for (;;) {
      const end = piece.indexOf(NEWLINE, from);
      const part = piece.subarray(from, end === -1 ? piece.length : end);
      if (begun.sizeBytes + part.length > maxLineBytes) throw tooLarge(maxLineBytes);
      // A piece belongs to the socket: what outlives it is copied.
      begun.append(part);
      if (end === -1) break;
      const line = begun.bytes();
      begun = new GrowingBuffer(maxLineBytes);
      if (!isBlank(line)) yield { number, bytes: line };
      number++;
      from = end + 1;
    }
  }
  const last = begun.bytes();
  if (!isBlank(last)) yield { number, bytes: last };
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function tooLarge(maxBytes: number) {
  return restError(Code.InvalidArgument, "PAYLOAD_TOO_LARGE", `a body may have ${maxBytes} bytes`, {
    limit: "request_body_bytes",
    limit_value: String(maxBytes),
  });
}
