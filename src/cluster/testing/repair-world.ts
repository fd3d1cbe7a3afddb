/** For tests: nodes, copysets and blobs in few words, and what the state machine does with a step. */

import { create } from "@bufbuild/protobuf";
import {
  type BlobRow,
  BlobRowSchema,
  BlobState,
  type CopysetRow,
  CopysetRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { BlobStep } from "../repair/decide.ts";
import type { RepairNode, RepairWorld } from "../repair/world.ts";

export const CHUNK = 4 * 1024 * 1024;

export function node(nodeId: number, more: Partial<RepairNode> = {}): RepairNode {
  return {
    nodeId,
    zone: `zone-${nodeId}`,
    weight: 1,
    membership: "active",
    health: "alive",
    isWritable: true,
    isLost: false,
    ...more,
  };
}

/** Silent, but not for long. */
export const SILENT: Partial<RepairNode> = { health: "dead", isWritable: false };
/** Silent for longer than anybody waits. */
export const LOST: Partial<RepairNode> = { ...SILENT, isLost: true };
export const DRAINING: Partial<RepairNode> = { membership: "draining", isWritable: false };
export const REMOVED: Partial<RepairNode> = { membership: "other", ...LOST };

export function copyset(copysetId: number, nodeIds: readonly number[], open = true): CopysetRow {
  return create(CopysetRowSchema, { copysetId: BigInt(copysetId), nodeIds: nodeIds.map(BigInt), open });
}

export function world(nodes: readonly RepairNode[], ...copysets: readonly CopysetRow[]): RepairWorld {
  const byId = new Map(nodes.map((each) => [each.nodeId, each]));
  const isActive = (nodeId: bigint) => byId.get(Number(nodeId))?.membership === "active";
  return {
    nodes: byId,
    copysets: new Map(copysets.map((each) => [each.copysetId, each])),
    homes: copysets.filter((each) => each.open && each.nodeIds.every(isActive)),
  };
}

/** A blob of full chunks on these nodes. */
export function blob(home: number, ...holders: readonly (readonly number[])[]): BlobRow {
  return create(BlobRowSchema, {
    blobId: new Uint8Array(16).fill(7),
    size: BigInt(holders.length * CHUNK),
    copysetId: BigInt(home),
    chunks: holders.map((nodeIds) => ({
      length: CHUNK,
      blake3: new Uint8Array(32),
      nodeIds: nodeIds.map(BigInt),
    })),
    referenceCount: 1n,
    state: BlobState.LIVE,
  });
}

/** The row after the step, as the state machine would have it. */
export function applyStep(row: BlobRow, step: BlobStep): BlobRow {
  switch (step.kind) {
    case "rehome":
      return { ...row, copysetId: step.toCopysetId };
    case "copy": {
      const copied = new Set(step.chunks.map(({ index }) => index));
      const chunks = row.chunks.map((chunk, index) =>
        copied.has(index) ? { ...chunk, nodeIds: [...chunk.nodeIds, BigInt(step.destination)] } : chunk,
      );
      return { ...row, chunks };
    }
    case "drop": {
      const dropped = BigInt(step.nodeId);
      const chunks = row.chunks.map((chunk) => ({
        ...chunk,
        nodeIds: chunk.nodeIds.filter((nodeId) => nodeId !== dropped),
      }));
      return { ...row, chunks };
    }
    default:
      return row;
  }
}

export function holdersOf(row: BlobRow): number[][] {
  return row.chunks.map((chunk) => chunk.nodeIds.map(Number).sort((a, b) => a - b));
}
