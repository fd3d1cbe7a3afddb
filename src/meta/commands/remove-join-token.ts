import { assert } from "../../base/index.ts";
import {
  type CommandResult,
  RefusalCode,
  type RemoveJoinToken,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { ClusterRowSchema, type JoinTokenRow, JoinTokenRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { CLUSTER_KEY, joinTokenHashKey, joinTokenKey } from "../keys.ts";
import { done, refused } from "../result.ts";

export function removeJoinToken(state: ApplyState, command: RemoveJoinToken): CommandResult {
  const token = state.read(joinTokenKey(command.tokenId), JoinTokenRowSchema);
  if (token === undefined) return refused(RefusalCode.TOKEN_INVALID, "");
  forgetToken(state, token);
  return done();
}

/** Removes a token's rows and counts it off; the cluster row changes. */
export function forgetToken(state: ApplyState, token: JoinTokenRow): void {
  const cluster = state.cluster();
  assert(cluster !== undefined && cluster.joinTokenCount > 0, "a cluster with a token counts it");
  state.delete(joinTokenKey(token.tokenId));
  state.delete(joinTokenHashKey(token.tokenHash));
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, joinTokenCount: cluster.joinTokenCount - 1 });
}
