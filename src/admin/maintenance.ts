import { create } from "@bufbuild/protobuf";
import { unreachable } from "../base/index.ts";
import { RefusalCode, SetMaintenanceSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type MaintenanceRow, MaintenanceState, NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import { type Metadata, MetaError } from "../meta/index.ts";
import { AdminError } from "./errors.ts";
import type { MaintenanceAdmin, MaintenanceDescription, MaintenanceName } from "./ports.ts";

export interface MaintenanceAdminOptions {
  readonly metadata: Metadata;
  /** Writes of clients that are under way on this node. */
  readonly writesUnderWay: () => number;
}

/** Beginning and ending the maintenance mode. The nodes follow by themselves; who is still waited for shows in the description. */
export class MaintenanceAdministration implements MaintenanceAdmin {
  readonly #options: MaintenanceAdminOptions;

  constructor(options: MaintenanceAdminOptions) {
    this.#options = options;
  }

  async describe(): Promise<MaintenanceDescription> {
    await this.#options.metadata.barrier().catch(translate);
    return this.#described();
  }

  async set({
    on,
    force,
  }: {
    readonly on: boolean;
    readonly force: boolean;
  }): Promise<MaintenanceDescription> {
    const { metadata } = this.#options;
    await metadata.barrier().catch(translate);
    const row = metadata.view.maintenance();
    if (isAsAsked(row, on) && !(force && (row?.waitingNodeIds.length ?? 0) > 0)) return this.#described();
    const nodes = await metadata.view.nodes();
    const value = create(SetMaintenanceSchema, {
      expectedEpoch: row?.epoch ?? 0n,
      on,
      force,
      nodeIds: nodes.filter(({ state }) => isFollowing(state)).map(({ nodeId }) => nodeId),
    });
    const { result } = await metadata.submit({ case: "setMaintenance", value }).catch(translate);
    if (result.case === "refusal") throw refusalOf(result.value.code, result.value.detail);
    return this.#described();
  }

  #described(): MaintenanceDescription {
    const { metadata, writesUnderWay } = this.#options;
    const row = metadata.view.maintenance();
    return {
      state: maintenanceName(row),
      sinceMs: Number(row?.sinceMs ?? 0n),
      waitingNodeIds: (row?.waitingNodeIds ?? []).map(Number),
      writesUnderWay: writesUnderWay(),
    };
  }
}

/** Undefined: the mode was never used. */
export function maintenanceName(row: MaintenanceRow | undefined): MaintenanceName {
  const state = row?.state ?? MaintenanceState.OFF;
  switch (state) {
    case MaintenanceState.OFF:
      return "off";
    case MaintenanceState.ENTERING:
      return "entering";
    case MaintenanceState.QUIESCED:
      return "quiesced";
    case MaintenanceState.EXITING:
      return "exiting";
    default:
      return unreachable(state);
  }
}

function isAsAsked(row: MaintenanceRow | undefined, on: boolean): boolean {
  const name = maintenanceName(row);
  return on ? name === "entering" || name === "quiesced" : name === "off" || name === "exiting";
}

/** A node that joins has no clients yet, and one that was removed has none any more. */
function isFollowing(state: NodeState): boolean {
  return state === NodeState.ACTIVE || state === NodeState.DRAINING;
}

function refusalOf(code: RefusalCode, detail: string): AdminError {
  if (code !== RefusalCode.MAINTENANCE_CHANGED) return new AdminError("invalid", detail || RefusalCode[code]);
  return new AdminError("refused", "somebody else changed the maintenance mode at the same time", {
    refusal: { reason: "state", advice: "look at `skerry ops maintenance status` and decide again" },
  });
}

function translate(error: unknown): never {
  if (error instanceof MetaError) throw new AdminError(error.code, error.message, { cause: error });
  throw error;
}
