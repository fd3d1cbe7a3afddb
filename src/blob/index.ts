/**
 * Blobs: immutable runs of bytes.
 *
 * A blob is written once, by streaming (`write.ts`): the source's bytes are gathered into chunks of 4 MiB, digested on the way, and each
 * chunk is sent to all nodes of the blob's copyset at once (`fan-out.ts`). A chunk counts when a write quorum has made it durable; a node
 * that fails is replaced by a spare, one that is slow is left behind. Only when every chunk counts does `write` resolve, and only the
 * metadata commit that follows makes the blob exist: whatever fails before leaves bytes that no row names.
 *
 * A small blob has no chunks: its bytes travel inside the commit.
 *
 * Reading (`read.ts`) asks the nearest node that is recorded as a holder, the next one when that fails, and two at once when the first is
 * slow. Bytes are verified by whoever delivers them, block by block; what is not verified is never passed on.
 *
 * A thread that has no segments reads and writes the blobs of one that has (`thread/`): rows, bytes and their memory go back and forth over a port, within
 * a window for each blob. Small blobs stay on their own thread.
 *
 * Memory: writers share the budget of `buffers.ts` and wait for it. A reader holds two steps of 1 MiB as long as the budget of all readers has room, and
 * else one of 64 KiB: it does not wait, since those who hold the budget may wait for their clients, or for the budget of writers.
 */

export { type ClusterBlobStoreOptions, createClusterBlobStore } from "./cluster-driver.ts";
export { BlobError, type BlobErrorCode } from "./errors.ts";
export type {
  BlobPlacement,
  BlobStore,
  BlobWriteRequest,
  BlobWritten,
  ChunkTarget,
  ChunkTargets,
} from "./ports.ts";
export { inlineBytes } from "./read.ts";
export type { BlobTurn, FromBlobs, ToBlobs } from "./thread/protocol.ts";
export { RemoteBlobs, type RemoteBlobsOptions } from "./thread/remote-blobs.ts";
export { type BlobsForThread, type ServeBlobsOptions, serveBlobs } from "./thread/serve-blobs.ts";
