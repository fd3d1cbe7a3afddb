import { inlineBytes } from "../blob/index.ts";
import type { BlobRow, BlobSlice } from "../gen/skerry/meta/v1/rows_pb.js";
import { type ObjectContext, translate } from "./context.ts";
import { ObjectError } from "./errors.ts";

/** Bytes of a manifest that lie in one blob's row; undefined: they have to be read from somewhere. */
export function heldBytes(
  context: ObjectContext,
  slices: readonly BlobSlice[],
  { first, length }: { readonly first: number; readonly length: number },
): Uint8Array | undefined {
  const [slice] = slices;
  if (slice === undefined || slices.length > 1 || first + length > Number(slice.length)) return undefined;
  const blob = blobOf(context, slice.blobId);
  const bytes = blob && inlineBytes(blob, Number(slice.offset) + first, length);
  // Whoever streams finds out that it is too short, and cuts the answer.
  return bytes?.length === length ? bytes : undefined;
}

/** What `heldBytes` found, for those who iterate. */
export async function* pieceOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** Bytes of a manifest, in order. Blob rows are looked up as the reader comes to them. */
export async function* readSlices(
  context: ObjectContext,
  slices: readonly BlobSlice[],
  range: { readonly first: number; readonly length: number; readonly signal: AbortSignal },
): AsyncIterable<Uint8Array> {
  let skip = range.first;
  let left = range.length;
  for (const slice of slices) {
    if (left === 0) return;
    const sliceLength = Number(slice.length);
    if (skip >= sliceLength) {
      skip -= sliceLength;
      continue;
    }
    const count = Math.min(left, sliceLength - skip);
    const blob = blobOf(context, slice.blobId);
    if (blob === undefined)
      throw new ObjectError("data-unavailable", "the object was deleted while it was read");
    try {
      yield* context.options.blobs.read(blob, Number(slice.offset) + skip, count, range.signal);
    } catch (error) {
      throw translate(error);
    }
    skip = 0;
    left -= count;
  }
  if (left > 0) throw new ObjectError("data-unavailable", "the manifest is shorter than the object");
}

/** Refused like all else that this node cannot read now. */
function blobOf(context: ObjectContext, blobId: Uint8Array): BlobRow | undefined {
  try {
    return context.view.blob(blobId);
  } catch (error) {
    throw translate(error);
  }
}
