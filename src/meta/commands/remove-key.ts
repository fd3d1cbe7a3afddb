import { assert } from "../../base/index.ts";
import { type CommandResult, RefusalCode, type RemoveKey } from "../../gen/skerry/meta/v1/commands_pb.js";
import { ClusterRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { accessKeyKey, CLUSTER_KEY } from "../keys.ts";
import { done, refused } from "../result.ts";

export function removeKey(state: ApplyState, command: RemoveKey): CommandResult {
  const rowKey = accessKeyKey(command.keyId);
  if (!state.has(rowKey)) return refused(RefusalCode.KEY_UNKNOWN, "");
  const cluster = state.cluster();
  assert(cluster !== undefined && cluster.keyCount > 0, "a cluster with a key counts it");
  state.delete(rowKey);
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, keyCount: cluster.keyCount - 1 });
  return done();
}
