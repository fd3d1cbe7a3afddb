import type { BlobSlice, ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { infoFromRow } from "./attributes.ts";
import { type ObjectContext, translate } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { checkKey } from "./names.ts";
import type {
  GetObjectRequest,
  GetObjectResult,
  HeadObjectRequest,
  ObjectInfo,
  RangeRequest,
} from "./ports.ts";
import { checkReadPreconditions } from "./preconditions.ts";

export async function headObject(context: ObjectContext, request: HeadObjectRequest): Promise<ObjectInfo> {
  const row = await freshObject(context, request.bucket, request.key);
  const info = infoFromRow(row);
  checkReadPreconditions(info, request.preconditions);
  if (request.partNumber === undefined) return info;
  const part = resolveRange(row, { kind: "part", partNumber: request.partNumber });
  return { ...info, size: part.length };
}

export async function getObject(context: ObjectContext, request: GetObjectRequest): Promise<GetObjectResult> {
  const row = await freshObject(context, request.bucket, request.key);
  const info = infoFromRow(row);
  checkReadPreconditions(info, request.preconditions);
  const { first, length } = resolveRange(row, request.range);
  return {
    info,
    first,
    length,
    partial: request.range !== undefined,
    body: readSlices(context, row.slices, { first, length, signal: request.signal }),
  };
}

/** The current row of a key, as of now. Refuses "bucket-not-found" and "object-not-found". */
export async function freshObject(
  context: ObjectContext,
  bucketName: string,
  key: string,
): Promise<ObjectRow> {
  checkKey(key);
  const bucket = await context.freshBucket(bucketName);
  const row = context.view.object(bucket.bucketId, key);
  if (row === undefined) {
    throw new ObjectError("object-not-found", "there is no object of this key", { details: { Key: key } });
  }
  return row;
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
    const blob = context.view.blob(slice.blobId);
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

/** Refuses "range-not-satisfiable" and "part-number-invalid". Source: RFC 9110, section 14.1.2. */
function resolveRange(
  row: ObjectRow,
  range: RangeRequest | undefined,
): { readonly first: number; readonly length: number } {
  const size = Number(row.size);
  switch (range?.kind) {
    case undefined:
      return { first: 0, length: size };
    case "from-to": {
      if (range.first >= size) throw unsatisfiable(size);
      const last = Math.min(range.last ?? size - 1, size - 1);
      return { first: range.first, length: last - range.first + 1 };
    }
    case "suffix": {
      if (range.length === 0 || size === 0) throw unsatisfiable(size);
      const length = Math.min(range.length, size);
      return { first: size - length, length };
    }
    case "part":
      return partRange(row, range.partNumber);
  }
}

function partRange(row: ObjectRow, partNumber: number): { readonly first: number; readonly length: number } {
  if (row.parts.length === 0) {
    if (partNumber === 1) return { first: 0, length: Number(row.size) };
    throw new ObjectError("part-not-found", "the object has no part of this number");
  }
  let first = 0;
  for (const part of row.parts) {
    const length = Number(part.size);
    if (part.partNumber === partNumber) return { first, length };
    first += length;
  }
  throw new ObjectError("part-not-found", "the object has no part of this number");
}

function unsatisfiable(size: number): ObjectError {
  return new ObjectError("range-not-satisfiable", "the range that you asked for lies outside the object", {
    details: { ActualObjectSize: String(size) },
  });
}
