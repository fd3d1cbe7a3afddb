import { type CommandResult, RefusalCode, type RotateKey } from "../../gen/skerry/meta/v1/commands_pb.js";
import { KeyKind, KeyRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { accessKeyKey } from "../keys.ts";
import { KEY_HASH_BYTES, MAX_KEY_GRACE_SECONDS } from "../limits.ts";
import { done, refused } from "../result.ts";

/** Another secret for an API key. A secret that was already on its way out ends. */
export function rotateKey(state: ApplyState, command: RotateKey): CommandResult {
  const { keyId, secretHash, graceSeconds } = command;
  const rowKey = accessKeyKey(keyId);
  const row = state.read(rowKey, KeyRowSchema);
  if (row === undefined) return refused(RefusalCode.KEY_UNKNOWN, "");
  if (row.kind !== KeyKind.API) return refused(RefusalCode.INVALID, "only API keys are rotated");
  if (secretHash.length !== KEY_HASH_BYTES) return refused(RefusalCode.INVALID, "the hash of the secret");
  if (graceSeconds > MAX_KEY_GRACE_SECONDS) return refused(RefusalCode.INVALID, "the grace period");
  const isEnding = graceSeconds === 0n;
  state.write(rowKey, KeyRowSchema, {
    ...row,
    secretHash,
    previousSecretHash: isEnding ? new Uint8Array(0) : row.secretHash,
    previousUntilMs: isEnding ? 0n : state.nowMs + graceSeconds * 1000n,
  });
  return done();
}
