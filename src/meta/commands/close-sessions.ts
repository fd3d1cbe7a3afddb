import { create } from "@bufbuild/protobuf";
import { type CloseSessions, type CommandResult, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeSessionsRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { nodeSessionsKey } from "../keys.ts";
import { MAX_CLOSED_SESSIONS, SESSION_IDLE_MS } from "../limits.ts";
import { done, refused } from "../result.ts";
import type { SessionState } from "../sessions.ts";

/** Closes those of the sessions that have been idle for SESSION_IDLE_MS by leader time; the others are passed over. */
export function closeSessions(state: ApplyState, command: CloseSessions): CommandResult {
  if (command.sessionIds.length > MAX_CLOSED_SESSIONS)
    return refused(RefusalCode.TOO_LARGE, "too many sessions");
  for (const sessionId of command.sessionIds) {
    const session = state.sessions.find(sessionId);
    if (session === undefined || session.lastUsedMs + BigInt(SESSION_IDLE_MS) > state.nowMs) continue;
    state.sessions.close(sessionId);
    forget(state, session);
  }
  return done();
}

function forget(state: ApplyState, session: SessionState): void {
  const rowKey = nodeSessionsKey(session.nodeId);
  const known = state.read(rowKey, NodeSessionsRowSchema)?.sessionIds ?? [];
  const sessionIds = known.filter((sessionId) => sessionId !== session.sessionId);
  if (sessionIds.length === 0) state.delete(rowKey);
  else state.write(rowKey, NodeSessionsRowSchema, create(NodeSessionsRowSchema, { sessionIds }));
}
