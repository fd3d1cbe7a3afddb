import { BlobRowSchema, SearchStoreRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { CLUSTER_KEY, searchStoreKey } from "../keys.ts";
import type { Check } from "./check.ts";

/** Stores outside the cluster: numbered without gaps, and what they hold recomputed from the rows of the blobs. */
export async function checkSearchStores(check: Check): Promise<void> {
  const held = new Map<bigint, { blobs: bigint; bytes: bigint }>();
  for await (const { row } of check.table("blob", BlobRowSchema)) {
    if (row.searchStoreId === 0n) continue;
    const { blobs, bytes } = held.get(row.searchStoreId) ?? { blobs: 0n, bytes: 0n };
    held.set(row.searchStoreId, { blobs: blobs + 1n, bytes: bytes + row.size });
  }
  let count = 0n;
  for await (const { key, row } of check.table("searchStore", SearchStoreRowSchema)) {
    count++;
    check.holds(key === searchStoreKey(row.storeId), "a store lies at its number", key);
    check.holds(row.storeId === count, "stores are numbered without gaps", key);
    check.holds(row.location.case !== undefined, "a store has a place", key);
    const { blobs = 0n, bytes = 0n } = held.get(row.storeId) ?? {};
    check.holds(row.blobs === blobs && row.bytes === bytes, "a store counts its blobs", key);
  }
  const { searchStoreId = 0n, searchStoreCount = 0n } = check.cluster ?? {};
  check.holds(count === searchStoreCount, "the cluster counts its stores", CLUSTER_KEY);
  check.holds(searchStoreId <= count, "new segments go to a store that exists", CLUSTER_KEY);
}
