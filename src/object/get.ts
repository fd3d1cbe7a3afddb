import type { ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { infoFromRow } from "./attributes.ts";
import { checksumFromRows } from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { checkCustomerKey, proveCustomerKey } from "./encryption/object-keys.ts";
import { readSealed } from "./encryption/read-sealed.ts";
import { ObjectError } from "./errors.ts";
import { freshVersion } from "./find-version.ts";
import type {
  Checksum,
  CustomerKey,
  GetObjectRequest,
  GetObjectResult,
  HeadObjectRequest,
  ObjectInfo,
  RangeRequest,
} from "./ports.ts";
import { checkReadPreconditions } from "./preconditions.ts";
import { heldBytes, pieceOf, readSlices, type TakenBlobs, takeBlobs, takeSource } from "./read-slices.ts";
import { shownVersionId } from "./version-id.ts";

export async function headObject(context: ObjectContext, request: HeadObjectRequest): Promise<ObjectInfo> {
  const { bucket, row } = await freshVersion(context, request);
  const info = infoFromRow(row, shownVersionId(bucket, row));
  proveCustomerKey(row.attributes?.encryption, request.customerKey);
  checkReadPreconditions(info, request.preconditions);
  if (request.partNumber === undefined) return info;
  const part = resolveRange(row, { kind: "part", partNumber: request.partNumber });
  return { ...info, size: part.length };
}

/** How often a version is looked up anew because it went before its blobs were. */
const VERSION_ATTEMPTS = 5;

export async function getObject(context: ObjectContext, request: GetObjectRequest): Promise<GetObjectResult> {
  for (let attempt = 1; ; attempt++) {
    const { bucket, row } = await freshVersion(context, request);
    const info = infoFromRow(row, shownVersionId(bucket, row));
    // Before anything that tells of the content: its ETag, its size.
    proveCustomerKey(row.attributes?.encryption, request.customerKey);
    checkReadPreconditions(info, request.preconditions);
    const range = resolveRange(row, request.range);
    const taken = takeBlobs(context, row.slices, storedRange(row, range));
    if (taken === undefined) {
      if (attempt < VERSION_ATTEMPTS) continue;
      throw new ObjectError(
        "data-unavailable",
        "the object was overwritten again and again while it was read",
      );
    }
    const wanted = { row, range, taken };
    return {
      info,
      ...range,
      partial: request.range !== undefined,
      ...(request.range?.kind === "part" && { partChecksum: checksumOfPart(row, request.range.partNumber) }),
      ...(heldBody(wanted) ?? { body: await streamedBody(context, wanted, request) }),
    };
  }
}

interface ByteRange {
  readonly first: number;
  readonly length: number;
}

interface WantedBytes {
  readonly row: ObjectRow;
  readonly range: ByteRange;
  readonly taken: TakenBlobs;
}

/** A small body lies in the metadata: nothing has to be waited for. */
function heldBody({ row, range, taken }: WantedBytes): Pick<GetObjectResult, "body" | "held"> | undefined {
  if (row.attributes?.encryption !== undefined) return undefined;
  const held = heldBytes(row.slices, taken, range);
  return held && { body: pieceOf(held), held };
}

async function streamedBody(
  context: ObjectContext,
  { row, range, taken }: WantedBytes,
  { caller, customerKey }: GetObjectRequest,
): Promise<AsyncIterable<Uint8Array>> {
  return await objectBytes(context, row, { ...range, signal: caller.signal }, customerKey, taken);
}

/** Of a range, what has to be looked at of the manifest: of an encrypted body all of it, for there the bytes lie elsewhere. */
function storedRange(row: ObjectRow, range: ByteRange): ByteRange {
  const isEncrypted = row.attributes?.encryption !== undefined;
  return isEncrypted ? { first: 0, length: Number.POSITIVE_INFINITY } : range;
}

/**
 * The bytes of an object as its client knows them. Refuses a customer's key that is missing, wrong or out of place, and, without `taken`, "source-changed":
 * the version is gone.
 */
export function objectBytes(
  context: ObjectContext,
  row: ObjectRow,
  range: { readonly first: number; readonly length: number; readonly signal: AbortSignal },
  customerKey: CustomerKey | undefined,
  taken: TakenBlobs = takeSource(context, row.slices, storedRange(row, range)),
): AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>> {
  const encryption = row.attributes?.encryption;
  if (encryption !== undefined) {
    return context.keys
      .open(encryption, customerKey)
      .then((dataKey) => readSealed(context, { row, taken, dataKey }, range));
  }
  checkCustomerKey(undefined, customerKey);
  return readSlices(context, row.slices, range, taken);
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

function checksumOfPart(row: ObjectRow, partNumber: number): Checksum | undefined {
  const part = row.parts.find((candidate) => candidate.partNumber === partNumber);
  return part && checksumFromRows(part.checksums);
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
