import {
  ClusterError,
  formatAddress,
  joinCluster,
  type NodeDescription,
  NodeDirectory,
  type PeerAddress,
  parseAddress,
  type StoredIdentity,
} from "../cluster/index.ts";
import type { Platform, SocketAddress } from "../platform/index.ts";
import { createAnonymousConnection } from "../platform/node/index.ts";
import type { Config } from "./config/index.ts";

/** How a node that belongs to no cluster yet gets into one. */
export interface JoinRequest {
  readonly token: string;
  /** "host:port" of peer listeners. */
  readonly addresses: readonly string[];
}

export interface Identified {
  readonly directory: NodeDirectory;
  readonly stored: StoredIdentity;
  /** Members as last seen, to find the cluster again. */
  readonly peers: readonly PeerAddress[];
}

/** The identity in the data directory; joins first when there is none and a token was given. Throws ClusterError. */
export async function identify(
  platform: Platform,
  config: Config,
  options: { readonly dataDirectory: string; readonly join: JoinRequest | undefined },
): Promise<Identified> {
  const directory = new NodeDirectory({
    disk: platform.disk,
    hasher: platform.hasher,
    dataDirectory: options.dataDirectory,
  });
  const state = await directory.inspect();
  if (state.kind === "member") {
    return { directory, stored: state.stored, peers: await directory.loadPeers() };
  }
  if (options.join === undefined) {
    throw new ClusterError(
      "identity-missing",
      `${options.dataDirectory} belongs to no cluster yet`,
      "found one with `skerry cluster init`, or join one with --join-address and SKERRY_JOIN_TOKEN (`skerry cluster join-token` makes one)",
    );
  }
  const joined = await joinCluster({
    token: options.join.token,
    addresses: options.join.addresses.map(checkedAddress),
    node: { ...describeSelf(config), name: config["node.name"] },
    directory,
    connect: (address, caFingerprintSha256) => createAnonymousConnection(address, { caFingerprintSha256 }),
    clock: platform.clock,
    timers: platform.timers,
    random: platform.random,
  });
  return { directory, ...joined };
}

/** What the node says about itself to the others. A port that the system has yet to choose is not said: it is announced when it is known. */
export function describeSelf(config: Config): Omit<NodeDescription, "name" | "incarnation"> {
  const advertised = ({ port }: SocketAddress) =>
    formatAddress({ host: config["node.advertise_host"], port });
  return {
    zone: config["node.zone"],
    peerAddress: advertised(config["peer.listen"]),
    s3Address: config["s3.listen"].port === 0 ? "" : advertised(config["s3.listen"]),
    apiAddress: config["api.listen"].port === 0 ? "" : advertised(config["api.listen"]),
    roles: config["node.roles"],
    weight: 1,
  };
}

/** Raft listens on the port above the peer listener's, on a thread of its own. */
export function raftAddressOf(peer: SocketAddress): SocketAddress {
  return { host: peer.host, port: peer.port + 1 };
}

function checkedAddress(text: string): SocketAddress {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new ClusterError(
    "join-invalid",
    `${text} is not host:port`,
    "give --join-address as host:port,host:port",
  );
}
