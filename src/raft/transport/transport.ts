import type { Listener, Network, Random, SocketAddress, Timers } from "../../platform/index.ts";
import type { RaftPeer } from "../ports.ts";
import type { Message, NodeId } from "../types.ts";
import type { TransportEvent } from "./events.ts";
import { EXCHANGE_METHOD, type TransportLimits } from "./limits.ts";
import { isWireMessage } from "./message-codec.ts";
import { PeerSender } from "./peer-sender.ts";
import { Receiver } from "./receiver.ts";

export interface TransportOptions {
  readonly network: Network;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits: TransportLimits;
  readonly clusterId: string;
  readonly groupId: number;
  readonly nodeId: NodeId;
  readonly incarnation: string;
  readonly listen: SocketAddress;
  readonly peers: readonly RaftPeer[];
  /** In the order in which the peer sent them. */
  readonly onMessages: (from: NodeId, messages: readonly Message[]) => void;
  /** The log of a peer is damaged; it asks for a snapshot. */
  readonly onSnapshotWanted: (from: NodeId) => void;
  readonly onUnreachable: (nodeId: NodeId) => void;
  readonly onEvent: (event: TransportEvent) => void;
}

/** Carries Raft messages between this node and its peers. Best effort: what cannot be delivered is dropped and reported. */
export class RaftTransport {
  readonly address: SocketAddress;
  readonly #options: TransportOptions;
  readonly #listener: Listener;
  readonly #receiver: Receiver;
  readonly #senders: Map<NodeId, PeerSender>;
  readonly #refused: Set<NodeId>;

  private constructor(parts: {
    readonly options: TransportOptions;
    readonly listener: Listener;
    readonly receiver: Receiver;
    readonly senders: Map<NodeId, PeerSender>;
    readonly refused: Set<NodeId>;
  }) {
    this.#options = parts.options;
    this.#listener = parts.listener;
    this.#receiver = parts.receiver;
    this.#senders = parts.senders;
    this.#refused = parts.refused;
    this.address = parts.listener.address;
    this.setPeers(parts.options.peers);
  }

  /** Listens; rejects when that is not possible. */
  static async start(options: TransportOptions): Promise<RaftTransport> {
    const senders = new Map<NodeId, PeerSender>();
    const refused = new Set<NodeId>();
    const receiver = new Receiver({
      ...options,
      maxFrameBytes: options.limits.maxFrameBytes,
      incarnationOf: (nodeId) => senders.get(nodeId)?.peer.incarnation,
      isRefused: (nodeId) => refused.has(nodeId),
    });
    const handlers = new Map([[EXCHANGE_METHOD, receiver]]);
    const listener = await options.network.listen(options.listen, handlers);
    return new RaftTransport({ options, listener, receiver, senders, refused });
  }

  /** Sends to the peers that `to` names; in order for each of them. */
  send(messages: readonly Message[]): void {
    const byPeer = new Map<NodeId, Message[]>();
    for (const message of messages) {
      if (!isWireMessage(message.type)) throw new RangeError(`${message.type} never leaves its node`);
      const queued = byPeer.get(message.to);
      if (queued === undefined) byPeer.set(message.to, [message]);
      else queued.push(message);
    }
    for (const [to, queued] of byPeer) {
      const sender = this.#senders.get(to);
      if (sender !== undefined) sender.send(queued);
      else this.#options.onUnreachable(to);
    }
  }

  askForSnapshot(from: NodeId): void {
    this.#senders.get(from)?.askForSnapshot();
  }

  /**
   * Peers that are not named any more are not sent to any more; one whose address changed is dialled anew. What comes from the nodes in
   * `refused` is turned away.
   */
  setPeers(peers: readonly RaftPeer[], refused: readonly NodeId[] = []): void {
    this.#refused.clear();
    for (const nodeId of refused) this.#refused.add(nodeId);
    const wanted = new Map(peers.map((peer) => [peer.nodeId, peer]));
    wanted.delete(this.#options.nodeId);
    for (const [nodeId, sender] of [...this.#senders]) {
      const peer = wanted.get(nodeId);
      if (peer !== undefined && samePeer(peer, sender.peer)) continue;
      sender.close();
      this.#senders.delete(nodeId);
    }
    for (const [nodeId, peer] of wanted) {
      if (!this.#senders.has(nodeId)) this.#senders.set(nodeId, this.#newSender(peer));
    }
  }

  async close(): Promise<void> {
    for (const sender of this.#senders.values()) sender.close();
    this.#senders.clear();
    this.#receiver.close();
    await this.#listener.close();
  }

  #newSender(peer: RaftPeer): PeerSender {
    const { clusterId, groupId, nodeId, incarnation } = this.#options;
    const address = {
      clusterId,
      groupId,
      fromNodeId: nodeId,
      toNodeId: peer.nodeId,
      fromIncarnation: incarnation,
      toIncarnation: peer.incarnation,
    };
    return new PeerSender({ ...this.#options, address, peer });
  }
}

function samePeer(a: RaftPeer, b: RaftPeer): boolean {
  return a.host === b.host && a.port === b.port && a.incarnation === b.incarnation;
}
