import type { CommandResult } from "../../gen/skerry/meta/v1/commands_pb.js";

/** How long a worker waits for its command; it comes again anyway. In milliseconds. */
export const submitTimeoutMs = 30_000;

/** Whether the state machine did what was asked. A refusal means that the world has moved on: the worker looks again later. */
export function isDone(result: CommandResult): boolean {
  return result.result.case === "done";
}
