import type { Command } from "commander";
import { ClusterService } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { addNode } from "./cluster-add.ts";
import { drainNode, removeNode, transferLeadership } from "./cluster-members.ts";
import { addStatusCommands } from "./cluster-status.ts";
import { addRemoteOptions, formatTime, printJson, type RemoteOptions, remote } from "./remote.ts";
import { addSettingOptions, configFrom, type SettingOptions } from "./settings.ts";
import { seconds } from "./waiting.ts";

const REMOVED_HELP = `
A removed node is removed for ever: its id is never given out again, and it is refused from then on. The machine may come back as a new node.

Without --force the node is drained first: its copies are moved to other nodes, and it goes on serving meanwhile. Stopping this command does not stop
the draining; run it again to go on, or \`skerry cluster drain NODE --cancel\` to call it off.

With --force a node that is dead is removed together with the copies that it held. They are made again from the other copies. A blob whose only copy
it held is lost, which takes more losses at once than the cluster is made for.`;

export function addClusterCommands(program: Command): void {
  const cluster = program
    .command("cluster")
    .description("The cluster: found it, let nodes in and out, look at it");
  addInit(cluster);
  addAdding(cluster);
  addStatusCommands(cluster);
  addMembers(cluster);
}

function addInit(cluster: Command): void {
  addSettingOptions(cluster.command("init"))
    .description("Found a cluster: make its first node's data directory and print the root keys, once")
    .action(async (options: SettingOptions) => {
      const { foundNode } = await import("../../src/server/index.ts");
      const founded = await foundNode(configFrom(options));
      process.stdout.write(
        [
          `Cluster      ${founded.clusterId}`,
          `Data         ${founded.dataDirectory}`,
          `Access key   ${founded.keys.accessKey}`,
          `Secret key   ${founded.keys.secretKey}`,
          `API key      ${founded.keys.apiKey}`,
          "Keep the keys now: they are not shown again. Start the node with `skerry server` and the same settings.",
          "",
        ].join("\n"),
      );
    });
}

function addAdding(cluster: Command): void {
  addRemoteOptions(cluster.command("add"))
    .description(
      "Let a new node in: print the command to run on it, and with --wait follow it until it is a member",
    )
    .option("--valid-for <seconds>", "how long the token is valid", seconds, 3600)
    .option("--wait", "wait until a new node has joined and has caught up, and show how far it is")
    .option("--timeout <seconds>", "give up waiting after this time", seconds, 3600)
    .addHelpText(
      "after",
      `
The token is good once. A new node becomes a learner of the Raft group, gets the metadata by a snapshot and the log, and a voter when it has caught up and
the group has fewer voters than raft.max_voters; further nodes stay learners. Its storage is used as soon as it is active.`,
    )
    .action(addNode);

  addRemoteOptions(cluster.command("join-token"))
    .description("Make a token with which one node may join, once")
    .option("--valid-for <seconds>", "how long it is valid", seconds, 3600)
    .action(async (options: RemoteOptions & { validFor: number }) => {
      const made = await remote(ClusterService, options).createJoinToken({
        validForSeconds: options.validFor,
      });
      if (options.output === "json") return printJson(made);
      const addresses = made.peerAddresses.join(",");
      process.stdout.write(
        `${made.token}\nValid until ${formatTime(made.expiresAtMs)} UTC. On the new node:\n  SKERRY_JOIN_TOKEN=<the token> skerry server --join-address ${addresses} ...\n`,
      );
    });
}

function addMembers(cluster: Command): void {
  addRemoteOptions(cluster.command("drain"))
    .argument("<node>", "name or id")
    .description("Move a node's copies to other nodes; it goes on serving")
    .option("--cancel", "make a draining node active again")
    .option("--wait", "wait until it holds nothing, and show how far it is")
    .option("--timeout <seconds>", "give up waiting after this time", seconds, 24 * 3600)
    .action(drainNode);

  addRemoteOptions(cluster.command("remove"))
    .argument("<node>", "name or id")
    .description("Take a node out of the cluster for ever: drains it first, or --force when it is dead")
    .option("--force", "the node is dead and its disk is gone: remove it with what it held")
    .option("--timeout <seconds>", "give up waiting after this time", seconds, 24 * 3600)
    .addHelpText("after", REMOVED_HELP)
    .action(removeNode);

  addRemoteOptions(cluster.command("transfer"))
    .argument("[node]", "name or id of a voter (default: whichever is the furthest)")
    .description("Let another voter lead; nothing is lost by it, writes wait for a moment")
    .action(transferLeadership);
}
