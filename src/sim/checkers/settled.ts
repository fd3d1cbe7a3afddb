import { fromBinary } from "@bufbuild/protobuf";
import { equalBytes, toHex } from "../../base/index.ts";
import { type BlobRow, BlobRowSchema, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { APPLIED_KEY, checkInvariants, SHARD_RANGE, tableRange } from "../../meta/index.ts";
import type { OrderedStore, StoreRow } from "../../platform/index.ts";
import { DATA_DIRECTORY } from "../cluster/node-config.ts";
import type { SimulatedCluster } from "../cluster/simulated-cluster.ts";
import type { SimulatedNode } from "../cluster/simulated-node.ts";
import { check } from "../failure.ts";
import type { StateChecker } from "./state.ts";

const NAMESPACE_TABLES = [
  "namespaceName",
  "manifest",
  "unindexedNamespace",
  "rememberedBatch",
  "searchScope",
  "namespaceLease",
  "trimmableNamespace",
] as const;

type Rows = Pick<OrderedStore, "get" | "scan">;

/** What must hold once nothing goes wrong any more and everything has settled: on all nodes that are members. */
export async function checkSettled(cluster: SimulatedCluster, states: StateChecker): Promise<void> {
  const members = cluster.members;
  for (const { name, isRestored } of members) {
    check(
      !isRestored,
      "an older disk is noticed",
      () => `${name} takes part with a disk of before its last start`,
    );
  }
  const stores = members.map((node) => stateRowsOf(node));
  const [first] = stores;
  if (first === undefined) return;
  const violations = await checkInvariants(first);
  check(violations.length === 0, "invariants of the metadata", () => JSON.stringify(violations.slice(0, 5)));
  const rows = await allRows(first);
  for (const [at, store] of stores.entries()) {
    if (at > 0) checkEqualRows(rows, await allRows(store), members[at]!);
  }
  await checkNamespacesAreGone(first);
  const blobs = new Map(
    (await rowsIn(first, tableRange("blob"))).map(({ value }) => {
      const blob = fromBinary(BlobRowSchema, value);
      return [toHex(blob.blobId), blob];
    }),
  );
  for (const node of members) {
    checkHolds(node, blobs);
    await checkNothingLeaks(node, blobs, states);
  }
}

/** Paths of the live state store and of what is received or left over. */
export function stateStoresOf({ machine }: SimulatedNode): readonly string[] {
  return machine.volume.stores().filter((path) => path.startsWith(`${DATA_DIRECTORY}/state/`));
}

/** The rows of the live state store, as the disk has them. */
function stateRowsOf(node: SimulatedNode): Rows {
  const directories = stateStoresOf(node);
  check(directories.length === 1, "one state store", () => `${node.name} has ${directories}`);
  return node.machine.volume.storeRows(directories[0]!);
}

async function allRows(rows: Rows): Promise<StoreRow[]> {
  return rowsIn(rows, SHARD_RANGE);
}

async function rowsIn(
  rows: Rows,
  range: { readonly gte?: string; readonly lt?: string },
): Promise<StoreRow[]> {
  const found: StoreRow[] = [];
  for await (const row of rows.scan(range)) found.push(row);
  return found;
}

function checkEqualRows(a: readonly StoreRow[], b: readonly StoreRow[], node: SimulatedNode): void {
  // Which batch wrote it last differs between nodes; its index and hash do not.
  const isCompared = ({ key }: StoreRow): boolean => key !== APPLIED_KEY;
  const left = a.filter(isCompared);
  const right = b.filter(isCompared);
  const at = left.findIndex(
    (row, index) => row.key !== right[index]?.key || !equalBytes(row.value, right[index].value),
  );
  check(
    at < 0 && left.length === right.length,
    "replicas have equal rows",
    () =>
      `${node.name} has ${right[at]?.key} where the first node has ${left[at]?.key} (${right.length} rows, ${left.length})`,
  );
}

/** Where all are deleted, no row of them is left; that no blob is left either, the references say, which are exact. */
async function checkNamespacesAreGone(rows: Rows): Promise<void> {
  if ((await rowsIn(rows, tableRange("namespace"))).length > 0) return;
  for (const table of NAMESPACE_TABLES) {
    const [left] = await rowsIn(rows, tableRange(table));
    check(left === undefined, "nothing is left of namespaces", () => `there is a row ${left?.key}`);
  }
}

/** Every copy that the metadata promises is there, but on a disk that was damaged. */
function checkHolds(node: SimulatedNode, blobs: ReadonlyMap<string, BlobRow>): void {
  if (node.hasDamagedSegments) return;
  const { segments } = node.life!.engines!;
  for (const [hex, blob] of blobs) {
    if (blob.state === BlobState.DELETING) continue;
    for (const [chunkIndex, { nodeIds }] of blob.chunks.entries()) {
      if (!nodeIds.includes(BigInt(node.nodeId))) continue;
      check(
        segments.has({ blobId: blob.blobId, chunkIndex }),
        "referenced bytes are kept",
        () => `${node.name} does not hold chunk ${chunkIndex} of blob ${hex}, which it had made durable`,
      );
    }
  }
}

/**
 * Who was told to unlink a blob, and has said that it did, does not have it. Bytes that no order speaks of are not told from those of writes under way: of
 * crashed uploads, of copies that were made while their blob went away, of nodes that had reported them lost. They are for the inventory, which waits until no
 * commit can name them any more. So is what comes back on a disk that has damaged a tombstone.
 */
async function checkNothingLeaks(
  node: SimulatedNode,
  blobs: ReadonlyMap<string, BlobRow>,
  states: StateChecker,
): Promise<void> {
  if (node.hasDamagedSegments) return;
  for await (const { blobId } of node.life!.engines!.segments.inventory()) {
    const hex = toHex(blobId);
    check(
      blobs.has(hex) || !states.toldToUnlink(hex).has(BigInt(node.nodeId)),
      "nothing leaks",
      () => `${node.name} still holds blob ${hex}, which it said that it had unlinked`,
    );
  }
}
