import { SearchError } from "../errors.ts";
import type { DocumentId } from "./document.ts";
import { LIMITS } from "./limits.ts";

const NUMBER = 1;
const STRING = 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An id as bytes that sort as `compareIds` orders: a tag, then a big-endian number or UTF-8. */
export function encodeId(id: DocumentId): Uint8Array<ArrayBuffer> {
  if (typeof id === "bigint") {
    const bytes = new Uint8Array(9);
    bytes[0] = NUMBER;
    new DataView(bytes.buffer).setBigUint64(1, id);
    return bytes;
  }
  const text = encoder.encode(id);
  const bytes = new Uint8Array(1 + text.length);
  bytes[0] = STRING;
  bytes.set(text, 1);
  return bytes;
}

/** "data-damaged" for what `encodeId` cannot have written. */
export function decodeId(bytes: Uint8Array): DocumentId {
  if (bytes[0] === NUMBER && bytes.length === 9)
    return new DataView(bytes.buffer, bytes.byteOffset, 9).getBigUint64(1);
  if (bytes[0] === STRING && bytes.length > 1 && bytes.length <= 1 + LIMITS.idBytes) {
    try {
      return decoder.decode(bytes.subarray(1));
    } catch {
      // Refused below.
    }
  }
  throw new SearchError("data-damaged", "bytes that should be a document's id are none");
}
