import { DATA_DIRECTORY } from "../cluster/node-config.ts";
import type { SimulatedCluster } from "../cluster/simulated-cluster.ts";
import type { SimulatedNode } from "../cluster/simulated-node.ts";

const OWN_STARTS = `${DATA_DIRECTORY}/raft/own-starts`;
const PEER_STARTS = `${DATA_DIRECTORY}/raft/peer-starts`;

/**
 * Whether every other member has heard of the latest start of a node, and would remember it after a power loss. Only then a disk of before that start is sure to be noticed: what
 * nobody has heard of, nobody can miss (docs/internals/raft.md, "Which start speaks").
 */
export function isStartKnown({ members }: SimulatedCluster, node: SimulatedNode): boolean {
  const latest = rowsOf(node, OWN_STARTS).at(-1);
  const others = members.filter((member) => member !== node);
  return (
    latest !== undefined &&
    others.every((other) => rowsOf(other, PEER_STARTS).includes(`${node.nodeId} ${latest}`))
  );
}

/** Without the first line, which names the format, and the checksum. */
function rowsOf({ machine }: SimulatedNode, path: string): readonly string[] {
  const bytes = machine.volume.durableBytes(path);
  return bytes === undefined ? [] : new TextDecoder().decode(bytes).trimEnd().split("\n").slice(1, -1);
}
