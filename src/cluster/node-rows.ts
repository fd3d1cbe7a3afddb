/** Reading and checking what a `NodeRow` says. */

import { NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { SocketAddress } from "../platform/ports.ts";

/** Node states under the names that this module uses. */
export const NODE_STATE = {
  joining: NodeState.JOINING,
  active: NodeState.ACTIVE,
  draining: NodeState.DRAINING,
  removed: NodeState.REMOVED,
} as const;

export const NODE_ROLES = ["meta", "storage", "gateway", "search"] as const;

/** Names of nodes and zones. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/i;
const INCARNATION = /^[0-9a-f]{32}$/;
/** Drawn anew for each fresh data directory. */
export const INCARNATION_BYTES = 16;
export const MAX_NODE_WEIGHT = 1_000_000_000;

/** What a node says about itself, wherever it comes from. */
export interface NodeDescription {
  readonly name: string;
  readonly zone: string;
  readonly incarnation: string;
  /** "host:port"; an IPv6 host in brackets. */
  readonly peerAddress: string;
  /** Empty: does not serve it. */
  readonly s3Address: string;
  readonly apiAddress: string;
  readonly roles: readonly string[];
  readonly weight: number;
}

/** What is wrong with a description, or undefined. */
export function faultOf(node: NodeDescription): string | undefined {
  if (!NAME.test(node.name))
    return "the name has 1 to 63 letters, digits, '.', '_' or '-' and begins with a letter or digit";
  if (!NAME.test(node.zone))
    return "the zone has 1 to 63 letters, digits, '.', '_' or '-' and begins with a letter or digit";
  if (!INCARNATION.test(node.incarnation)) return "the incarnation has 32 hexadecimal digits";
  if (parseAddress(node.peerAddress) === undefined) return "the peer address is host:port";
  for (const address of [node.s3Address, node.apiAddress]) {
    if (address !== "" && parseAddress(address) === undefined) return "an address is host:port";
  }
  if (node.roles.length === 0) return "a node has at least one role";
  if (new Set(node.roles).size !== node.roles.length) return "a role is named once";
  if (!node.roles.every((role) => NODE_ROLES.some((known) => known === role))) {
    return `the roles are ${NODE_ROLES.join(", ")}`;
  }
  if (!(Number.isInteger(node.weight) && node.weight >= 0 && node.weight <= MAX_NODE_WEIGHT)) {
    return `the weight is a whole number up to ${MAX_NODE_WEIGHT}`;
  }
  return undefined;
}

/** "host:port" or "[IPv6]:port"; undefined for anything else. */
export function parseAddress(text: string): SocketAddress | undefined {
  const found =
    /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)):([0-9]{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[4]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) return undefined;
  return { host, port };
}

export function formatAddress(address: SocketAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
