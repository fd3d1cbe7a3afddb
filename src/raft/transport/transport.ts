import type { Listener, Network, Random, SocketAddress, Timers } from "../../platform/index.ts";
import type { RaftPeer } from "../ports.ts";
import type { StartRecords } from "../starts/index.ts";
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
  /** The host by which peers reach this node. "": none, and it introduces itself to nobody. */
  readonly advertiseHost: string;
  readonly peers: readonly RaftPeer[];
  /** Undefined: this node neither tells its starts nor looks at those of others. */
  readonly starts?: Pick<StartRecords, "own" | "admit" | "forget" | "settled"> | undefined;
  /** This node is an older start than one that a peer has accepted: it must not go on. */
  readonly onOlderStart: (by: NodeId, message: string) => void;
  /** In the order in which the peer sent them. */
  readonly onMessages: (from: NodeId, messages: readonly Message[]) => void;
  /** The log of a peer is damaged; it asks for a snapshot. */
  readonly onSnapshotWanted: (from: NodeId) => void;
  readonly onUnreachable: (nodeId: NodeId) => void;
  readonly onEvent: (event: TransportEvent) => void;
}

/** Nodes that introduced themselves and were named by nobody else: what is more than that gets no answer. */
const MAX_INTRODUCED_PEERS = 64;

/** Carries Raft messages between this node and its peers. Best effort: what cannot be delivered is dropped and reported. */
export class RaftTransport {
  readonly address: SocketAddress;
  readonly #options: TransportOptions;
  readonly #listener: Listener;
  readonly #receiver: Receiver;
  readonly #senders: Map<NodeId, PeerSender>;
  readonly #refused: Set<NodeId>;
  /** As `setPeers` named them last. */
  #named = new Map<NodeId, RaftPeer>();

  private constructor(parts: {
    readonly options: TransportOptions;
    readonly listener: Listener;
    readonly receiver: Receiver;
    readonly senders: Map<NodeId, PeerSender>;
    readonly refused: Set<NodeId>;
    readonly introduce: Introductions;
  }) {
    this.#options = parts.options;
    this.#listener = parts.listener;
    this.#receiver = parts.receiver;
    this.#senders = parts.senders;
    this.#refused = parts.refused;
    this.address = parts.listener.address;
    parts.introduce.to = (peer) => this.#introduced(peer);
    this.setPeers(parts.options.peers);
  }

  /** Listens; rejects when that is not possible. */
  static async start(options: TransportOptions): Promise<RaftTransport> {
    const senders = new Map<NodeId, PeerSender>();
    const refused = new Set<NodeId>();
    const introduce: Introductions = { to: () => undefined };
    const receiver = new Receiver({
      ...options,
      admit: (nodeId, starts) => options.starts?.admit(nodeId, starts) ?? true,
      onIntroduced: (peer) => introduce.to(peer),
      maxFrameBytes: options.limits.maxFrameBytes,
      incarnationOf: (nodeId) => senders.get(nodeId)?.peer.incarnation,
      isRefused: (nodeId) => refused.has(nodeId),
    });
    const handlers = new Map([[EXCHANGE_METHOD, receiver]]);
    const listener = await options.network.listen(options.listen, handlers);
    return new RaftTransport({ options, listener, receiver, senders, refused, introduce });
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

  /** Whether some of the peers that are named may still say that this node is an older start. */
  get isAsking(): boolean {
    if (this.#options.starts === undefined) return false;
    return [...this.#senders.values()].some(({ isAsked }) => !isAsked);
  }

  askForSnapshot(from: NodeId): void {
    this.#senders.get(from)?.askForSnapshot();
  }

  /**
   * Peers that are not named any more are not sent to any more; one whose address changed is dialled anew. What comes from the nodes in
   * `refused` is turned away. What a node said of itself meanwhile holds until it is named otherwise than before: who names it may be behind.
   */
  setPeers(peers: readonly RaftPeer[], refused: readonly NodeId[] = []): void {
    this.#refused.clear();
    for (const nodeId of refused) {
      this.#refused.add(nodeId);
      this.#options.starts?.forget(nodeId);
    }
    const named = new Map(peers.map((peer) => [peer.nodeId, peer]));
    named.delete(this.#options.nodeId);
    const before = this.#named;
    this.#named = named;
    for (const nodeId of [...this.#senders.keys()]) {
      const isDropped = !named.has(nodeId) && (before.has(nodeId) || this.#refused.has(nodeId));
      if (isDropped) this.#forget(nodeId);
    }
    for (const [nodeId, peer] of named) {
      const earlier = before.get(nodeId);
      const isSaidAgain = earlier !== undefined && samePeer(earlier, peer) && this.#senders.has(nodeId);
      if (!isSaidAgain) this.#sendTo(peer);
    }
  }

  async close(): Promise<void> {
    for (const sender of this.#senders.values()) sender.close();
    this.#senders.clear();
    this.#receiver.close();
    await this.#listener.close();
    // The next process on this directory writes the same files.
    await this.#options.starts?.settled();
  }

  /**
   * A node with a certificate of this cluster says where it is. Without that a node whose rows are behind could not answer a leader that they do
   * not name, and so never came to the row that names it.
   */
  #introduced(peer: RaftPeer): void {
    if (peer.nodeId === this.#options.nodeId) return;
    const isNew = !this.#senders.has(peer.nodeId);
    if (isNew && this.#senders.size - this.#named.size >= MAX_INTRODUCED_PEERS) return;
    this.#sendTo(peer);
  }

  #sendTo(peer: RaftPeer): void {
    const sender = this.#senders.get(peer.nodeId);
    if (sender !== undefined && samePeer(peer, sender.peer)) return;
    this.#forget(peer.nodeId);
    this.#senders.set(peer.nodeId, this.#newSender(peer));
  }

  #forget(nodeId: NodeId): void {
    this.#senders.get(nodeId)?.close();
    this.#senders.delete(nodeId);
  }

  #newSender(peer: RaftPeer): PeerSender {
    const { clusterId, groupId, nodeId, incarnation, advertiseHost } = this.#options;
    const address = {
      clusterId,
      groupId,
      fromNodeId: nodeId,
      toNodeId: peer.nodeId,
      fromIncarnation: incarnation,
      toIncarnation: peer.incarnation,
      fromHost: advertiseHost,
      fromPort: advertiseHost === "" ? 0 : this.address.port,
    };
    return new PeerSender({ ...this.#options, starts: this.#options.starts?.own, address, peer });
  }
}

/** The receiver is there before the transport that it belongs to. */
interface Introductions {
  to: (peer: RaftPeer) => void;
}

function samePeer(a: RaftPeer, b: RaftPeer): boolean {
  return a.host === b.host && a.port === b.port && a.incarnation === b.incarnation;
}
