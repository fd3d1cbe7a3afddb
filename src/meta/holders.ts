import type { BlobRow } from "../gen/skerry/meta/v1/rows_pb.js";

/** The distinct nodes that hold any chunk of a blob, in the order in which they are first named. */
export function holdersOf(blob: BlobRow): bigint[] {
  const holders: bigint[] = [];
  for (const chunk of blob.chunks) {
    for (const nodeId of chunk.nodeIds) {
      if (!holders.includes(nodeId)) holders.push(nodeId);
    }
  }
  return holders;
}

/** The blob with only those holders that `keep` says. */
export function withHolders(blob: BlobRow, keep: (nodeId: bigint) => boolean): BlobRow {
  return {
    ...blob,
    chunks: blob.chunks.map((chunk) => ({ ...chunk, nodeIds: chunk.nodeIds.filter(keep) })),
  };
}
