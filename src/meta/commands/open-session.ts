import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  type OpenSession,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeSessionsRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { nodeSessionsKey } from "../keys.ts";
import { MAX_SESSIONS_PER_NODE } from "../limits.ts";

/** One session more for a node. Where it has too many, the oldest goes: a process that crashes over and over leaves only a few behind. */
export function openSession(state: ApplyState, command: OpenSession): CommandResult {
  const sessionId = state.takeSessionId();
  const rowKey = nodeSessionsKey(command.nodeId);
  const sessionIds = [...(state.read(rowKey, NodeSessionsRowSchema)?.sessionIds ?? []), sessionId];
  while (sessionIds.length > MAX_SESSIONS_PER_NODE) {
    const oldest = sessionIds.shift();
    if (oldest !== undefined) state.sessions.close(oldest);
  }
  state.sessions.open(sessionId, command.nodeId, state.nowMs);
  state.write(rowKey, NodeSessionsRowSchema, create(NodeSessionsRowSchema, { sessionIds }));
  return create(CommandResultSchema, { result: { case: "sessionOpened", value: { sessionId } } });
}
