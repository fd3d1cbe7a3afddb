import { concatBytes } from "../../../base/index.ts";
import { SearchError } from "../../errors.ts";

/** Numbers of 32 bits, little-endian. */
export function encodeWords(words: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i] ?? 0, true);
  return bytes;
}

/** "data-damaged" unless there are `count` of them. */
export function decodeWords(bytes: Uint8Array, count: number): Uint32Array {
  if (bytes.length !== count * 4) throw listDamaged();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: count }, (_, i) => view.getUint32(i * 4, true));
}

/** Pieces of bytes: where each ends, as 32-bit numbers, and all of them one after another. */
export function encodePieces(pieces: readonly Uint8Array[]): {
  readonly ends: Uint8Array;
  readonly bytes: Uint8Array;
} {
  let end = 0;
  const ends = pieces.map((piece) => {
    end += piece.length;
    return end;
  });
  if (end >= 2 ** 32)
    throw new SearchError("limit-exceeded", "the documents of one index segment are over 4 GiB");
  return { ends: encodeWords(ends), bytes: concatBytes(pieces) };
}

/** Where `count` pieces end that are `total` bytes long together. */
export function decodeEnds(bytes: Uint8Array, count: number, total: number): Uint32Array {
  const ends = decodeWords(bytes, count);
  let before = 0;
  for (const end of ends) {
    if (end < before) throw listDamaged();
    before = end;
  }
  if (before !== total) throw listDamaged();
  return ends;
}

/** Where piece `i` lies. */
export function pieceAt(ends: Uint32Array, i: number): { readonly offset: number; readonly length: number } {
  const offset = i === 0 ? 0 : (ends[i - 1] ?? 0);
  return { offset, length: (ends[i] ?? offset) - offset };
}

function listDamaged(): SearchError {
  return new SearchError("data-damaged", "an index segment has a list that does not fit its unit");
}
