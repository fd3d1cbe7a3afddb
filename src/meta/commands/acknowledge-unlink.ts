import { assert } from "../../base/index.ts";
import {
  type AcknowledgeUnlink,
  type CommandResult,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { readBlob, replaceBlob } from "../blobs.ts";
import { holdersOf, withHolders } from "../holders.ts";
import { blobHexOf, unlinkOrderKey } from "../keys.ts";
import { MAX_BLOBS_PER_COMMAND, META_ID_BYTES } from "../limits.ts";
import { done, refused } from "../result.ts";

/** A node no longer holds these blobs. The last holder takes the blob's row with it. Also proposed in the name of a removed node, and of the stores outside the cluster. */
export function acknowledgeUnlink(state: ApplyState, command: AcknowledgeUnlink): CommandResult {
  if (command.blobIds.length > MAX_BLOBS_PER_COMMAND) return refused(RefusalCode.TOO_LARGE, "too many blobs");
  for (const blobId of command.blobIds) {
    if (blobId.length === META_ID_BYTES) acknowledge(state, command.nodeId, blobHexOf(blobId));
  }
  return done();
}

function acknowledge(state: ApplyState, nodeId: bigint, blobHex: string): void {
  const order = unlinkOrderKey(nodeId, blobHex);
  if (!state.has(order)) return;
  state.delete(order);
  const blob = readBlob(state, blobHex);
  assert(blob?.state === BlobState.DELETING, "an unlink order belongs to a blob that is being deleted");
  const left = withHolders(blob, (holder) => holder !== nodeId);
  replaceBlob(state, blob, holdersOf(left).length === 0 ? undefined : left);
}
