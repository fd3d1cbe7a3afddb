import { X509Certificate } from "node:crypto";
import { maintenanceName } from "../admin/index.ts";
import type { HealthService } from "../cluster/index.ts";
import type { Metrics } from "../observe/index.ts";
import type { Engines } from "./engines/engines.ts";

const MAINTENANCE_STATES = ["off", "entering", "quiesced", "exiting"] as const;
const PEER_STATES = ["alive", "suspect", "dead", "unknown"] as const;

/** Gauges of how the engines stand now. */
export function observeState(metrics: Metrics, engines: Engines): void {
  const status = engines.raft.status();
  metrics.raftTerm.set(status.term);
  metrics.raftIsLeader.set(status.role === "leader" ? 1 : 0);
  metrics.raftHasLeader.set(status.leader === 0 ? 0 : 1);
  metrics.raftFenced.set(status.fenced ? 1 : 0);
  metrics.raftMembers.set(status.confState.voters.length, { role: "voter" });
  metrics.raftMembers.set(status.confState.learners.length, { role: "learner" });
  for (const { nodeId, match } of status.progress) {
    metrics.raftFollowerLag.set(Math.max(0, status.lastIndex - match), { node: String(nodeId) });
  }
  metrics.raftIndex.set(status.firstIndex, { position: "first" });
  metrics.raftIndex.set(status.lastIndex, { position: "last" });
  metrics.raftIndex.set(status.commit, { position: "commit" });
  metrics.raftIndex.set(engines.metadata.view.appliedIndex(), { position: "applied" });
  const maintenance = maintenanceName(engines.metadata.view.maintenance());
  for (const state of MAINTENANCE_STATES) metrics.maintenance.set(state === maintenance ? 1 : 0, { state });
  metrics.writesUnderWay.set(engines.writes.underWay);
  const segments = engines.segments.status();
  metrics.segments.set(segments.segments);
  metrics.segmentBytes.set(segments.liveBytes, { state: "live" });
  metrics.segmentBytes.set(segments.deadBytes, { state: "dead" });
  metrics.diskBytes.set(segments.freeBytes, { state: "free" });
  metrics.diskBytes.set(segments.totalBytes, { state: "total" });
  metrics.segmentWritable.set(segments.writable ? 1 : 0);
  observePeers(metrics, engines.health);
}

/** How many of the other nodes are in each state, as this node sees them. */
export function observePeers(metrics: Metrics, health: Pick<HealthService, "all">): void {
  // This node is the first.
  const peers = health.all().slice(1);
  for (const state of PEER_STATES) {
    metrics.peers.set(peers.filter((peer) => peer.state === state).length, { state });
  }
}

/** When a certificate that this node presents ends; of a chain, the first. */
export function observeCertificate(metrics: Metrics, certificate: "public" | "node", pem: string): void {
  const { validToDate } = new X509Certificate(pem);
  metrics.certificateExpires.set(validToDate.getTime() / 1000, { certificate });
}
