import { type Command, Option } from "commander";
import { runNode } from "../../src/server/index.ts";
import { addSettingOptions, configFrom, type SettingOptions } from "./settings.ts";

export function addServerCommand(program: Command): void {
  addSettingOptions(program.command("server"))
    .description(
      "Run a node. Its data directory belongs to a cluster: after `skerry cluster init`, or with --join",
    )
    .option(
      "--join <token>",
      "join a cluster with this token (or the variable SKERRY_JOIN_TOKEN); for the first start only",
    )
    .addOption(new Option("--stop-with-stdin", "stop when standard input ends: for a supervisor").hideHelp())
    .option("--join-address <host:port,...>", "peer addresses of nodes that are in the cluster already")
    .addHelpText(
      "after",
      `
The node stops on SIGTERM and SIGINT: it answers what is in flight, then ends. /readyz on the API listener says when it can serve.`,
    )
    .action(async (options: SettingOptions) => {
      const config = configFrom(options);
      const token = options["join"] ?? process.env["SKERRY_JOIN_TOKEN"];
      const addresses = (options["joinAddress"] ?? "").split(",").filter((address) => address !== "");
      await runNode(config, {
        join: token === undefined ? undefined : { token, addresses },
        stopWithStdin: options["stopWithStdin"] !== undefined,
      });
    });
}
