import type { MetadataView } from "../../meta/index.ts";

/** What an older version of a key of the ring still wraps. */
export interface RetiredUses {
  readonly keyId: string;
  readonly version: number;
  /** Versions of objects and open uploads. */
  readonly uses: number;
}

/** Of all versions that do not wrap any more. One look at the row of each key, and for rotated ones a page of counters. */
export async function retiredUses(
  view: Pick<MetadataView, "encryptionKeys" | "encryptionUses">,
): Promise<readonly RetiredUses[]> {
  const keys = await view.encryptionKeys();
  const rotated = keys.filter(({ versions }) => versions.length > 1);
  const counted = await Promise.all(
    rotated.map(async ({ keyId, versions }) => {
      const newest = versions.at(-1)?.version ?? 0;
      const rows = await view.encryptionUses(keyId);
      return rows.filter(({ version }) => version < newest);
    }),
  );
  return counted.flat().map(({ keyId, version, uses }) => ({ keyId, version, uses: Number(uses) }));
}
