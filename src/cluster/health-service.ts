/**
 * Heartbeats: every node keeps a stream to every other and sends its health on it; the other answers each with its own.
 *
 * A peer counts as seen when it answers on the stream that this node has opened, for that is the way on which this node will need it. What it
 * says about itself is taken from both directions. A beat that is signed with another id or incarnation than the metadata has is not one: a
 * wiped node does not pass for the one that it was.
 */

import { create } from "@bufbuild/protobuf";
import {
  HeartbeatRequestSchema,
  HeartbeatResponseSchema,
  type NodeHealth,
  NodeHealthSchema,
} from "../gen/skerry/cluster/v1/cluster_pb.js";
import type {
  Clock,
  MessageStream,
  Network,
  PeerConnection,
  PeerIdentity,
  SocketAddress,
  StreamHandler,
  Timer,
  Timers,
} from "../platform/ports.ts";
import {
  DEFAULT_FAILURE_DETECTOR,
  FailureDetector,
  type FailureDetectorOptions,
  type PeerTransition,
} from "./failure-detector.ts";
import { decodeMessage, encodeMessage, HEARTBEAT_PATH, MAX_HEARTBEAT_BYTES } from "./messages.ts";
import type { HealthView, LocalHealth, NodeIdentity, PeerHealth } from "./ports.ts";
import { StateHashHistory, type StateHashSample } from "./state-hash.ts";

export const DEFAULT_HEARTBEAT_MS = 500;

export interface HeartbeatPeer {
  readonly nodeId: number;
  readonly address: SocketAddress;
  readonly incarnation: string;
}

export interface HealthServiceOptions {
  readonly identity: Pick<NodeIdentity, "nodeId" | "incarnation">;
  readonly network: Pick<Network, "connect">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Timers;
  /** Asked for every beat: cheap. */
  readonly localHealth: () => LocalHealth;
  /** Whether a node was removed from the cluster and has left the Raft group: it is told so. */
  readonly hasLeft?: (nodeId: number) => boolean;
  /** A member says that this node was removed. */
  readonly onRemoved?: (by: number) => void;
  readonly heartbeatMs?: number;
  readonly detector?: FailureDetectorOptions;
}

/** This node's end of a stream to a peer. */
interface Link {
  readonly peer: HeartbeatPeer;
  readonly connection: PeerConnection;
  stream: MessageStream | undefined;
  /** When the stream was opened or last answered. */
  answeredMs: number;
  /** False while the stream's buffer is full. */
  ready: boolean;
}

export class HealthService implements HealthView {
  readonly #options: HealthServiceOptions;
  readonly #detector: FailureDetector;
  readonly #deadAfterMs: number;
  readonly #links = new Map<number, Link>();
  readonly #health = new Map<number, NodeHealth>();
  readonly #heardMs = new Map<number, number>();
  readonly #stateHashes = new Map<number, StateHashHistory>();
  readonly #listeners = new Set<(peer: PeerHealth) => void>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: HealthServiceOptions) {
    this.#options = options;
    const detector = options.detector ?? DEFAULT_FAILURE_DETECTOR;
    this.#detector = new FailureDetector(detector);
    this.#deadAfterMs = detector.deadAfterMs;
  }

  /** Begins to beat. */
  start(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#tick();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const link of this.#links.values()) link.connection.close();
    this.#links.clear();
  }

  /** All other members, as the metadata has them. A peer with a new address or incarnation is dialled again and begins as unknown. */
  setPeers(peers: readonly HeartbeatPeer[]): void {
    if (this.#isClosed) return;
    const wanted = new Map(peers.map((peer) => [peer.nodeId, peer]));
    wanted.delete(this.#options.identity.nodeId);
    for (const [nodeId, link] of this.#links) {
      const peer = wanted.get(nodeId);
      if (peer === undefined || !isSamePeer(peer, link.peer)) this.#drop(nodeId, link, peer);
    }
    for (const peer of wanted.values()) {
      if (!this.#links.has(peer.nodeId)) this.#add(peer);
    }
  }

  peer(nodeId: number): PeerHealth {
    if (nodeId === this.#options.identity.nodeId) {
      const nowMs = this.#now();
      return { nodeId, state: "alive", lastSeenMs: nowMs, heardMs: nowMs, health: this.#ownHealth() };
    }
    return {
      nodeId,
      state: this.#detector.state(nodeId),
      lastSeenMs: this.#detector.lastSeenMs(nodeId),
      heardMs: this.#heardMs.get(nodeId),
      health: this.#health.get(nodeId),
    };
  }

  /** This node first. */
  all(): readonly PeerHealth[] {
    return [this.#options.identity.nodeId, ...this.#links.keys()].map((nodeId) => this.peer(nodeId));
  }

  onChange(listener: (peer: PeerHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What this node and its peers have said about their state lately, for `judgeStateHashes`. */
  stateHashSamples(): readonly StateHashSample[] {
    return [...this.#stateHashes].flatMap(([nodeId, history]) => history.samples(nodeId));
  }

  /** The serving side of MembershipService.Heartbeat. */
  handler(): StreamHandler {
    return {
      kind: "stream",
      maxMessageBytes: MAX_HEARTBEAT_BYTES,
      open: (stream, peer) => this.#serve(stream, peer),
    };
  }

  #serve(stream: MessageStream, peer: PeerIdentity | undefined): void {
    let ready = true;
    stream.onClose = () => {};
    stream.onEnd = () => stream.end();
    stream.onMessage = (pieces) => {
      const health = decodeMessage(HeartbeatRequestSchema, pieces)?.health;
      if (peer === undefined || health === undefined || Number(health.nodeId) !== peer.nodeId) {
        stream.fail("invalid_argument", "a heartbeat carries the health of the node that sends it");
        return;
      }
      this.#learn(health);
      if (!ready) return;
      const hasLeft = this.#options.hasLeft?.(peer.nodeId) === true;
      const answer = create(
        HeartbeatResponseSchema,
        hasLeft ? { removed: true } : { health: this.#ownHealth() },
      );
      ready = stream.send(encodeMessage(HeartbeatResponseSchema, answer));
      if (ready) return;
      stream.drained().then(
        () => {
          ready = true;
        },
        () => {},
      );
    };
  }

  #add(peer: HeartbeatPeer): void {
    const connection = this.#options.network.connect(
      { address: peer.address, nodeId: peer.nodeId },
      "control",
    );
    const link: Link = { peer, connection, stream: undefined, answeredMs: this.#now(), ready: true };
    this.#links.set(peer.nodeId, link);
    this.#detector.track(peer.nodeId, this.#now());
  }

  /** What is known of a peer stays when only its address has changed. */
  #drop(nodeId: number, link: Link, successor: HeartbeatPeer | undefined): void {
    link.connection.close();
    this.#links.delete(nodeId);
    if (successor?.incarnation === link.peer.incarnation) return;
    this.#detector.forget(nodeId);
    this.#health.delete(nodeId);
    this.#heardMs.delete(nodeId);
    this.#stateHashes.delete(nodeId);
  }

  #tick(): void {
    const nowMs = this.#now();
    this.#rememberStateHash(this.#ownHealth());
    for (const link of this.#links.values()) this.#beat(link, nowMs);
    this.#announce(this.#detector.evaluate(nowMs));
    this.#timer = this.#options.timers.after(this.#options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS, () =>
      this.#tick(),
    );
  }

  #beat(link: Link, nowMs: number): void {
    // A stream that hangs is not mended by waiting.
    if (link.stream !== undefined && nowMs - link.answeredMs > this.#deadAfterMs) {
      link.stream.fail("deadline_exceeded", "no heartbeat was answered in time");
      link.stream = undefined;
    }
    const stream = link.stream ?? this.#open(link, nowMs);
    if (!link.ready) return;
    const request = create(HeartbeatRequestSchema, { health: this.#ownHealth() });
    link.ready = stream.send(encodeMessage(HeartbeatRequestSchema, request));
    if (link.ready) return;
    const becomeReady = () => {
      if (link.stream === stream) link.ready = true;
    };
    stream.drained().then(becomeReady, () => {});
  }

  #open(link: Link, nowMs: number): MessageStream {
    const stream = link.connection.openStream(HEARTBEAT_PATH, {
      kind: "stream",
      maxMessageBytes: MAX_HEARTBEAT_BYTES,
    });
    link.stream = stream;
    link.answeredMs = nowMs;
    link.ready = true;
    stream.onEnd = () => stream.end();
    stream.onClose = () => {
      if (link.stream === stream) link.stream = undefined;
    };
    stream.onMessage = (pieces) => {
      const answer = decodeMessage(HeartbeatResponseSchema, pieces);
      if (answer?.removed === true) this.#options.onRemoved?.(link.peer.nodeId);
      const health = answer?.health;
      if (health === undefined || !isFrom(health, link.peer)) return;
      link.answeredMs = this.#now();
      this.#learn(health);
      if (this.#links.get(link.peer.nodeId) === link) {
        this.#announce(this.#detector.observed(link.peer.nodeId, this.#now()));
      }
    };
    return stream;
  }

  /** Keeps what a member says about itself. */
  #learn(health: NodeHealth): void {
    const link = this.#links.get(Number(health.nodeId));
    if (link === undefined || !isFrom(health, link.peer)) return;
    this.#health.set(link.peer.nodeId, health);
    this.#heardMs.set(link.peer.nodeId, this.#now());
    this.#rememberStateHash(health);
  }

  #rememberStateHash(health: NodeHealth): void {
    const nodeId = Number(health.nodeId);
    let history = this.#stateHashes.get(nodeId);
    if (history === undefined) {
      history = new StateHashHistory();
      this.#stateHashes.set(nodeId, history);
    }
    history.add(health.hashIndex, health.stateHash);
  }

  #announce(changes: readonly PeerTransition[]): void {
    for (const { nodeId } of changes) {
      const peer = this.peer(nodeId);
      for (const listener of this.#listeners) listener(peer);
    }
  }

  #ownHealth(): NodeHealth {
    const { nodeId, incarnation } = this.#options.identity;
    return create(NodeHealthSchema, { ...this.#options.localHealth(), nodeId: BigInt(nodeId), incarnation });
  }

  #now(): number {
    return this.#options.clock.monotonicMs();
  }
}

function isSamePeer(a: HeartbeatPeer, b: HeartbeatPeer): boolean {
  return (
    a.incarnation === b.incarnation && a.address.host === b.address.host && a.address.port === b.address.port
  );
}

function isFrom(health: NodeHealth, peer: HeartbeatPeer): boolean {
  return Number(health.nodeId) === peer.nodeId && health.incarnation === peer.incarnation;
}
