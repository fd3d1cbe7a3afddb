import {
  type CommandResult,
  type DropCopies,
  type DroppedCopy,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BlobRow, BlobState, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { replaceBlob, targetCopies } from "../blobs.ts";
import { withHolders } from "../holders.ts";
import { blobHexOf, discardOrderKey } from "../keys.ts";
import { MAX_MOVED_BLOBS } from "../limits.ts";
import { writeQuorum } from "../manifest.ts";
import { refused } from "../result.ts";
import { findMovable, forEachBlob, NOT_MOVABLE, nodeStateOf } from "./copies.ts";

/**
 * Takes copies off nodes that need not hold them any more. Decided here, so that two of these commands, or one and the loss of another copy,
 * can never take the last copies: every chunk keeps as many holders on active nodes as it should have, or as a commit needs where nothing refers to it any
 * more and the node leaves.
 */
export function dropCopies(state: ApplyState, command: DropCopies): CommandResult {
  if (command.copies.length > MAX_MOVED_BLOBS) return refused(RefusalCode.TOO_LARGE, "too many copies");
  return forEachBlob(command.copies, (copy) => drop(state, copy));
}

function drop(state: ApplyState, { blobId, nodeId }: DroppedCopy): RefusalCode | undefined {
  const blob = findMovable(state, blobId);
  if (blob === undefined) return NOT_MOVABLE;
  const nodeState = nodeStateOf(state, nodeId);
  // A removed node is told nothing: what it held is lost, which another command says.
  if (nodeState === undefined || nodeState === NodeState.REMOVED) return RefusalCode.NODE_UNKNOWN;
  const needed = neededCopies(state, blob, nodeState);
  const left = withHolders(blob, (holder) => holder !== nodeId);
  for (const [index, chunk] of blob.chunks.entries()) {
    if (!chunk.nodeIds.includes(nodeId)) continue;
    const good = left.chunks[index]?.nodeIds.filter(
      (holder) => nodeStateOf(state, holder) === NodeState.ACTIVE,
    );
    if ((good?.length ?? 0) < needed) return RefusalCode.COPY_REFUSED;
  }
  replaceBlob(state, blob, { ...left, discards: blob.discards + 1n });
  state.putEmpty(discardOrderKey(nodeId, blobHexOf(blobId)));
  return undefined;
}

/**
 * Bytes that nothing refers to must not hold up a node that leaves for as long as their grace lasts. Should they get a reference again, they are as durable as
 * an acknowledged write, and repair makes the missing copy.
 */
function neededCopies(state: ApplyState, blob: BlobRow, leaving: NodeState): number {
  const target = targetCopies(state, blob);
  if (blob.state !== BlobState.PENDING_DELETE || leaving !== NodeState.DRAINING) return target;
  return writeQuorum(state.cluster()?.replicationFactor ?? target, target);
}
