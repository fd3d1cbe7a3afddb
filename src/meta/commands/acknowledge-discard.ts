import {
  type AcknowledgeDiscard,
  type CommandResult,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { blobHexOf, discardOrderKey } from "../keys.ts";
import { MAX_BLOBS_PER_COMMAND, META_ID_BYTES } from "../limits.ts";
import { done, refused } from "../result.ts";

/** A node no longer has the copies that it was told to discard. Also proposed in the name of a removed node. */
export function acknowledgeDiscard(state: ApplyState, command: AcknowledgeDiscard): CommandResult {
  if (command.blobIds.length > MAX_BLOBS_PER_COMMAND) return refused(RefusalCode.TOO_LARGE, "too many blobs");
  for (const blobId of command.blobIds) {
    if (blobId.length !== META_ID_BYTES) continue;
    const order = discardOrderKey(command.nodeId, blobHexOf(blobId));
    if (state.has(order)) state.delete(order);
  }
  return done();
}
