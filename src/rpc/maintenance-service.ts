import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { MaintenanceAdmin, MaintenanceDescription } from "../admin/index.ts";
import { MaintenanceSchema, type MaintenanceService } from "../gen/skerry/admin/v1/maintenance_pb.js";
import type { Guard } from "./guard.ts";

export function maintenanceService(
  maintenance: MaintenanceAdmin,
  guard: Guard,
): ServiceImpl<typeof MaintenanceService> {
  return {
    getMaintenance: (_, context) =>
      guard.unary("MaintenanceService/GetMaintenance", context, [], async () => ({
        maintenance: maintenanceMessage(await maintenance.describe()),
      })),
    setMaintenance: ({ on, force }, context) =>
      guard.unary("MaintenanceService/SetMaintenance", context, [], async () => ({
        maintenance: maintenanceMessage(await maintenance.set({ on, force })),
      })),
  };
}

export function maintenanceMessage({
  state,
  sinceMs,
  waitingNodeIds,
  writesUnderWay,
}: MaintenanceDescription) {
  return create(MaintenanceSchema, {
    state,
    sinceMs: BigInt(sinceMs),
    waitingNodeIds: waitingNodeIds.map(BigInt),
    writesUnderWay,
  });
}
