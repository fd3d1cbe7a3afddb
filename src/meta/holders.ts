import type { BlobChunk, BlobRow } from "../gen/skerry/meta/v1/rows_pb.js";

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

/** Copies of the chunk that has the fewest. */
export function copiesPresent(blob: BlobRow): number {
  return blob.chunks.reduce(
    (fewest, chunk) => Math.min(fewest, chunk.nodeIds.length),
    Number.MAX_SAFE_INTEGER,
  );
}

/** The bytes that each node holds of these chunks. */
export function heldBytes(chunks: readonly BlobChunk[]): ReadonlyMap<bigint, bigint> {
  const held = new Map<bigint, bigint>();
  for (const chunk of chunks) {
    for (const nodeId of chunk.nodeIds) held.set(nodeId, (held.get(nodeId) ?? 0n) + BigInt(chunk.length));
  }
  return held;
}
