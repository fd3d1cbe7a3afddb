import {
  type CommandResult,
  type LostBlob,
  RefusalCode,
  type ReportLost,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { replaceBlob } from "../blobs.ts";
import { MAX_MOVED_BLOBS, MAX_MOVED_CHUNKS } from "../limits.ts";
import { refused } from "../result.ts";
import { findMovable, forEachBlob, NOT_MOVABLE, nodeStateOf } from "./copies.ts";

/**
 * A node does not have chunks that it is recorded for, or has them damaged. A blob that loses its last copy so is kept, and stays in the index
 * of those with too few: its bytes may turn up again.
 */
export function reportLost(state: ApplyState, command: ReportLost): CommandResult {
  const chunks = command.blobs.reduce((sum, blob) => sum + blob.chunkIndexes.length, 0);
  if (command.blobs.length > MAX_MOVED_BLOBS || chunks > MAX_MOVED_CHUNKS) {
    return refused(RefusalCode.TOO_LARGE, "too many copies");
  }
  if (nodeStateOf(state, command.nodeId) === undefined) return refused(RefusalCode.NODE_UNKNOWN, "");
  return forEachBlob(command.blobs, (lost) => forget(state, command.nodeId, lost));
}

function forget(state: ApplyState, nodeId: bigint, lost: LostBlob): RefusalCode | undefined {
  const blob = findMovable(state, lost.blobId);
  if (blob === undefined) return NOT_MOVABLE;
  const named = new Set(lost.chunkIndexes);
  const chunks = blob.chunks.map((chunk, index) => {
    if (named.size > 0 && !named.has(index)) return chunk;
    return { ...chunk, nodeIds: chunk.nodeIds.filter((holder) => holder !== nodeId) };
  });
  replaceBlob(state, blob, { ...blob, chunks });
  return undefined;
}
