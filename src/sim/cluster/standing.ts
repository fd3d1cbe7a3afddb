import type { SimulatedCluster } from "./simulated-cluster.ts";

/** Every member serves and says that it is ready. */
export function areReady({ members }: SimulatedCluster): boolean {
  return members.every((node) => node.isServing && node.life?.engines?.notReadyReason() === undefined);
}

/** Every member is a voter. Until then the loss of one node may be the loss of a quorum. */
export function allVote({ members }: SimulatedCluster): boolean {
  return members.every((node) => {
    const { voters, votersOutgoing } = node.life!.raft!.status().confState;
    return voters.length === members.length && votersOutgoing.length === 0;
  });
}

/** All members are at the same index. Not one that has stopped by itself meanwhile. */
export function haveAppliedTheSame({ members }: SimulatedCluster): boolean {
  const applied = members.map(({ life }) => life?.engines?.metadata.view.appliedIndex());
  return applied.every((index) => index !== undefined && index === applied[0]);
}

/** For people: what each node says of itself. */
export function describeCluster({ nodes }: SimulatedCluster): string {
  return nodes
    .map((node) => {
      const { life } = node;
      if (node.isRetired) return `${node.name}: replaced`;
      if (life?.engines === undefined) return `${node.name}: ${life === undefined ? "down" : "starting"}`;
      const { role, term, commit, applied, fenced } = life.engines.raft.status();
      return `${node.name}: ${life.engines.notReadyReason() ?? "ready"} ${JSON.stringify({ role, term, commit, applied, fenced })}`;
    })
    .join("; ");
}
