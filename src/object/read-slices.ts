import { inlineBytes } from "../blob/index.ts";
import type { BlobRow, BlobSlice } from "../gen/skerry/meta/v1/rows_pb.js";
import { MAX_INLINE_BYTES } from "../meta/index.ts";
import { type ObjectContext, translate } from "./context.ts";
import { ObjectError } from "./errors.ts";

/** When a reader has taken more inline bytes than this, it takes no more. */
const MAX_TAKEN_BYTES = 4 * 1024 * 1024;
/** Rows that one reader takes at most. */
const MAX_TAKEN_ROWS = 1000;

/** Rows of blobs, by the slices that name them. */
export type TakenBlobs = ReadonlyMap<BlobSlice, BlobRow>;

interface SliceRange {
  readonly first: number;
  readonly length: number;
}

/**
 * The rows of all blobs of the range that may be inline: such a row goes at once when its object is overwritten or deleted, where bytes in segments are
 * kept for a grace. So they are taken together with the manifest, up to `MAX_TAKEN_BYTES` and `MAX_TAKEN_ROWS`. Undefined: one of them is gone, and so is the
 * version that the manifest is of.
 */
export function takeBlobs(
  context: ObjectContext,
  slices: readonly BlobSlice[],
  range: SliceRange,
): TakenBlobs | undefined {
  const taken = new Map<BlobSlice, BlobRow>();
  const end = range.first + range.length;
  let takenBytes = 0;
  let start = 0;
  for (const slice of slices) {
    if (start >= end) break;
    const length = Number(slice.length);
    start += length;
    if (start <= range.first || length > MAX_INLINE_BYTES) continue;
    const blob = blobOf(context, slice.blobId);
    if (blob === undefined) return undefined;
    taken.set(slice, blob);
    takenBytes += blob.inlineData.length;
    if (takenBytes > MAX_TAKEN_BYTES || taken.size >= MAX_TAKEN_ROWS) break;
  }
  return taken;
}

/** The same for a copy, of an object or of a part, which begins again. */
export function takeSource(
  context: ObjectContext,
  slices: readonly BlobSlice[],
  range: SliceRange,
): TakenBlobs {
  const taken = takeBlobs(context, slices, range);
  if (taken === undefined)
    throw new ObjectError("source-changed", "the object was overwritten or deleted while it was read");
  return taken;
}

/** Bytes of a manifest that lie in one blob's row; undefined: they have to be read from somewhere. */
export function heldBytes(
  slices: readonly BlobSlice[],
  taken: TakenBlobs,
  { first, length }: SliceRange,
): Uint8Array | undefined {
  const [slice] = slices;
  if (slice === undefined || slices.length > 1 || first + length > Number(slice.length)) return undefined;
  const blob = taken.get(slice);
  const bytes = blob && inlineBytes(blob, Number(slice.offset) + first, length);
  // Whoever streams finds out that it is too short, and cuts the answer.
  return bytes?.length === length ? bytes : undefined;
}

/** What `heldBytes` found, for those who iterate. */
export async function* pieceOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/**
 * Bytes of a manifest, in order. Rows of blobs that were not taken are looked up as the reader comes to them; without `taken` that is done as of now, and
 * refuses "source-changed".
 */
export function readSlices(
  context: ObjectContext,
  slices: readonly BlobSlice[],
  range: SliceRange & { readonly signal: AbortSignal },
  taken: TakenBlobs = takeSource(context, slices, range),
): AsyncIterable<Uint8Array> {
  return read(context, slices, range, taken);
}

async function* read(
  context: ObjectContext,
  slices: readonly BlobSlice[],
  range: SliceRange & { readonly signal: AbortSignal },
  taken: TakenBlobs,
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
    const blob = taken.get(slice) ?? blobOf(context, slice.blobId);
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
