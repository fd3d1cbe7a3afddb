/**
 * Evens out what nodes hold, in proportion to their weights: a blob of a node that has much too much gets a home with one that has too little.
 * Pure. Only where the difference is worth the traffic, and only from those above the mean to those below it, so that it ends.
 */

import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Copyset } from "../copysets.ts";
import type { RepairWorld } from "./world.ts";

/** A node gives once it holds this much more than its share, and until it holds its share. */
const GIVES_ABOVE = 1.15;
/** Differences below this are not worth it, in bytes. */
const LEAST_DIFFERENCE_BYTES = 256 * 1024 * 1024;

export interface Loads {
  /** Nodes that have too much. */
  readonly givers: ReadonlySet<number>;
  /** Nodes that have less than their share. */
  readonly takers: ReadonlySet<number>;
}

export function loadsOf(world: RepairWorld, heldBytes: (nodeId: number) => number): Loads {
  const active = [...world.nodes.values()].filter(
    ({ membership, isLost }) => membership === "active" && !isLost,
  );
  const totalWeight = active.reduce((sum, node) => sum + node.weight, 0);
  const totalBytes = active.reduce((sum, node) => sum + heldBytes(node.nodeId), 0);
  const share = (weight: number) => (totalBytes * weight) / Math.max(1, totalWeight);
  const givers = active.filter(({ nodeId, weight }) => {
    const held = heldBytes(nodeId);
    return held > share(weight) * GIVES_ABOVE && held - share(weight) >= LEAST_DIFFERENCE_BYTES;
  });
  const takers = active.filter(
    ({ nodeId, weight, isWritable }) => isWritable && heldBytes(nodeId) < share(weight),
  );
  return { givers: idsOf(givers), takers: idsOf(takers) };
}

/** Another home for a blob that is where it belongs, or undefined when it stays. */
export function lighterHome(blob: BlobRow, world: RepairWorld, loads: Loads): bigint | undefined {
  const home = world.copysets.get(blob.copysetId);
  if (home === undefined || loads.givers.size === 0) return undefined;
  const members = home.nodeIds.map(Number);
  if (!members.some((nodeId) => loads.givers.has(nodeId))) return undefined;
  let best: { readonly copyset: Copyset; readonly kept: number } | undefined;
  for (const copyset of world.homes) {
    const nodeIds = copyset.nodeIds.map(Number);
    const kept = nodeIds.filter((nodeId) => members.includes(nodeId));
    const added = nodeIds.filter((nodeId) => !members.includes(nodeId));
    const left = members.filter((nodeId) => !nodeIds.includes(nodeId));
    const isLighter =
      nodeIds.length === members.length &&
      added.length > 0 &&
      added.every((nodeId) => loads.takers.has(nodeId)) &&
      left.every((nodeId) => loads.givers.has(nodeId));
    if (isLighter && (best === undefined || kept.length > best.kept)) best = { copyset, kept: kept.length };
  }
  return best?.copyset.copysetId;
}

function idsOf(nodes: readonly { readonly nodeId: number }[]): ReadonlySet<number> {
  return new Set(nodes.map(({ nodeId }) => nodeId));
}
