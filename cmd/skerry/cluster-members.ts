import { ClusterService, type NodeStatus } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { ProgressLine } from "./progress.ts";
import { formatBytes, printJson, type RemoteOptions, remote } from "./remote.ts";
import { isMember, nodeNamed, untilStatus } from "./waiting.ts";

interface DrainOptions extends RemoteOptions {
  readonly cancel?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
}

interface RemoveOptions extends RemoteOptions {
  readonly force?: boolean;
  readonly timeout: number;
}

type Client = ReturnType<typeof remote<typeof ClusterService>>;

export async function drainNode(text: string, options: DrainOptions): Promise<void> {
  const client = remote(ClusterService, options);
  const node = nodeNamed(await client.getStatus({}), text);
  const { state } = await client.drainNode({ nodeId: node.nodeId, cancel: options.cancel === true });
  if (options.wait === true && state === "draining") await untilDrained(client, node, options);
  if (options.output === "json") return printJson({ nodeId: node.nodeId, name: node.name, state });
  process.stdout.write(
    state === "active"
      ? `${node.name} is active again.\n`
      : options.wait === true
        ? `${node.name} holds nothing any more. \`skerry cluster remove ${node.name}\` takes it out.\n`
        : `${node.name} is being drained; \`skerry cluster status\` shows what is left.\n`,
  );
}

export async function removeNode(text: string, options: RemoveOptions): Promise<void> {
  const client = remote(ClusterService, options);
  const node = nodeNamed(await client.getStatus({}), text);
  if (options.force !== true && node.state !== "joining") {
    if (node.state === "active") await client.drainNode({ nodeId: node.nodeId });
    await untilDrained(client, node, options);
  }
  const { lostCopiesBlobs, lostCopiesBytes } = await client.removeNode({
    nodeId: node.nodeId,
    force: options.force === true,
  });
  const line = progressLine(options);
  const waiting = { timeoutSeconds: options.timeout, what: `${node.name} has not left the Raft group` };
  await untilStatus(client, waiting, (status) => {
    line.show(`${node.name} leaves the Raft group`);
    return isMember(status, node.nodeId) ? undefined : true;
  });
  line.end();
  if (options.output === "json") {
    return printJson({ removed: node.nodeId, name: node.name, lostCopiesBlobs, lostCopiesBytes });
  }
  process.stdout.write(
    `${node.name} (node ${node.nodeId}) is removed. Its id and its certificate are refused from now on.\n`,
  );
  if (lostCopiesBlobs > 0n) {
    process.stdout.write(
      `Copies of ${lostCopiesBlobs} blobs (${formatBytes(lostCopiesBytes)}) went with it; they are made again from the other nodes: \`skerry cluster status\` shows how many are missing.\n`,
    );
  }
}

export async function transferLeadership(text: string | undefined, options: RemoteOptions): Promise<void> {
  const client = remote(ClusterService, options);
  const status = await client.getStatus({});
  const nodeId = text === undefined ? 0n : nodeNamed(status, text).nodeId;
  const { leaderNodeId, term } = await client.transferLeadership({ nodeId });
  const leader = status.nodes.find((node) => node.nodeId === leaderNodeId);
  if (options.output === "json") return printJson({ leaderNodeId, name: leader?.name, term });
  process.stdout.write(`${leader?.name ?? "?"} (node ${leaderNodeId}) leads, in term ${term}.\n`);
}

async function untilDrained(
  client: Client,
  node: NodeStatus,
  options: DrainOptions | RemoveOptions,
): Promise<void> {
  const line = progressLine(options);
  const waiting = { timeoutSeconds: options.timeout, what: `${node.name} still holds copies` };
  await untilStatus(client, waiting, (status) => {
    const { heldBlobs, heldBytes } = nodeNamed(status, node.name);
    line.show(`${node.name} holds ${heldBlobs} blobs (${formatBytes(heldBytes)})`);
    return heldBlobs === 0n ? true : undefined;
  });
  line.end();
}

function progressLine({ output }: RemoteOptions): ProgressLine {
  return new ProgressLine({ isSilent: output === "json" });
}
