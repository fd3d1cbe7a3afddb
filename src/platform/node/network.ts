/**
 * The network between nodes on `node:http2`: Connect's wire protocol with mutual TLS, framed here rather than by a library so that bulk bytes
 * are not copied. The protocol, its limits and what each failure looks like are in `docs/internals/network.md`.
 *
 * - `network-envelope`, `network-codes`: the bytes of messages and errors.
 * - `network-stream`, `network-streaming`, `network-unary`: one stream, from either side.
 * - `network-tls`: certificates, identities, the pinned CA of a joining node.
 * - `network-session`: windows and keep-alive. `network-client`, `network-server`: the two ends.
 */

import type {
  ConnectionClass,
  Listener,
  Network,
  PeerConnection,
  PeerIdentity,
  PeerTarget,
  SocketAddress,
  StreamHandler,
} from "../ports.ts";
import { NodePeerConnection } from "./network-client.ts";
import { type NetworkLimits, networkLimits } from "./network-limits.ts";
import { type NetworkProblem, NodeListener, type NodeListenOptions } from "./network-server.ts";
import { checkCredentials, type NodeCredentials } from "./network-tls.ts";

export interface NodeNetworkOptions extends NodeCredentials {
  readonly identity: PeerIdentity;
  readonly limits?: Partial<NetworkLimits>;
  /** Told of connections that failed before they carried a stream, for the log. */
  readonly onProblem?: (problem: NetworkProblem) => void;
}

export interface NodeNetwork extends Network {
  listen(
    address: SocketAddress,
    handlers: ReadonlyMap<string, StreamHandler>,
    options?: NodeListenOptions,
  ): Promise<Listener>;
  /** New certificates and keys for every connection made from now on, on both sides; throws when they are not this node's. */
  updateCredentials(credentials: NodeCredentials): void;
}

/**
 * The network of one node. Throws when the certificate does not name `identity` or is not of the CA.
 */
export function createNodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  return new Http2Network(options);
}

/**
 * A connection of a node that has no certificate yet, for the methods that are marked `anonymous`. The peer must present a CA certificate with
 * this SHA-256 fingerprint (64 hexadecimal digits, colons allowed) and a certificate of that CA that names a node.
 */
export function createAnonymousConnection(
  address: SocketAddress,
  options: { readonly caFingerprintSha256: string; readonly limits?: Partial<NetworkLimits> },
): PeerConnection {
  return new NodePeerConnection({
    target: { address },
    trust: { kind: "pinned-ca", fingerprintSha256: options.caFingerprintSha256 },
    limits: networkLimits(options.limits),
  });
}

class Http2Network implements NodeNetwork {
  readonly #identity: PeerIdentity;
  readonly #limits: NetworkLimits;
  readonly #onProblem: (problem: NetworkProblem) => void;
  readonly #listeners = new Set<NodeListener>();
  readonly #connections = new Map<string, NodePeerConnection>();
  #credentials: NodeCredentials;

  constructor(options: NodeNetworkOptions) {
    checkCredentials(options, options.identity);
    this.#identity = options.identity;
    this.#credentials = options;
    this.#limits = networkLimits(options.limits);
    this.#onProblem = options.onProblem ?? (() => {});
  }

  async listen(
    address: SocketAddress,
    handlers: ReadonlyMap<string, StreamHandler>,
    options: NodeListenOptions = {},
  ): Promise<Listener> {
    const listener = new NodeListener({
      ...options,
      clusterId: this.#identity.clusterId,
      credentials: this.#credentials,
      handlers,
      limits: this.#limits,
      onProblem: this.#onProblem,
      onClosed: () => this.#listeners.delete(listener),
    });
    await listener.listen(address);
    this.#listeners.add(listener);
    return listener;
  }

  connect(target: PeerTarget, connectionClass: ConnectionClass): PeerConnection {
    const key = `${connectionClass} ${target.nodeId ?? "any"} ${target.address.host} ${target.address.port}`;
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const connection = new NodePeerConnection({
      target,
      trust: { kind: "node", clusterId: this.#identity.clusterId, credentials: () => this.#credentials },
      limits: this.#limits,
      onClosed: () => this.#connections.delete(key),
    });
    this.#connections.set(key, connection);
    return connection;
  }

  updateCredentials(credentials: NodeCredentials): void {
    checkCredentials(credentials, this.#identity);
    this.#credentials = credentials;
    for (const listener of this.#listeners) listener.updateCredentials(credentials);
  }

  async close(): Promise<void> {
    for (const connection of [...this.#connections.values()]) connection.close();
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
  }
}
