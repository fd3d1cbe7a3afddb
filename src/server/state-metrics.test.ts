import { describe, expect, it } from "vitest";
import { createClusterCa, type PeerHealth } from "../cluster/index.ts";
import { createMetrics, type Metrics } from "../observe/index.ts";
import { createNodePlatform } from "../platform/node/index.ts";
import { observeCertificate, observePeers } from "./state-metrics.ts";

async function shown(metrics: Metrics, name: string): Promise<readonly string[]> {
  const { body } = await metrics.render();
  return body.split("\n").filter((line) => line.startsWith(`${name}{`));
}

describe("gauges of a node", () => {
  it("count the other nodes by their state, and not itself", async () => {
    const peer = (nodeId: number, state: PeerHealth["state"]): PeerHealth => ({
      nodeId,
      state,
      lastSeenMs: undefined,
      heardMs: undefined,
      health: undefined,
    });
    const metrics = createMetrics();
    observePeers(metrics, { all: () => [peer(2, "alive"), peer(1, "dead"), peer(3, "alive")] });
    observePeers(metrics, { all: () => [peer(2, "alive"), peer(1, "alive"), peer(3, "suspect")] });
    expect(await shown(metrics, "skerry_cluster_peers")).toEqual([
      'skerry_cluster_peers{state="alive"} 1',
      'skerry_cluster_peers{state="suspect"} 1',
      'skerry_cluster_peers{state="dead"} 0',
      'skerry_cluster_peers{state="unknown"} 0',
    ]);
  });

  it("say when a certificate ends, the first of a chain", async () => {
    const { random } = createNodePlatform();
    const endingMs = async (validityMs: number): Promise<string> => {
      const options = { clusterId: "0".repeat(32), nowMs: 1_800_000_000_000, random, validityMs };
      return (await createClusterCa(options)).certificatePem;
    };
    const metrics = createMetrics();
    observeCertificate(metrics, "public", `${await endingMs(60_000)}\n${await endingMs(1_000)}\n`);
    observeCertificate(metrics, "node", await endingMs(2_000));
    expect(await shown(metrics, "skerry_certificate_expires_timestamp_seconds")).toEqual([
      'skerry_certificate_expires_timestamp_seconds{certificate="public"} 1800000060',
      'skerry_certificate_expires_timestamp_seconds{certificate="node"} 1800000002',
    ]);
  });
});
