import type { CommandResult, TrimOplog } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { MAX_TRIMMED_ROWS } from "../limits.ts";
import { trimOplog as trim } from "../oplog.ts";
import { done } from "../result.ts";

/** Removes rows below a sequence, at most MAX_TRIMMED_ROWS at once: the proposer asks again while there are more. */
export function trimOplog(state: ApplyState, command: TrimOplog): CommandResult {
  const first = state.firstOplogSequence;
  const below = least(command.belowSequence, state.nextOplogSequence, first + MAX_TRIMMED_ROWS);
  if (below > first) trim(state, below);
  return done();
}

function least(...values: readonly bigint[]): bigint {
  return values.reduce((smallest, value) => (value < smallest ? value : smallest));
}
