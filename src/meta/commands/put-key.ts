import { type CommandResult, type PutKey, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { ClusterRowSchema, KeyKind, KeyRole, KeyRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isName } from "../heads.ts";
import { accessKeyKey, CLUSTER_KEY } from "../keys.ts";
import { MAX_KEYS } from "../limits.ts";
import { done, refused } from "../result.ts";

/** A new key, or another one in its place; its time of creation is when the id was first used. */
export function putKey(state: ApplyState, command: PutKey): CommandResult {
  const { key } = command;
  const cluster = state.cluster();
  if (cluster === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (key === undefined || !isName(key.keyId)) return refused(RefusalCode.INVALID, "the key's id");
  if (key.kind === KeyKind.UNSPECIFIED || key.role === KeyRole.UNSPECIFIED) {
    return refused(RefusalCode.INVALID, "the key's kind and role");
  }
  const rowKey = accessKeyKey(key.keyId);
  const known = state.read(rowKey, KeyRowSchema);
  if (known !== undefined && !command.replace) return refused(RefusalCode.KEY_EXISTS, "");
  if (known === undefined && command.onlyExisting) return refused(RefusalCode.KEY_UNKNOWN, "");
  if (known === undefined) {
    if (cluster.keyCount >= MAX_KEYS) return refused(RefusalCode.TOO_LARGE, "too many keys");
    state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, keyCount: cluster.keyCount + 1 });
  }
  state.write(rowKey, KeyRowSchema, { ...key, createdAtMs: known?.createdAtMs ?? state.nowMs });
  return done();
}
