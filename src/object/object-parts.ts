import { infoFromRow } from "./attributes.ts";
import { checksumFromRows } from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { proveCustomerKey } from "./encryption/object-keys.ts";
import { freshObject } from "./get.ts";
import type { HeadObjectRequest, ObjectPartsResult } from "./ports.ts";

/** What a HEAD tells, and the parts that an object was completed from. */
export async function objectParts(
  context: ObjectContext,
  request: Pick<HeadObjectRequest, "bucket" | "key" | "customerKey">,
): Promise<ObjectPartsResult> {
  const row = await freshObject(context, request.bucket, request.key);
  proveCustomerKey(row.attributes?.encryption, request.customerKey);
  return {
    info: infoFromRow(row),
    parts: row.parts.map((part) => ({
      partNumber: part.partNumber,
      sizeBytes: Number(part.size),
      checksum: checksumFromRows(part.checksums),
    })),
  };
}
