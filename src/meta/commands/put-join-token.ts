import { type CommandResult, type PutJoinToken, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { ClusterRowSchema, JoinTokenRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isName } from "../heads.ts";
import { CLUSTER_KEY, joinTokenHashKey, joinTokenKey } from "../keys.ts";
import { MAX_JOIN_TOKENS } from "../limits.ts";
import { done, refused } from "../result.ts";

/** Length of a SHA-256, in bytes. */
const TOKEN_HASH_BYTES = 32;

export function putJoinToken(state: ApplyState, command: PutJoinToken): CommandResult {
  const { token } = command;
  const cluster = state.cluster();
  if (cluster === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (token === undefined || !isName(token.tokenId) || token.tokenHash.length !== TOKEN_HASH_BYTES) {
    return refused(RefusalCode.INVALID, "the token's id and hash");
  }
  if (token.expiresAtMs <= state.nowMs) return refused(RefusalCode.INVALID, "the token has expired");
  if (state.has(joinTokenKey(token.tokenId)) || state.has(joinTokenHashKey(token.tokenHash))) {
    return refused(RefusalCode.KEY_EXISTS, "a token of this id exists");
  }
  if (cluster.joinTokenCount >= MAX_JOIN_TOKENS) return refused(RefusalCode.TOO_LARGE, "too many tokens");
  state.write(joinTokenKey(token.tokenId), JoinTokenRowSchema, { ...token, createdAtMs: state.nowMs });
  state.put(joinTokenHashKey(token.tokenHash), new TextEncoder().encode(token.tokenId));
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, joinTokenCount: cluster.joinTokenCount + 1 });
  return done();
}
