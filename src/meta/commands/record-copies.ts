import { equalBytes } from "../../base/index.ts";
import {
  type CommandResult,
  type CopiedBlob,
  type RecordCopies,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BlobChunk, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { replaceBlob } from "../blobs.ts";
import { blobHexOf, discardOrderKey } from "../keys.ts";
import { MAX_HOLDERS, MAX_MOVED_BLOBS, MAX_MOVED_CHUNKS } from "../limits.ts";
import { refused } from "../result.ts";
import { findMovable, forEachBlob, NOT_MOVABLE, nodeStateOf } from "./copies.ts";

/**
 * A node has made chunks durable and compared them with their hashes. It counts only if it is active, if the hashes are the recorded ones,
 * and if nobody has been told to discard copies since it began: a command that comes late must not name bytes that are gone by then.
 */
export function recordCopies(state: ApplyState, command: RecordCopies): CommandResult {
  const chunks = command.blobs.reduce((sum, blob) => sum + blob.chunks.length, 0);
  if (command.blobs.length > MAX_MOVED_BLOBS || chunks > MAX_MOVED_CHUNKS) {
    return refused(RefusalCode.TOO_LARGE, "too many copies");
  }
  if (nodeStateOf(state, command.nodeId) !== NodeState.ACTIVE) {
    return refused(RefusalCode.NODE_UNKNOWN, "only an active node takes copies");
  }
  return forEachBlob(command.blobs, (copied) => record(state, command.nodeId, copied));
}

function record(state: ApplyState, nodeId: bigint, copied: CopiedBlob): RefusalCode | undefined {
  const blob = findMovable(state, copied.blobId);
  if (blob === undefined) return NOT_MOVABLE;
  if (blob.discards !== copied.seenDiscards) return RefusalCode.COPY_REFUSED;
  if (state.has(discardOrderKey(nodeId, blobHexOf(blob.blobId)))) return RefusalCode.COPY_REFUSED;
  const chunks: BlobChunk[] = [...blob.chunks];
  for (const { index, blake3 } of copied.chunks) {
    const chunk = chunks[index];
    if (chunk === undefined || !equalBytes(chunk.blake3, blake3)) return RefusalCode.COPY_REFUSED;
    if (chunk.nodeIds.includes(nodeId)) continue;
    if (chunk.nodeIds.length >= MAX_HOLDERS) return RefusalCode.COPY_REFUSED;
    chunks[index] = { ...chunk, nodeIds: [...chunk.nodeIds, nodeId] };
  }
  replaceBlob(state, blob, { ...blob, chunks });
  return undefined;
}
