import { FrameCipher } from "../../access/index.ts";
import { EMPTY_BYTES, sealedLength } from "../../base/index.ts";
import type { BlobSlice, ObjectRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectContext } from "../context.ts";
import { readSlices, type TakenBlobs } from "../read-slices.ts";
import { frameRange, openFrames } from "./frames.ts";

interface Body {
  readonly sizeBytes: number;
  readonly salt: Uint8Array;
}

/** Plaintext of [first, first + length) of an encrypted object; only the frames of that range are read. */
export async function* readSealed(
  context: ObjectContext,
  object: { readonly row: ObjectRow; readonly taken: TakenBlobs; readonly dataKey: Uint8Array },
  range: { readonly first: number; readonly length: number; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { row, taken, dataKey } = object;
  const slices = new SliceCursor(row.slices);
  const end = range.first + range.length;
  let start = 0;
  for (const body of bodiesOf(row)) {
    if (start >= end) return;
    const own = slices.take(sealedLength(body.sizeBytes));
    const first = Math.max(range.first, start) - start;
    const length = Math.min(end, start + body.sizeBytes) - start - first;
    start += body.sizeBytes;
    if (length <= 0) continue;
    const { offset, length: sealedBytes } = frameRange(body.sizeBytes, first, length);
    const sealedRange = { first: offset, length: sealedBytes, signal: range.signal };
    const sealed = readSlices(context, own, sealedRange, taken);
    const cipher = new FrameCipher(dataKey, body.salt);
    yield* openFrames(sealed, { sizeBytes: body.sizeBytes, first, length }, cipher);
  }
}

function bodiesOf(row: ObjectRow): readonly Body[] {
  if (row.parts.length > 0) return row.parts.map(({ size, salt }) => ({ sizeBytes: Number(size), salt }));
  return [{ sizeBytes: Number(row.size), salt: row.attributes?.encryption?.salt ?? EMPTY_BYTES }];
}

/** Hands out a manifest's slices body by body: no slice is shared by two bodies. */
class SliceCursor {
  readonly #slices: readonly BlobSlice[];
  #at = 0;

  constructor(slices: readonly BlobSlice[]) {
    this.#slices = slices;
  }

  take(lengthBytes: number): readonly BlobSlice[] {
    const from = this.#at;
    for (let left = lengthBytes; left > 0 && this.#at < this.#slices.length; this.#at++) {
      left -= Number(this.#slices[this.#at]?.length ?? 0n);
    }
    return this.#slices.slice(from, this.#at);
  }
}
