import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  type PutWorkerCursor,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { WorkerCursorRow_Worker, WorkerCursorRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { workerCursorKey } from "../keys.ts";
import { MAX_WORKER_CURSOR_BYTES } from "../limits.ts";
import { done, refused } from "../result.ts";

/** Of two leaders that both believe to lead, one is refused and looks again. */
export function putWorkerCursor(state: ApplyState, command: PutWorkerCursor): CommandResult {
  const { worker, cursor } = command;
  if (WorkerCursorRow_Worker[worker] === undefined || worker === WorkerCursorRow_Worker.UNSPECIFIED) {
    return refused(RefusalCode.INVALID, "there is no such worker");
  }
  if (cursor.length > MAX_WORKER_CURSOR_BYTES) {
    return refused(RefusalCode.TOO_LARGE, `a cursor has at most ${MAX_WORKER_CURSOR_BYTES} bytes`);
  }
  const key = workerCursorKey(worker);
  const revision = state.read(key, WorkerCursorRowSchema)?.revision ?? 0n;
  if (revision !== command.expectedRevision) return refused(RefusalCode.CURSOR_CHANGED, "");
  const row = { worker, revision: revision + 1n, cursor, updatedAtMs: state.nowMs };
  state.write(key, WorkerCursorRowSchema, create(WorkerCursorRowSchema, row));
  return done();
}
