import { create } from "@bufbuild/protobuf";
import {
  type AcknowledgeMaintenance,
  type CommandResult,
  RefusalCode,
  type SetMaintenance,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type MaintenanceRow,
  MaintenanceRowSchema,
  MaintenanceState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { MAINTENANCE_KEY } from "../keys.ts";
import { MAX_MAINTENANCE_NODES } from "../limits.ts";
import { done, refused } from "../result.ts";

/** Off and exiting lead to entering, entering and quiesced lead to exiting; with force, or when there is nobody to wait for, at once to the end. */
export function setMaintenance(state: ApplyState, command: SetMaintenance): CommandResult {
  const { expectedEpoch, on, force, nodeIds } = command;
  if (state.cluster() === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (nodeIds.length > MAX_MAINTENANCE_NODES) return refused(RefusalCode.INVALID, "the number of nodes");
  const row = state.maintenance();
  const epoch = row?.epoch ?? 0n;
  if (epoch !== expectedEpoch) return refused(RefusalCode.MAINTENANCE_CHANGED, "");
  const waitingNodeIds = force ? [] : [...new Set(nodeIds)];
  const begun = on ? MaintenanceState.ENTERING : MaintenanceState.EXITING;
  writeRow(state, { state: begun, epoch: epoch + 1n, waitingNodeIds });
  return done();
}

/** The last node that was waited for completes the change. */
export function acknowledgeMaintenance(state: ApplyState, command: AcknowledgeMaintenance): CommandResult {
  const row = state.maintenance();
  if (row === undefined || row.epoch !== command.epoch) return refused(RefusalCode.MAINTENANCE_CHANGED, "");
  const waitingNodeIds = row.waitingNodeIds.filter((nodeId) => nodeId !== command.nodeId);
  if (waitingNodeIds.length === row.waitingNodeIds.length) return done();
  writeRow(state, { state: row.state, epoch: row.epoch, waitingNodeIds });
  return done();
}

/** The epoch names what was asked for; that it is reached does not change it, so that late acknowledgements still fit. */
function writeRow(state: ApplyState, row: Pick<MaintenanceRow, "state" | "epoch" | "waitingNodeIds">): void {
  const isReached = row.waitingNodeIds.length === 0;
  const reached = row.state === MaintenanceState.ENTERING ? MaintenanceState.QUIESCED : MaintenanceState.OFF;
  const next = isReached ? reached : row.state;
  const before = state.maintenance();
  const sinceMs = before !== undefined && before.state === next ? before.sinceMs : state.nowMs;
  const written = create(MaintenanceRowSchema, { ...row, state: next, sinceMs });
  state.write(MAINTENANCE_KEY, MaintenanceRowSchema, written);
}
