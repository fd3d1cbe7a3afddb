/** Commits a second of one Raft group: three processes, mutual TLS, fsync, an empty state machine. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  certificateChainPem,
  createClusterCa,
  createNodeKey,
  issueNodeCertificate,
} from "../../src/cluster/index.ts";
import { freePorts, NodeRandom } from "../../src/platform/node/index.ts";
import type { CommitLoad, RaftNodeStart } from "./raft-node.ts";

const PAYLOAD_BYTES = 256;
const CLUSTER_ID = "bench";

interface LoadFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function benchRaft(options: {
  readonly seconds: number;
  readonly rounds: number;
}): Promise<void> {
  for (const nodes of [1, 3]) {
    console.log(
      `\nRaft, ${nodes} ${nodes === 1 ? "node" : "nodes, mutual TLS"}, fsync on, entries of ${PAYLOAD_BYTES} B`,
    );
    console.log("  in flight   commits/s    p50 ms    p99 ms");
    const group = await startGroup(nodes);
    try {
      for (const inFlight of [1, 64, 1000]) {
        const rounds: LoadFigures[] = [];
        for (let round = 0; round < options.rounds; round++) {
          const load = { inFlight, durationMs: options.seconds * 1000, payloadBytes: PAYLOAD_BYTES };
          rounds.push(await ask<LoadFigures>(group.leader, { kind: "load", load }));
        }
        rounds.sort((a, b) => a.perSecond - b.perSecond);
        const median = rounds[Math.floor(rounds.length / 2)];
        if (median === undefined) continue;
        const { perSecond, p50Ms, p99Ms } = median;
        console.log(
          `  ${String(inFlight).padStart(9)}${perSecond.toFixed(0).padStart(12)}${p50Ms.toFixed(2).padStart(10)}${p99Ms.toFixed(2).padStart(10)}`,
        );
      }
    } finally {
      await group.stop();
    }
  }
}

async function startGroup(count: number) {
  const directory = mkdtempSync(join(tmpdir(), "skerry-raft-bench-"));
  const random = new NodeRandom();
  const ca = await createClusterCa({ clusterId: CLUSTER_ID, nowMs: Date.now(), random });
  const ports = await freePorts(count);
  const ids = ports.map((_, index) => index + 1);
  const peers = ids.map((nodeId) => ({
    nodeId,
    host: "127.0.0.1",
    port: ports[nodeId - 1] ?? 0,
    incarnation: `incarnation-${nodeId}`,
  }));
  const children: ChildProcess[] = [];
  for (const peer of peers) {
    const key = await createNodeKey();
    const certificatePem = await issueNodeCertificate({
      ca,
      clusterId: CLUSTER_ID,
      nodeId: peer.nodeId,
      certificateRequestPem: key.certificateRequestPem,
      nowMs: Date.now(),
      random,
    });
    const start: RaftNodeStart = {
      nodeId: peer.nodeId,
      clusterId: CLUSTER_ID,
      incarnation: peer.incarnation,
      directory: join(directory, `node-${peer.nodeId}`),
      port: peer.port,
      peers: peers.filter((other) => other !== peer),
      voters: ids,
      tls: {
        certificatePem: certificateChainPem({ certificatePem, caCertificatePem: ca.certificatePem }),
        privateKeyPem: key.privateKeyPem,
        caCertificatePem: ca.certificatePem,
      },
    };
    const child = fork(join(import.meta.dirname, "raft-node.ts"), [JSON.stringify(start)]);
    children.push(child);
    await message(child);
  }
  const leader = await findLeader(children);
  return {
    leader,
    stop: async () => {
      for (const child of children) child.kill("SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function findLeader(children: readonly ChildProcess[]): Promise<ChildProcess> {
  for (let attempt = 0; attempt < 200; attempt++) {
    for (const child of children) {
      const { leader } = await ask<{ leader: number }>(child, { kind: "status" });
      const found = children[leader - 1];
      if (found !== undefined) return found;
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error("the group has elected no leader");
}

function ask<T>(
  child: ChildProcess,
  request: { kind: "status" } | { kind: "load"; load: CommitLoad },
): Promise<T> {
  const answer = message<T>(child);
  child.send(request);
  return answer;
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("a node of the bench ended"));
    child.once("exit", ended);
    child.once("message", (value) => {
      child.off("exit", ended);
      resolve(value as T);
    });
  });
}
