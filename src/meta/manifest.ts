/** Checks on what a manifest is made of: new blobs, the nodes that hold them, and slices. Nothing here changes anything. */

import { equalBytes, timeOfIdMs } from "../base/index.ts";
import { type NewBlob, type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  type BlobChunk,
  type BlobSlice,
  type CopysetRow,
  CopysetRowSchema,
  NodeRowSchema,
  NodeState,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { blobHexOf, copysetKey, nodeKey, searchStoreKey } from "./keys.ts";
import {
  BLAKE3_BYTES,
  CHUNK_BYTES,
  LAYOUT_EPOCH_LAG,
  MAX_BLOB_WRITE_MS,
  MAX_INLINE_BYTES,
  MAX_NEW_BLOBS,
  MAX_SLICES,
  META_ID_BYTES,
} from "./limits.ts";
import { refusal } from "./result.ts";

/** A blob that may be stored, with only the holders that count. */
export interface AcceptedBlob {
  readonly blob: NewBlob;
  readonly blobHex: string;
  readonly chunks: BlobChunk[];
}

export type Acceptance =
  | { readonly kind: "accepted"; readonly blobs: readonly AcceptedBlob[] }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * Nodes that must hold a chunk before it may be committed: a majority of the copies that the cluster aims for, or of the copyset where that
 * has fewer nodes.
 */
export function writeQuorum(replicationFactor: number, copysetNodes: number): number {
  return Math.floor(Math.min(replicationFactor, copysetNodes) / 2) + 1;
}

/** Every blob new, whole, and durable on a write quorum of members; the slices cover all of them and add up to `size`. */
export function acceptManifest(
  state: ApplyState,
  manifest: {
    readonly blobs: readonly NewBlob[];
    readonly slices: readonly BlobSlice[];
    readonly size: bigint;
    /** Whether the bytes may be in a store outside the cluster. */
    readonly mayBeOutside?: boolean;
  },
): Acceptance {
  if (manifest.blobs.length > MAX_NEW_BLOBS) return invalid("too many blobs");
  const sizes = new Map<string, bigint>();
  const blobs: AcceptedBlob[] = [];
  for (const blob of manifest.blobs) {
    if (blob.blobId.length !== META_ID_BYTES) return invalid("a blob id has 16 bytes");
    const blobHex = blobHexOf(blob.blobId);
    if (sizes.has(blobHex) || state.hasBlob(blobHex)) return invalid("a blob id is used once");
    sizes.set(blobHex, blob.size);
    const accepted = accept(state, blob, blobHex, manifest.mayBeOutside === true);
    if ("code" in accepted) return { kind: "refused", refusal: accepted };
    blobs.push(accepted);
  }
  const problem = checkSlices(manifest.slices, manifest.size, sizes);
  return problem === undefined ? { kind: "accepted", blobs } : { kind: "refused", refusal: problem };
}

function accept(
  state: ApplyState,
  blob: NewBlob,
  blobHex: string,
  mayBeOutside: boolean,
): AcceptedBlob | Refusal {
  if (blob.searchStoreId === 0n)
    return blob.isInline ? acceptInline(blob, blobHex) : acceptChunked(state, blob, blobHex);
  return mayBeOutside
    ? acceptOutside(state, blob, blobHex)
    : invalidBlob("only what is indexed is outside the cluster");
}

/** Whoever looks for garbage in a store relies on this: what was begun too long ago can not come into being any more. */
function acceptOutside(state: ApplyState, blob: NewBlob, blobHex: string): AcceptedBlob | Refusal {
  if (blob.isInline || blob.inlineData.length > 0 || blob.chunks.length > 0 || blob.copysetId !== 0n)
    return invalidBlob("a blob outside the cluster has its bytes there");
  if (blob.size === 0n) return invalidBlob("the size of a blob outside the cluster");
  if (isExpired(blob.blobId, state.nowMs))
    return refusal(RefusalCode.BLOB_EXPIRED, "the bytes were begun too long ago");
  if (!state.has(searchStoreKey(blob.searchStoreId))) return refusal(RefusalCode.SEARCH_STORE_UNKNOWN, "");
  return { blob, blobHex, chunks: [] };
}

function acceptInline(blob: NewBlob, blobHex: string): AcceptedBlob | Refusal {
  const lengthBytes = blob.inlineData.length;
  if (lengthBytes === 0 || lengthBytes > MAX_INLINE_BYTES) return invalidBlob("the length of an inline blob");
  if (BigInt(lengthBytes) !== blob.size || blob.chunks.length > 0)
    return invalidBlob("the size of an inline blob");
  return { blob, blobHex, chunks: [] };
}

function acceptChunked(state: ApplyState, blob: NewBlob, blobHex: string): AcceptedBlob | Refusal {
  const problem = checkChunkShape(blob);
  if (problem !== undefined) return problem;
  if (isExpired(blob.blobId, state.nowMs)) {
    return refusal(RefusalCode.BLOB_EXPIRED, "the bytes were begun too long ago");
  }
  const cluster = state.cluster();
  const copyset = state.read(copysetKey(blob.copysetId), CopysetRowSchema);
  if (cluster === undefined || copyset === undefined) return stale("the copyset is unknown");
  if (blob.layoutEpoch > cluster.layoutEpoch) return stale("the layout epoch is not known yet");
  const recent = blob.layoutEpoch + LAYOUT_EPOCH_LAG >= cluster.layoutEpoch;
  if (!copyset.open && !recent) return stale("the copyset was closed");
  const quorum = writeQuorum(cluster.replicationFactor, copyset.nodeIds.length);
  const chunks: BlobChunk[] = [];
  for (const chunk of blob.chunks) {
    const nodeIds = holdersThatCount(state, copyset, chunk.nodeIds);
    if (nodeIds.length < quorum) return stale("too few members hold a chunk");
    chunks.push({ ...chunk, nodeIds });
  }
  return { blob, blobHex, chunks };
}

/** Whether no commit can bring the blob into being any more at this leader time. Leader time never goes back, so that this is final. */
export function isExpired(blobId: Uint8Array, leaderTimeMs: bigint): boolean {
  return BigInt(timeOfIdMs(blobId) + MAX_BLOB_WRITE_MS) < leaderTimeMs;
}

function checkChunkShape(blob: NewBlob): Refusal | undefined {
  if (blob.inlineData.length > 0) return invalidBlob("a chunked blob has no inline bytes");
  // Readers find a byte's chunk by the length of the first one.
  const full = Math.min(CHUNK_BYTES, blob.chunks[0]?.length ?? 0);
  let size = 0;
  for (const [index, chunk] of blob.chunks.entries()) {
    const isLast = index === blob.chunks.length - 1;
    if (chunk.length < 1 || chunk.length > full) return invalidBlob("the length of a chunk");
    if (!isLast && chunk.length !== full) return invalidBlob("all chunks but the last are full");
    if (chunk.blake3.length !== BLAKE3_BYTES) return invalidBlob("the hash of a chunk");
    size += chunk.length;
  }
  if (size === 0 || BigInt(size) !== blob.size) return invalidBlob("the sizes of the chunks do not add up");
  return undefined;
}

/**
 * Distinct nodes that hold a chunk and count: members of the copyset that are in the cluster, and any active node (a spare that took the place
 * of a slow one). A node that was removed or has never been active does not count, and is not recorded.
 */
function holdersThatCount(state: ApplyState, copyset: CopysetRow, nodeIds: readonly bigint[]): bigint[] {
  const counted: bigint[] = [];
  for (const nodeId of nodeIds) {
    if (counted.includes(nodeId)) continue;
    const node = state.read(nodeKey(nodeId), NodeRowSchema);
    const isMember = node?.state === NodeState.DRAINING && copyset.nodeIds.includes(nodeId);
    if (node?.state === NodeState.ACTIVE || isMember) counted.push(nodeId);
  }
  return counted;
}

function checkSlices(
  slices: readonly BlobSlice[],
  size: bigint,
  blobSizes: ReadonlyMap<string, bigint>,
): Refusal | undefined {
  if (slices.length > MAX_SLICES) return refusal(RefusalCode.TOO_LARGE, "too many slices");
  const used = new Set<string>();
  let total = 0n;
  for (const slice of slices) {
    if (slice.blobId.length !== META_ID_BYTES) return invalidBlob("a slice's blob id has 16 bytes");
    const blobHex = blobHexOf(slice.blobId);
    const blobSize = blobSizes.get(blobHex);
    if (blobSize === undefined) return invalidBlob("a slice names a blob that is not in the command");
    if (slice.length === 0n || slice.offset + slice.length > blobSize)
      return invalidBlob("a slice lies in its blob");
    used.add(blobHex);
    total += slice.length;
  }
  if (total !== size) return invalidBlob("the slices do not add up to the size");
  if (used.size !== blobSizes.size) return invalidBlob("every blob is part of the manifest");
  return undefined;
}

/** Slices of a copied part: each must lie in a slice of the source. */
export function checkCopiedSlices(
  slices: readonly BlobSlice[],
  size: bigint,
  source: readonly BlobSlice[],
): Refusal | undefined {
  if (slices.length > MAX_SLICES) return refusal(RefusalCode.TOO_LARGE, "too many slices");
  let total = 0n;
  // Both are in the order of the bytes, so that one pass is enough.
  let at = 0;
  for (const slice of slices) {
    if (slice.length === 0n) return invalidBlob("a slice is not empty");
    while (at < source.length && !contains(source[at]!, slice)) at++;
    if (at === source.length) return invalidBlob("a slice is not one of the source's");
    total += slice.length;
  }
  return total === size ? undefined : invalidBlob("the slices do not add up to the size");
}

function contains(outer: BlobSlice, inner: BlobSlice): boolean {
  return (
    equalBytes(outer.blobId, inner.blobId) &&
    inner.offset >= outer.offset &&
    inner.offset + inner.length <= outer.offset + outer.length
  );
}

function invalid(detail: string): Acceptance {
  return { kind: "refused", refusal: invalidBlob(detail) };
}

function invalidBlob(detail: string): Refusal {
  return refusal(RefusalCode.BLOB_INVALID, detail);
}

function stale(detail: string): Refusal {
  return refusal(RefusalCode.LAYOUT_STALE, detail);
}
