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
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of request.body) {
    sizeBytes += piece.length;
    if (sizeBytes > MAX_HELD_BODY_BYTES) throw new S3Refusal("MissingContentLength");
    pieces.push(Uint8Array.from(piece));
  }
  const known = new Map(headers);
  known.delete("transfer-encoding");
  known.set("content-length", String(sizeBytes));
  return { ...openBody(request, known, authenticated), bytes: eachOf(pieces) };
}

async function* eachOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
