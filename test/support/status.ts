import type { TestCluster, TestNode } from "./test-cluster.ts";

const ANSWER_TIMEOUT_MS = 5000;

interface Status {
  readonly raft?: { readonly leaderNodeId?: string };
  readonly nodes?: readonly { readonly nodeId?: string; readonly storageWritable?: boolean }[];
}

/** The node that leads now, as the first node that answers says. */
export async function leaderOf(cluster: TestCluster): Promise<TestNode> {
  for (const node of cluster.nodes) {
    const leader = Number((await statusOf(cluster, node))?.raft?.leaderNodeId ?? 0);
    if (leader > 0) return cluster.node(leader);
  }
  throw new Error("no node knows a leader");
}

/** The numbers of the nodes whose disks take writes, as this node sees it. */
export async function writableNodes(cluster: TestCluster, seenBy: TestNode): Promise<readonly number[]> {
  const { nodes = [] } = (await statusOf(cluster, seenBy)) ?? {};
  return nodes.filter(({ storageWritable }) => storageWritable === true).map(({ nodeId }) => Number(nodeId));
}

/** Undefined when the node does not answer in time. */
async function statusOf(cluster: TestCluster, node: TestNode): Promise<Status | undefined> {
  try {
    const response = await fetch(
      `http://${node.host}:${node.apiPort}/skerry.admin.v1.ClusterService/GetStatus`,
      {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${cluster.apiKey}` },
        body: "{}",
        // A node that is stopped takes connections and answers nothing.
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      },
    );
    return response.ok ? ((await response.json()) as Status) : undefined;
  } catch {
    return undefined;
  }
}
