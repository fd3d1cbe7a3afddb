import { GrowingBuffer } from "../../base/index.ts";
import type { BodySource } from "../../object/index.ts";
import type { Authenticated } from "../auth/authenticate.ts";
import { S3Refusal } from "../errors.ts";
import type { RequestHeaders, S3Request } from "../http.ts";
import { openBody } from "./open-body.ts";

/** Of a message that says its length only at its end. */
const MAX_HELD_BODY_BYTES = 1024 * 1024;

/** Whether a body's length is known only when it has come: HTTP's own chunks, and no other coding that names it. */
export function hasUnknownLength(headers: RequestHeaders, authenticated: Authenticated): boolean {
  const { kind } = authenticated.payload;
  return headers.has("transfer-encoding") && (kind === "hash" || kind === "unsigned");
}

/** A small body of unknown length, held until its length is known. Refuses "MissingContentLength" beyond that. */
export async function holdBody(
  request: S3Request,
  headers: RequestHeaders,
  authenticated: Authenticated,
): Promise<BodySource> {
  const held = new GrowingBuffer(MAX_HELD_BODY_BYTES);
  for await (const piece of request.body) {
    if (held.sizeBytes + piece.length > MAX_HELD_BODY_BYTES) throw new S3Refusal("MissingContentLength");
    held.append(piece);
  }
  const known = new Map(headers);
  known.delete("transfer-encoding");
  known.set("content-length", String(held.sizeBytes));
  return { ...openBody(request, known, authenticated), bytes: once(held.bytes()) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
