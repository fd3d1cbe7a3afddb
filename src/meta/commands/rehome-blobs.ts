import {
  type CommandResult,
  RefusalCode,
  type RehomeBlobs,
  type RehomedBlob,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { CopysetRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { replaceBlob } from "../blobs.ts";
import { copysetKey } from "../keys.ts";
import { MAX_MOVED_BLOBS } from "../limits.ts";
import { refused } from "../result.ts";
import { findMovable, forEachBlob, NOT_MOVABLE } from "./copies.ts";

/** Blobs belong to another copyset from now on: whoever repairs brings their copies there. */
export function rehomeBlobs(state: ApplyState, command: RehomeBlobs): CommandResult {
  if (command.blobs.length > MAX_MOVED_BLOBS) return refused(RefusalCode.TOO_LARGE, "too many blobs");
  return forEachBlob(command.blobs, (rehomed) => rehome(state, rehomed));
}

function rehome(state: ApplyState, rehomed: RehomedBlob): RefusalCode | undefined {
  const blob = findMovable(state, rehomed.blobId);
  if (blob === undefined) return NOT_MOVABLE;
  if (blob.copysetId !== rehomed.fromCopysetId) return RefusalCode.COPY_REFUSED;
  const home = state.read(copysetKey(rehomed.toCopysetId), CopysetRowSchema);
  if (home === undefined || !home.open) return RefusalCode.LAYOUT_STALE;
  replaceBlob(state, blob, { ...blob, copysetId: home.copysetId });
  return undefined;
}
