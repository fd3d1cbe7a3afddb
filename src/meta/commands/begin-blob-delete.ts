import { assert } from "../../base/index.ts";
import {
  type BeginBlobDelete,
  type CommandResult,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BlobRow, BlobState, NodeRowSchema, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { readBlob, replaceBlob } from "../blobs.ts";
import { holdersOf, withHolders } from "../holders.ts";
import { blobHexOf, nodeKey, OUTSIDE_NODE_ID, pendingDeleteKey, unlinkOrderKey } from "../keys.ts";
import { MAX_BLOBS_PER_COMMAND, META_ID_BYTES } from "../limits.ts";
import { done, refused } from "../result.ts";

/**
 * Orders the nodes to unlink blobs, of those named that still have no reference and whose grace is over by leader time. The others are passed
 * over: a command that comes late or twice does nothing.
 */
export function beginBlobDelete(state: ApplyState, command: BeginBlobDelete): CommandResult {
  const cluster = state.cluster();
  if (cluster === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (command.blobIds.length > MAX_BLOBS_PER_COMMAND) return refused(RefusalCode.TOO_LARGE, "too many blobs");
  const graceMs = BigInt(cluster.deleteGraceSeconds) * 1000n;
  for (const blobId of command.blobIds) {
    if (blobId.length !== META_ID_BYTES) continue;
    const blobHex = blobHexOf(blobId);
    const blob = readBlob(state, blobHex);
    if (blob?.state !== BlobState.PENDING_DELETE) continue;
    assert(blob.referenceCount === 0n, "a blob that is pending deletion has no reference");
    if (blob.stateSinceMs + graceMs > state.nowMs) continue;
    order(state, blob, blobHex);
  }
  return done();
}

/** Whoever works for the stores outside the cluster has an order as a node has. A removed node's disks are gone: it is not asked, and no longer recorded as a holder. */
function order(state: ApplyState, blob: BlobRow, blobHex: string): void {
  state.delete(pendingDeleteKey(blob.stateSinceMs, blobHex));
  if (blob.searchStoreId !== 0n) {
    state.putEmpty(unlinkOrderKey(OUTSIDE_NODE_ID, blobHex));
    replaceBlob(state, blob, { ...blob, state: BlobState.DELETING, stateSinceMs: state.nowMs });
    return;
  }
  const reachable = holdersOf(blob).filter((nodeId) => {
    const node = state.read(nodeKey(nodeId), NodeRowSchema);
    return node !== undefined && node.state !== NodeState.REMOVED;
  });
  if (reachable.length === 0) {
    replaceBlob(state, blob, undefined);
    return;
  }
  for (const nodeId of reachable) state.putEmpty(unlinkOrderKey(nodeId, blobHex));
  replaceBlob(state, blob, {
    ...withHolders(blob, (nodeId) => reachable.includes(nodeId)),
    state: BlobState.DELETING,
    stateSinceMs: state.nowMs,
  });
}
