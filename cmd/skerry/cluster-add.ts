import {
  ClusterService,
  type CreateJoinTokenResponse,
  type GetStatusResponse,
  type NodeStatus,
} from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { ProgressLine } from "./progress.ts";
import { formatBytes, formatTime, printJson, type RemoteOptions, remote } from "./remote.ts";
import { untilStatus } from "./waiting.ts";

interface AddOptions extends RemoteOptions {
  readonly validFor: number;
  readonly wait?: boolean;
  readonly timeout: number;
}

/** Makes a token, says what to run on the new machine, and follows the first node that comes. */
export async function addNode(options: AddOptions): Promise<void> {
  const client = remote(ClusterService, options);
  const before = await client.getStatus({});
  const made = await client.createJoinToken({ validForSeconds: options.validFor });
  const isJson = options.output === "json";
  const command = joinCommand(made);
  if (!isJson) process.stdout.write(instructions(made, command));
  else if (options.wait !== true) return printJson({ ...made, command });
  else process.stderr.write(`${command}\n`);
  if (options.wait !== true) return;

  const known = new Set(before.nodes.map(({ nodeId }) => nodeId));
  const line = new ProgressLine({ isSilent: isJson });
  const waiting = { timeoutSeconds: options.timeout, what: "no new node has become a full member" };
  const node = await untilStatus(client, waiting, (status) => {
    const newcomer = status.nodes.find(({ nodeId }) => !known.has(nodeId));
    line.show(newcomer === undefined ? "waiting for the new node to join" : stageOf(newcomer, status));
    return newcomer !== undefined && isSettled(newcomer, status) ? newcomer : undefined;
  });
  line.end();
  if (isJson) printJson({ ...made, command, node });
  else process.stdout.write(`${node.name} (node ${node.nodeId}) is a member.\n`);
}

function joinCommand({ token, peerAddresses }: CreateJoinTokenResponse): string {
  return `SKERRY_JOIN_TOKEN=${token} skerry server --config <its config file> --join-address ${peerAddresses.join(",")}`;
}

function instructions(made: CreateJoinTokenResponse, command: string): string {
  return [
    "Run this on the new machine, with its own node.name, node.zone, node.data_dir and node.advertise_host in the config file:",
    "",
    `  ${command}`,
    "",
    `The token is good for one node, until ${formatTime(made.expiresAtMs)} UTC. It is a secret: whoever has it can join.`,
    "",
  ].join("\n");
}

/** Where a node stands that has registered: one line. */
export function stageOf(node: NodeStatus, { raft }: GetStatusResponse): string {
  const name = `${node.name} (node ${node.nodeId})`;
  if (raft === undefined) return `${name} has joined`;
  if (node.state === "joining" && node.health !== "alive")
    return `${name} has joined, and does not answer yet`;
  if (!node.roles.includes("meta")) return `${name}: ${node.state}`;
  if (raft.voters.includes(node.nodeId)) return `${name}: voter, ${node.state}`;
  if (!raft.learners.includes(node.nodeId)) return `${name} has joined, not in the Raft group yet`;
  const progress = raft.progress.find(({ nodeId }) => nodeId === node.nodeId);
  if (node.snapshotReceivedBytes > 0n)
    return `${name}: learner, catching up by a snapshot, ${formatBytes(node.snapshotReceivedBytes)} received`;
  if (progress?.state === "snapshot" || node.appliedIndex === 0n)
    return `${name}: learner, waiting for a snapshot of the metadata`;
  const behind = raft.commitIndex > node.appliedIndex ? raft.commitIndex - node.appliedIndex : 0n;
  return `${name}: learner, catching up by the log, at ${node.appliedIndex} of ${raft.commitIndex} (${behind} behind)`;
}

/** Active, and what it is to be in the Raft group: a voter where there is a place, else a learner that has caught up. */
function isSettled(node: NodeStatus, { raft, nodes, maxVoters }: GetStatusResponse): boolean {
  if (node.state !== "active" || raft === undefined) return false;
  if (!node.roles.includes("meta") || raft.voters.includes(node.nodeId)) return true;
  const isCaughtUp = raft.learners.includes(node.nodeId) && node.appliedIndex + CAUGHT_UP >= raft.commitIndex;
  const candidates = nodes.filter((other) => other.roles.includes("meta")).length;
  return isCaughtUp && raft.voters.length >= wantedVoters(Math.min(candidates, maxVoters));
}

/** Entries that a learner may be behind. */
const CAUGHT_UP = 1_000n;

/** Odd from three on: with an even number of nodes one stays a learner. */
function wantedVoters(most: number): number {
  return most <= 2 || most % 2 === 1 ? most : most - 1;
}
