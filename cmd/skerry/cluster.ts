import type { Command } from "commander";
import { ClusterService, type GetStatusResponse } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import {
  addRemoteOptions,
  formatBytes,
  formatTime,
  printJson,
  printTable,
  type RemoteOptions,
  remote,
} from "./remote.ts";
import { addSettingOptions, configFrom, type SettingOptions } from "./settings.ts";

export function addClusterCommands(program: Command): void {
  const cluster = program.command("cluster").description("The cluster: found it, let nodes in, look at it");

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

  addRemoteOptions(cluster.command("join-token"))
    .description("Make a token with which one node may join, once")
    .option("--valid-for <seconds>", "how long it is valid", "3600")
    .action(async (options: RemoteOptions & { validFor: string }) => {
      const made = await remote(ClusterService, options).createJoinToken({
        validForSeconds: Number(options.validFor),
      });
      if (options.output === "json") return printJson(made);
      const addresses = made.peerAddresses.join(",");
      process.stdout.write(
        `${made.token}\nValid until ${formatTime(made.expiresAtMs)} UTC. On the new node:\n  SKERRY_JOIN_TOKEN=<the token> skerry server --join-address ${addresses} ...\n`,
      );
    });

  addRemoteOptions(cluster.command("status"))
    .description("The cluster as one node sees it; exit code 3 when there is no leader")
    .action(async (options: RemoteOptions) => {
      const status = await remote(ClusterService, options).getStatus({});
      if (options.output === "json") printJson(status);
      else printStatus(status);
      if (status.raft?.leaderNodeId === 0n) process.exitCode = 3;
    });
}

function printStatus(status: GetStatusResponse): void {
  const { raft } = status;
  const leader = status.nodes.find((node) => node.nodeId === raft?.leaderNodeId);
  process.stdout.write(
    [
      `Cluster   ${status.clusterId}, seen from node ${status.nodeId}, ${status.replicationFactor} copies`,
      `Leader    ${leader === undefined ? "none" : `${leader.name} (node ${leader.nodeId})`}, term ${raft?.term}`,
      `Log       committed ${raft?.commitIndex}, applied here ${raft?.appliedIndex}${raft?.fenced ? ", FENCED: the log of this node is damaged" : ""}`,
      "",
      "",
    ].join("\n"),
  );
  const rows = status.nodes.map((node) => [
    String(node.nodeId),
    node.name,
    node.zone,
    node.state,
    node.health,
    raft?.voters.includes(node.nodeId) ? "voter" : raft?.learners.includes(node.nodeId) ? "learner" : "-",
    node.storageWritable ? "writable" : "read-only",
    formatBytes(node.storageUsedBytes),
    formatBytes(node.storageFreeBytes),
    node.s3Address,
  ]);
  printTable(["NODE", "NAME", "ZONE", "STATE", "HEALTH", "RAFT", "STORAGE", "USED", "FREE", "S3"], rows);
}
