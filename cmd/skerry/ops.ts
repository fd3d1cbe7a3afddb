import type { Command } from "commander";
import { addMaintenanceCommands } from "./ops-maintenance.ts";

export function addOpsCommands(program: Command): void {
  const ops = program.command("ops").description("What operators do to a cluster that runs");
  addMaintenanceCommands(ops);
}
