/** What a node needs to take part in the membership: the methods that it serves and the peers that it watches. */

import type { NodeRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { StreamHandler } from "../platform/ports.ts";
import type { HealthService, HeartbeatPeer } from "./health-service.ts";
import { type JoinServiceOptions, joinHandler } from "./join-service.ts";
import { HEARTBEAT_PATH, JOIN_PATH } from "./messages.ts";
import { NODE_STATE, parseAddress } from "./node-rows.ts";

/** MembershipService, for the peer listener. */
export function membershipHandlers(
  join: JoinServiceOptions,
  health: Pick<HealthService, "handler">,
): ReadonlyMap<string, StreamHandler> {
  return new Map([
    [JOIN_PATH, joinHandler(join)],
    [HEARTBEAT_PATH, health.handler()],
  ]);
}

/** The members beside this node that heartbeats go to; removed ones and rows without a usable address are left out. */
export function heartbeatPeersOf(nodes: readonly NodeRow[], selfNodeId: number): readonly HeartbeatPeer[] {
  const peers: HeartbeatPeer[] = [];
  for (const node of nodes) {
    const address = parseAddress(node.peerAddress);
    if (Number(node.nodeId) === selfNodeId || node.state === NODE_STATE.removed || address === undefined)
      continue;
    peers.push({ nodeId: Number(node.nodeId), address, incarnation: node.incarnation });
  }
  return peers;
}
