import { toHex } from "../../base/index.ts";
import {
  BlobRowSchema,
  BlobState,
  CopysetRowSchema,
  HoldingsRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { copiesPresent, heldBytes, holdersOf } from "../holders.ts";
import {
  blobKey,
  copysetKey,
  discardOrderKey,
  heldBlobKey,
  holdingsKey,
  leadingNodeId,
  nodeKey,
  trailingBlobId,
  UNDER_REPLICATED_TOTAL_KEY,
  underReplicatedKey,
} from "../keys.ts";
import type { Check } from "./check.ts";

interface Tally {
  blobs: bigint;
  bytes: bigint;
}

/** Who holds what, and which blobs have too few copies: recomputed from the rows of the blobs. */
export async function checkCopies(check: Check): Promise<void> {
  const tallies = new Map<string, Tally>();
  const count = (key: string, bytes: bigint): void => {
    const tally = tallies.get(key) ?? { blobs: 0n, bytes: 0n };
    tallies.set(key, { blobs: tally.blobs + 1n, bytes: tally.bytes + bytes });
  };
  for await (const { key, row } of check.table("blob", BlobRowSchema)) {
    if (row.isInline || row.searchStoreId !== 0n) continue;
    const blobHex = toHex(row.blobId);
    for (const [nodeId, bytes] of heldBytes(row.chunks)) {
      count(holdingsKey(nodeId), bytes);
      check.holds(check.has(heldBlobKey(nodeId, blobHex)), "every holder is found by its node", key);
      const isDiscarding = check.has(discardOrderKey(nodeId, blobHex));
      check.holds(!isDiscarding, "no holder is told to discard its copy", key);
    }
    const home = check.row(copysetKey(row.copysetId), CopysetRowSchema);
    const copies = copiesPresent(row);
    if (row.state !== BlobState.LIVE || copies >= (home?.nodeIds.length ?? 0)) continue;
    count(UNDER_REPLICATED_TOTAL_KEY, row.size);
    const isIndexed = check.has(underReplicatedKey(copies, blobHex));
    check.holds(isIndexed, "every live blob with too few copies is in the index", key);
  }
  await checkHeldBlobs(check);
  await checkUnderReplicated(check);
  await checkDiscardOrders(check);
  await checkHoldings(check, tallies);
}

async function checkHeldBlobs(check: Check): Promise<void> {
  for await (const key of check.keys("heldBlob")) {
    const blobId = trailingBlobId(key);
    const blob = check.row(blobKey(toHex(blobId)), BlobRowSchema);
    const holders = blob === undefined ? [] : holdersOf(blob);
    const isHolder = holders.some((nodeId) => key === heldBlobKey(nodeId, toHex(blobId)));
    check.holds(isHolder, "every blob found by a node is held by it", key);
  }
}

async function checkUnderReplicated(check: Check): Promise<void> {
  for await (const key of check.keys("underReplicated")) {
    const blob = check.row(blobKey(toHex(trailingBlobId(key))), BlobRowSchema);
    const home = blob && check.row(copysetKey(blob.copysetId), CopysetRowSchema);
    const isMissing =
      blob?.state === BlobState.LIVE &&
      copiesPresent(blob) < (home?.nodeIds.length ?? 0) &&
      key === underReplicatedKey(copiesPresent(blob), toHex(blob.blobId));
    check.holds(isMissing, "every blob in the index is live and has too few copies", key);
  }
}

async function checkDiscardOrders(check: Check): Promise<void> {
  for await (const key of check.keys("discardOrder")) {
    const isKnown = check.has(nodeKey(leadingNodeId(key)));
    check.holds(isKnown, "every discard order is for a known node", key);
  }
}

async function checkHoldings(check: Check, tallies: ReadonlyMap<string, Tally>): Promise<void> {
  for (const [key, tally] of tallies) {
    const row = check.row(key, HoldingsRowSchema);
    const isRight = row?.blobs === tally.blobs && row.bytes === tally.bytes;
    check.holds(isRight, "holdings are what the blobs add up to", key);
  }
  for await (const key of check.keys("holdings")) {
    check.holds(tallies.has(key), "holdings without a blob have no row", key);
  }
}
