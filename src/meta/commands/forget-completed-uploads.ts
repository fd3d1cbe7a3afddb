import {
  type CommandResult,
  type ForgetCompletedUploads,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { completedUploadKey } from "../keys.ts";
import { MAX_FORGOTTEN_UPLOADS, META_ID_BYTES } from "../limits.ts";
import { done, refused } from "../result.ts";

/** After it, repeating one of these completions is answered UPLOAD_UNKNOWN. */
export function forgetCompletedUploads(state: ApplyState, command: ForgetCompletedUploads): CommandResult {
  if (command.uploadIds.length > MAX_FORGOTTEN_UPLOADS)
    return refused(RefusalCode.TOO_LARGE, "too many uploads");
  for (const uploadId of command.uploadIds) {
    if (uploadId.length !== META_ID_BYTES) continue;
    const key = completedUploadKey(uploadId);
    if (state.has(key)) state.delete(key);
  }
  return done();
}
