import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import {
  ClusterService,
  type GetStatusResponse,
  type NodeStatus,
  type WorkerStatus,
} from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { addRemoteOptions, formatBytes, printJson, type RemoteOptions, remote, table } from "./remote.ts";

interface StatusOptions extends RemoteOptions {
  readonly watch?: boolean;
  readonly interval: number;
}

/** Moves to the top left and erases what is below. */
const HOME_AND_CLEAR = "\u001b[H\u001b[J";

export function addStatusCommands(cluster: Command): void {
  addRemoteOptions(cluster.command("status"))
    .description("The cluster as one node sees it; exit code 3 when there is no leader")
    .option("--watch", "draw it again and again, until Ctrl-C; with --output json one line each time")
    .option("--interval <seconds>", "how often --watch looks", interval, 2)
    .action(async (options: StatusOptions) => {
      if (options.watch === true) return watch(options);
      const status = await remote(ClusterService, options).getStatus({});
      if (options.output === "json") printJson(status);
      else process.stdout.write(statusText(status));
      if (status.raft?.leaderNodeId === 0n) process.exitCode = 3;
    });

  addRemoteOptions(cluster.command("nodes"))
    .description("The nodes: addresses, roles, what they hold")
    .action(async (options: RemoteOptions) => {
      const { nodes } = await remote(ClusterService, options).getStatus({});
      if (options.output === "json") printJson(nodes);
      else process.stdout.write(nodesText(nodes));
    });
}

/** Goes on through failures: the cluster is looked at because something may be wrong with it. */
async function watch(options: StatusOptions): Promise<never> {
  const client = remote(ClusterService, options);
  const { isTTY } = process.stdout;
  for (;;) {
    const text = await client.getStatus({}).then(
      (status) => (options.output === "json" ? undefined : statusText(status)) ?? printJson(status),
      (error: Error) => `${options.endpoint} does not answer: ${error.message}\n`,
    );
    if (typeof text === "string") process.stdout.write(isTTY ? `${HOME_AND_CLEAR}${text}` : `${text}\n`);
    await sleep(options.interval * 1000);
  }
}

/** Everything that fits on a screen. */
export function statusText(status: GetStatusResponse): string {
  const { raft } = status;
  const leader = status.nodes.find((node) => node.nodeId === raft?.leaderNodeId);
  const head = [
    `Cluster   ${status.clusterId}, seen from node ${status.nodeId}, ${status.replicationFactor} copies`,
    `Leader    ${leader === undefined ? "none" : `${leader.name} (node ${leader.nodeId})`}, term ${raft?.term}`,
    `Log       committed ${raft?.commitIndex}, applied here ${raft?.appliedIndex}${raft?.fenced ? ", FENCED: the log of this node is damaged" : ""}`,
  ];
  if ((raft?.votersOutgoing.length ?? 0) > 0) {
    head.push(`Change    voters ${raft?.votersOutgoing.join(", ")} become ${raft?.voters.join(", ")}`);
  }
  if (status.underReplicatedBlobs > 0n) {
    head.push(
      `Repair    ${status.underReplicatedBlobs} blobs (${formatBytes(status.underReplicatedBytes)}) have too few copies`,
    );
  }
  if (status.maintenanceState !== "off")
    head.push(`Mode      maintenance: ${status.maintenanceState}; writes are refused`);
  if (status.notReadyReason !== "") head.push(`Not ready node ${status.nodeId}: ${status.notReadyReason}`);
  const rows = status.nodes.map((node) => statusRow(node, status));
  const columns = [
    "NODE",
    "NAME",
    "ZONE",
    "STATE",
    "HEALTH",
    "RAFT",
    "TERM",
    "APPLIED",
    "LAG",
    "STORAGE",
    "USED",
    "FREE",
    "HOLDS",
  ];
  return [...head, "", table(columns, rows), ...workersText(status.workers)].join("\n");
}

function statusRow(node: NodeStatus, { raft }: GetStatusResponse): string[] {
  const lag =
    raft !== undefined && raft.commitIndex > node.appliedIndex ? raft.commitIndex - node.appliedIndex : 0n;
  return [
    String(node.nodeId),
    node.name,
    node.zone,
    node.state,
    node.health,
    raftRole(node, raft),
    String(node.raftTerm),
    String(node.appliedIndex),
    node.snapshotReceivedBytes > 0n ? `snapshot, ${formatBytes(node.snapshotReceivedBytes)}` : String(lag),
    storageState(node),
    formatBytes(node.storageUsedBytes),
    formatBytes(node.storageFreeBytes),
    `${node.heldBlobs} blobs`,
  ];
}

/** A disk that is full takes bytes again once there is room; one that is read-only has failed. */
function storageState({ storageWritable, storageFull }: NodeStatus): string {
  if (storageWritable) return "writable";
  return storageFull ? "full" : "read-only";
}

function raftRole(node: NodeStatus, raft: GetStatusResponse["raft"]): string {
  if (node.raftFenced) return "FENCED";
  if (raft?.leaderNodeId === node.nodeId) return "leader";
  if (raft?.voters.includes(node.nodeId)) return "voter";
  return raft?.learners.includes(node.nodeId) ? "learner" : "-";
}

/** Those that do something, or cannot. */
function workersText(workers: readonly WorkerStatus[]): string[] {
  const shown = workers.filter(
    ({ state, progressDone, progressTotal }) =>
      state === "running" || state === "failing" || (progressTotal > 0n && progressDone < progressTotal),
  );
  if (shown.length === 0) return [];
  const rows = shown.map((worker) => [worker.name, worker.state, progressOf(worker), worker.lastError]);
  return [table(["WORK OF THIS NODE", "STATE", "PROGRESS", "LAST ERROR"], rows)];
}

function progressOf({ progressDone, progressTotal, progressUnit }: WorkerStatus): string {
  if (progressUnit === "") return "";
  const amount = (value: bigint) =>
    progressUnit === "bytes" ? formatBytes(value) : `${value} ${progressUnit}`;
  return progressTotal === 0n ? amount(progressDone) : `${amount(progressDone)} of ${amount(progressTotal)}`;
}

function nodesText(nodes: readonly NodeStatus[]): string {
  const rows = nodes.map((node) => [
    String(node.nodeId),
    node.name,
    node.zone,
    node.state,
    node.health,
    node.roles.join(","),
    node.peerAddress,
    node.s3Address || "-",
    node.apiAddress || "-",
    `${node.heldBlobs} blobs, ${formatBytes(node.heldBytes)}`,
  ]);
  return table(["NODE", "NAME", "ZONE", "STATE", "HEALTH", "ROLES", "PEERS", "S3", "API", "HOLDS"], rows);
}

function interval(text: string): number {
  const value = Number(text);
  if (/^[0-9]{1,4}(\.[0-9]{1,3})?$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("a number of seconds");
}
