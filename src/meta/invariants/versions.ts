import { compareKeys, EMPTY_BYTES, equalBytes, toHex } from "../../base/index.ts";
import { KeyVersionsRowSchema, type ObjectRow, ObjectRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { storedObjectSize } from "../encryption.ts";
import { keyVersionsKey, objectKey, objectReferrer, unescapeKey, versionKey } from "../keys.ts";
import type { Check } from "./check.ts";
import { bucketIdOf, checkManifest } from "./manifests.ts";

/** Every row of the version table, and every key's chain from the newest to the oldest. */
export async function checkVersions(check: Check): Promise<void> {
  let rows = 0n;
  for await (const { key, row } of check.table("version", ObjectRowSchema)) {
    rows += 1n;
    checkVersion(check, key, row);
  }
  let counted = 0n;
  for await (const { key, row } of check.table("keyVersions", KeyVersionsRowSchema)) {
    counted += row.count;
    const chain = chainOf(check, key, row.newestVersionId, row.count);
    const inTable = chain.filter(({ isHead }) => !isHead).length;
    check.holds(BigInt(inTable) === row.count && inTable > 0, "a key counts its versions", key);
    checkLinks(
      check,
      key,
      chain.map(({ version }) => version),
    );
    const nulls = chain.filter(({ version }) => !version.versioned);
    check.holds(nulls.length <= 1, "a key has one null version at most", key);
    const known = nulls[0]?.isHead === false ? nulls[0].version.versionId : EMPTY_BYTES;
    check.holds(equalBytes(known, row.nullVersionId), "a key knows its null version", key);
  }
  check.holds(counted === rows, "every version is in the chain of its key", "");
}

function checkVersion(check: Check, at: string, row: ObjectRow): void {
  const bucketId = bucketIdOf(at);
  const bucket = check.buckets.get(bucketId);
  check.holds(bucket !== undefined, "every version is in a bucket", at);
  if (bucket === undefined) return;
  bucket.versions += 1n;
  bucket.versionBytes += row.size;
  check.countUse(row.attributes?.encryption, at);
  check.holds(at === versionKey(bucketId, row.key, row.versionId), "a version lies at its key and id", at);
  check.holds(check.has(keyVersionsKey(bucketId, row.key)), "a key with versions has a row of them", at);
  const isBare = row.slices.length === 0 && row.size === 0n && row.attributes === undefined;
  check.holds(!row.deleteMarker || isBare, "a delete marker has neither bytes nor attributes", at);
  const referrer = objectReferrer(bucketId, row.key, row.versionId);
  checkManifest(check, { slices: row.slices, size: storedObjectSize(row), referrer, at });
}

interface Link {
  readonly version: ObjectRow;
  readonly isHead: boolean;
}

/** From the newest on; not more than the key says that there are. */
function chainOf(check: Check, storeKey: string, newest: Uint8Array, count: bigint): readonly Link[] {
  const bucketId = bucketIdOf(storeKey);
  const key = unescapeKey(storeKey.slice(storeKey.indexOf("/") + 1));
  const head = check.row(objectKey(bucketId, key), ObjectRowSchema);
  const isNewest = head === undefined || equalBytes(head.versionId, newest);
  check.holds(isNewest, "the current version is the newest", storeKey);
  const links: Link[] = [];
  let versionId = newest;
  while (versionId.length > 0 && BigInt(links.length) <= count) {
    const isHead = head !== undefined && equalBytes(head.versionId, versionId);
    const version = isHead ? head : check.row(versionKey(bucketId, key, versionId), ObjectRowSchema);
    check.holds(version !== undefined, "every version of a chain exists", storeKey);
    if (version === undefined) break;
    links.push({ version, isHead });
    versionId = version.olderVersionId;
  }
  const newestLink = links[0];
  const isShown = newestLink === undefined || newestLink.isHead || newestLink.version.deleteMarker;
  check.holds(isShown, "the newest version is current or a delete marker", storeKey);
  return links;
}

function checkLinks(check: Check, at: string, chain: readonly ObjectRow[]): void {
  for (const [index, version] of chain.entries()) {
    const newer = chain[index - 1]?.versionId ?? EMPTY_BYTES;
    check.holds(equalBytes(version.newerVersionId, newer), "a version knows the newer one", at);
    const isBelow = index === 0 || compareKeys(toHex(version.versionId), toHex(newer)) < 0;
    check.holds(isBelow, "version ids grow along the chain", at);
    const isNoncurrent = version.noncurrentSinceMs > 0n;
    check.holds(isNoncurrent === index > 0, "a version that is not the newest knows since when", at);
  }
}
