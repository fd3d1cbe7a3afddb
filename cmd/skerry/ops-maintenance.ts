import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { ClusterService, type NodeStatus } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { type Maintenance, MaintenanceService } from "../../src/gen/skerry/admin/v1/maintenance_pb.js";
import { CommandError } from "./exit.ts";
import { ProgressLine } from "./progress.ts";
import { addRemoteOptions, formatTime, printJson, type RemoteOptions, remote } from "./remote.ts";
import { ifPassing, lookUntil, seconds } from "./waiting.ts";

interface ChangeOptions extends RemoteOptions {
  readonly force?: boolean;
  readonly wait: boolean;
  readonly timeout: number;
}

const LOOK_EVERY_MS = 200;

export function addMaintenanceCommands(ops: Command): void {
  const family = ops
    .command("maintenance")
    .description("While it is on nothing that clients store changes: writes are answered 503, reads go on");

  addChange(family, "on", "quiesced")
    .description("Refuse new writes, let those under way end, and wait until none is left on any node")
    .option("--force", "do not wait for nodes that do not answer; what they try to write is refused");

  addChange(family, "off", "off")
    .description("Take writes again, and wait until every node does")
    .option("--force", "do not wait for nodes that do not answer");

  addRemoteOptions(family.command("status"))
    .description("The state, and which nodes are waited for")
    .action(async (options: RemoteOptions) => {
      const { maintenance } = await remote(MaintenanceService, options).getMaintenance({});
      await show(maintenance, options);
    });
}

function addChange(family: Command, name: "on" | "off", end: "quiesced" | "off"): Command {
  return addRemoteOptions(family.command(name))
    .option("--no-wait", "return as soon as it is decided")
    .option("--timeout <seconds>", "how long to wait", seconds, 300)
    .action(async (options: ChangeOptions) => {
      const client = remote(MaintenanceService, options);
      const force = options.force === true;
      let { maintenance } = await client.setMaintenance({ on: name === "on", force });
      const line = new ProgressLine({ isSilent: options.output === "json" });
      const deadlineMs = performance.now() + options.timeout * 1000;
      while (options.wait && maintenance?.state !== end) {
        if (performance.now() >= deadlineMs) {
          line.end();
          const nodes = await waitedFor(maintenance, options);
          throw new CommandError(
            `still ${maintenance?.state} after ${options.timeout} s, waiting for ${nodes}; it goes on, and --force does not wait`,
            3,
          );
        }
        line.show(`${maintenance?.state}, waiting for ${await waitedFor(maintenance, options)}`);
        await sleep(LOOK_EVERY_MS);
        maintenance =
          (await client.getMaintenance({}, lookUntil(deadlineMs)).catch(ifPassing))?.maintenance ??
          maintenance;
      }
      line.end();
      await show(maintenance, options);
    });
}

async function show(maintenance: Maintenance | undefined, options: RemoteOptions): Promise<void> {
  if (maintenance === undefined) throw new CommandError("the answer has no state", 1);
  if (options.output === "json") return printJson(maintenance);
  const { state, sinceMs } = maintenance;
  const since = sinceMs === 0n ? "" : ` since ${formatTime(sinceMs)}`;
  const nodes =
    maintenance.waitingNodeIds.length === 0 ? "" : `, waiting for ${await waitedFor(maintenance, options)}`;
  process.stdout.write(`Maintenance is ${state}${since}${nodes}.\n`);
}

/** By name, and how each is: a dead one is why it takes so long. By id when nobody says that now. */
async function waitedFor(maintenance: Maintenance | undefined, options: RemoteOptions): Promise<string> {
  const status = await remote(ClusterService, options).getStatus({}).catch(ifPassing);
  const nodes = status?.nodes ?? [];
  return (maintenance?.waitingNodeIds ?? []).map((nodeId) => described(nodeId, nodes)).join(", ") || "nobody";
}

function described(nodeId: bigint, nodes: readonly NodeStatus[]): string {
  const node = nodes.find((candidate) => candidate.nodeId === nodeId);
  return node === undefined ? `node ${nodeId}` : `${node.name} (${node.health})`;
}
