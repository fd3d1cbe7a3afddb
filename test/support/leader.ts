import type { TestCluster, TestNode } from "./test-cluster.ts";

const ANSWER_TIMEOUT_MS = 5000;

/** The node that leads now, as the first node that answers says. */
export async function leaderOf(cluster: TestCluster): Promise<TestNode> {
  for (const node of cluster.nodes) {
    const response = await fetch(
      `http://${node.host}:${node.apiPort}/skerry.admin.v1.ClusterService/GetStatus`,
      {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${cluster.apiKey}` },
        body: "{}",
        // A node that is stopped takes connections and answers nothing.
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      },
    ).catch(() => undefined);
    if (!response?.ok) continue;
    const { raft } = (await response.json()) as { raft?: { leaderNodeId?: string } };
    const leader = Number(raft?.leaderNodeId ?? 0);
    if (leader > 0) return cluster.node(leader);
  }
  throw new Error("no node knows a leader");
}
