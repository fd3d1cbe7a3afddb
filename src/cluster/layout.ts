/** One value that answers where a new blob goes: made from the metadata when the cluster changes, then read by every write. */

import { assert } from "../base/index.ts";
import type { ClusterRow, CopysetRow, NodeRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { chooseCopyset, copysetShares, spares, type Writability, writeQuorum } from "./copysets.ts";
import { NODE_STATE } from "./node-rows.ts";
import type { HealthView, PlacementNode } from "./ports.ts";

export interface Layout {
  readonly epoch: number;
  readonly replicationFactor: number;
  /** Only the open ones. */
  readonly copysets: readonly CopysetRow[];
  /** Storage nodes that new bytes may go to. */
  readonly nodes: readonly PlacementNode[];
  /** Of each copyset, by id. */
  readonly shares: ReadonlyMap<bigint, number>;
}

export function createLayout(
  cluster: ClusterRow,
  nodes: readonly NodeRow[],
  copysets: readonly CopysetRow[],
): Layout {
  const placementNodes = placementNodesOf(nodes);
  const open = copysets.filter((copyset) => copyset.open);
  return {
    epoch: Number(cluster.layoutEpoch),
    replicationFactor: cluster.replicationFactor,
    copysets: open,
    nodes: placementNodes,
    shares: copysetShares(open, placementNodes),
  };
}

/** The nodes that copysets are made of: active, with the role "storage". A node without a weight in its row counts 1. */
export function placementNodesOf(nodes: readonly NodeRow[]): readonly PlacementNode[] {
  return nodes
    .filter((node) => node.state === NODE_STATE.active && node.roles.includes("storage"))
    .map((node) => ({ nodeId: Number(node.nodeId), zone: node.zone, weight: Math.max(1, node.weight) }));
}

/** Where one new blob goes. */
export interface BlobPlace {
  readonly copysetId: number;
  readonly layoutEpoch: number;
  /** Members of the copyset that can be written, in its order, and then the spares that stand in for the others. */
  readonly nodeIds: readonly number[];
  readonly writeQuorum: number;
  /** Take the place of nodes that fail, in this order. */
  readonly spareNodeIds: readonly number[];
}

/**
 * Undefined without an open copyset. Spares stand in for members that cannot be written. They may be too few for the quorum: the caller sees
 * that from the counts.
 */
export function placeBlob(layout: Layout, blobId: Uint8Array, health: HealthView): BlobPlace | undefined {
  const writability = (nodeId: number) => writabilityOf(health, nodeId);
  const copyset = chooseCopyset(layout.copysets, blobId, writability, layout.shares);
  if (copyset === undefined) return undefined;
  assert(copyset.nodeIds.length > 0, "a copyset has nodes");
  const width = copyset.nodeIds.length;
  const quorum = writeQuorum(layout.replicationFactor, width);
  const nodeIds = copyset.nodeIds.map(Number).filter((nodeId) => writability(nodeId) !== "no");
  const spareNodeIds = [...spares({ copyset, nodes: layout.nodes, writability })];
  while (spareNodeIds.length > 0 && nodeIds.length < width) {
    // A doubtful one could keep every write waiting: only the quorum is worth that.
    if (nodeIds.length >= quorum && writability(spareNodeIds[0]!) !== "yes") break;
    nodeIds.push(spareNodeIds.shift()!);
  }
  return {
    copysetId: Number(copyset.copysetId),
    layoutEpoch: layout.epoch,
    nodeIds,
    writeQuorum: quorum,
    spareNodeIds,
  };
}

/** Whether a blob could have a place if the disks of nodes that are well were not full. */
export function isShortOfSpace(layout: Layout, place: BlobPlace, health: HealthView): boolean {
  const full = layout.nodes.filter(({ nodeId }) => {
    const peer = health.peer(nodeId);
    return peer.state === "alive" && peer.health?.storageFull === true;
  });
  return place.nodeIds.length + place.spareNodeIds.length + full.length >= place.writeQuorum;
}

/** A node that is known to be dead, or whose disks take nothing, is not written; one that is silent or not yet heard of perhaps. */
export function writabilityOf(health: HealthView, nodeId: number): Writability {
  const peer = health.peer(nodeId);
  if (peer.state === "dead" || peer.health?.storageWritable === false) return "no";
  return peer.state === "alive" ? "yes" : "maybe";
}
