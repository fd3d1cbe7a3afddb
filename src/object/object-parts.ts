import { infoFromRow } from "./attributes.ts";
import { checksumFromRows } from "./checksums.ts";
import type { ObjectContext } from "./context.ts";
import { proveCustomerKey } from "./encryption/object-keys.ts";
import { freshVersion } from "./find-version.ts";
import type { HeadObjectRequest, ObjectPartsResult } from "./ports.ts";
import { shownVersionId } from "./version-id.ts";

/** What a HEAD tells, and the parts that an object was completed from. */
export async function objectParts(
  context: ObjectContext,
  request: Pick<HeadObjectRequest, "bucket" | "key" | "versionId" | "customerKey">,
): Promise<ObjectPartsResult> {
  const { bucket, row } = await freshVersion(context, request);
  proveCustomerKey(row.attributes?.encryption, request.customerKey);
  return {
    info: infoFromRow(row, shownVersionId(bucket, row)),
    parts: row.parts.map((part) => ({
      partNumber: part.partNumber,
      sizeBytes: Number(part.size),
      checksum: checksumFromRows(part.checksums),
    })),
  };
}
