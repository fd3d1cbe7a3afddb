/**
 * Chunks on this node's disks, and the RPC that moves them between nodes.
 *
 * A chunk is up to 4 MiB of an immutable blob. It lies in a record of a segment, an append-only file; a local index says where. The cluster
 * never learns where on a disk a chunk lies. The formats are drawn in `header.ts`, `record.ts`, `footer.ts` and `index-rows.ts`, and with
 * everything else about this module in `docs/internals/segment.md`.
 *
 * How the parts fit
 * - `store.ts` is the store of one disk: it opens, joins the parts, watches free space and tries a failed disk again. `reopening-store.ts` opens it
 *   again when its disk had refused something at the first time.
 * - `writer.ts` is its one writer: it groups appends and tombstones, makes a group durable with one write and one sync (`open-segment.ts`),
 *   then lets it count. `reader.ts` reads and verifies. `collector.ts` removes dead segments, `rewriter.ts` empties half-dead ones, and
 *   `disk-room.ts` says who may still write when the disk becomes full.
 * - `chunk-index.ts` holds the index, `accounting.ts` what each segment holds alive and dead, `recovery.ts` brings both up to what the
 *   segments hold (`scan.ts`) when a store is opened.
 * - `chunk-service.ts` serves chunks to peers (`write-session.ts`, `read-session.ts`, `guard.ts`); `chunk-client.ts` and `chunk-read.ts`
 *   are the other end; `wire.ts` has the messages.
 *
 * Invariants
 * 1. An append is acknowledged only after a sync that began after its write had ended. After a failed sync the segment is not appended to
 *    again, and what was not acknowledged is cut off.
 * 2. Bytes leave a store only after every block that they lie in was checked against the record's checksums. What does not match is
 *    quarantined: never served, never a source of repair, replaced by the next append of the same chunk.
 * 3. Records have one order: (segment id, position). A tombstone kills what lies before it. It exists as long as anything that it kills.
 * 4. The index may lag behind the segments and never runs ahead of a checkpoint: what a checkpoint says is durable. Everything after it is
 *    made again from the segments.
 * 5. A group is written only when all groups before it are durable: only the last group of a file can be torn.
 * 6. A failing disk degrades its own store: appends are refused with a reason, reads go on.
 */

export { blockChecksums } from "./checksums.ts";
export { type ChunkClientOptions, createChunkClient } from "./chunk-client.ts";
export { type ChunkServiceLimits, type ChunkServiceOptions, chunkServiceHandlers } from "./chunk-service.ts";
export type { SegmentErrorCode } from "./errors.ts";
export type { SegmentIdentity } from "./header.ts";
export { openSegmentStore } from "./open-store.ts";
export {
  CHUNK_BYTES,
  type ChunkAddress,
  type ChunkBlocks,
  type ChunkBytes,
  type ChunkClient,
  type ChunkData,
  type ChunkServiceGuard,
  type SegmentDamage,
  type SegmentStore,
  type SegmentStoreStatus,
} from "./ports.ts";
export { type RewriteWorkerOptions, rewriteWorker } from "./rewrite-worker.ts";
export type { SegmentStoreOptions, SegmentStoreSettings } from "./store.ts";
