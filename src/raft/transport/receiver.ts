import { concatBytes } from "../../base/index.ts";
import type { MessageStream, PeerIdentity, StreamErrorCode, StreamHandler } from "../../platform/index.ts";
import type { RaftPeer } from "../ports.ts";
import type { NodeStart } from "../starts/index.ts";
import type { Message, MessageType } from "../types.ts";
import type { TransportEvent } from "./events.ts";
import { decodeFrame, encodeAcceptance, type Frame } from "./frame-codec.ts";
import { OLDER_START_CODE } from "./limits.ts";
import { WireError } from "./wire.ts";

export interface ReceiverOptions {
  readonly clusterId: string;
  readonly groupId: number;
  readonly nodeId: number;
  readonly incarnation: string;
  readonly maxFrameBytes: number;
  /** Undefined: the node is not known here, and its certificate alone speaks for it. "": known, its incarnation is not. */
  readonly incarnationOf: (nodeId: number) => string | undefined;
  /** Nodes that were removed from the cluster: nothing is taken from them, whatever their certificate says. */
  readonly isRefused: (nodeId: number) => boolean;
  /** Whether a peer that tells these starts, at least one, may speak; what it may is durable when that resolves. */
  readonly admit: (nodeId: number, starts: readonly NodeStart[]) => boolean | Promise<boolean>;
  /** A stream was accepted whose first frame says where its sender can be reached. */
  readonly onIntroduced: (peer: RaftPeer) => void;
  readonly onMessages: (from: number, messages: readonly Message[]) => void;
  readonly onSnapshotWanted: (from: number) => void;
  readonly onEvent: (event: TransportEvent) => void;
}

/** A stream, and how far it has come. */
interface Incoming {
  readonly stream: MessageStream;
  readonly peer: PeerIdentity | undefined;
  stage: "first" | "admitting" | "accepted" | "over";
  /** What came before it was accepted. */
  readonly held: Frame[];
}

export interface Refusal {
  readonly code: StreamErrorCode;
  readonly message: string;
}

/** What this end must be, for a frame to be taken. */
export type FrameExpectation = Pick<
  ReceiverOptions,
  "clusterId" | "groupId" | "nodeId" | "incarnation" | "incarnationOf" | "isRefused"
>;

const MAX_HOST_CHARACTERS = 255;
const MAX_PORT = 65_535;

/** A node that is not the leader sends these on for others; a transfer names the node to be promoted as its sender. */
const FORWARDED: ReadonlySet<MessageType> = new Set<MessageType>([
  "MsgProp",
  "MsgReadIndex",
  "MsgTransferLeader",
]);

/** Why a frame is not for this node, or not from who it says. Pure. */
export function refusalOf(
  frame: Frame,
  peer: PeerIdentity | undefined,
  here: FrameExpectation,
): Refusal | undefined {
  if (peer === undefined) return { code: "unauthenticated", message: "a node certificate is needed" };
  if (frame.clusterId !== here.clusterId || peer.clusterId !== here.clusterId) {
    return { code: "permission_denied", message: "the frame is for another cluster" };
  }
  if (frame.fromNodeId !== peer.nodeId) {
    return { code: "permission_denied", message: "the frame is not from the node of the certificate" };
  }
  if (here.isRefused(frame.fromNodeId)) {
    return { code: "permission_denied", message: "the sender was removed from the cluster" };
  }
  if (frame.toNodeId !== here.nodeId) {
    return { code: "failed_precondition", message: "the frame is for another node" };
  }
  if (frame.groupId !== here.groupId) return { code: "not_found", message: "there is no such group here" };
  if (frame.toIncarnation !== "" && frame.toIncarnation !== here.incarnation) {
    return { code: "failed_precondition", message: "this node has another incarnation" };
  }
  const known = here.incarnationOf(frame.fromNodeId);
  if (known !== undefined && known !== "" && frame.fromIncarnation !== known) {
    return { code: "permission_denied", message: "the sender's incarnation is not the one known here" };
  }
  if (frame.messages.some(({ type }) => type === "MsgSnap")) {
    return { code: "invalid_argument", message: "a snapshot comes with its bytes, on a stream of its own" };
  }
  const foreign = frame.messages.find(({ from, to }) => from !== frame.fromNodeId || to !== frame.toNodeId);
  if (foreign !== undefined && !FORWARDED.has(foreign.type)) {
    return { code: "invalid_argument", message: `a ${foreign.type} is not between the nodes of its frame` };
  }
  return undefined;
}

function isUsable(host: string, port: number): boolean {
  return host.length > 0 && host.length <= MAX_HOST_CHARACTERS && port > 0 && port <= MAX_PORT;
}

/** The server side of the exchange: one stream for each peer, a newer one replaces an older one. */
export class Receiver implements StreamHandler {
  readonly kind = "stream";
  readonly maxMessageBytes: number;
  readonly #options: ReceiverOptions;
  readonly #streams = new Map<number, MessageStream>();
  #closed = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.maxMessageBytes = options.maxFrameBytes;
  }

  open(stream: MessageStream, peer: PeerIdentity | undefined): void {
    const incoming: Incoming = { stream, peer, stage: "first", held: [] };
    stream.onMessage = (pieces) => {
      if (this.#closed) return;
      const frame = this.#read(stream, pieces, peer);
      if (frame === undefined) return;
      if (incoming.stage === "accepted") this.#deliver(frame);
      else incoming.held.push(frame);
      if (incoming.stage === "first") this.#admit(incoming, frame);
    };
    stream.onEnd = () => stream.end();
    stream.onClose = () => {
      incoming.stage = "over";
      if (peer !== undefined && this.#streams.get(peer.nodeId) === stream) this.#streams.delete(peer.nodeId);
    };
  }

  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams.values()]) stream.fail("unavailable", "this node is stopping");
    this.#streams.clear();
  }

  /** Nothing of the stream is taken before it is known, and durable, that no later start of its sender has spoken. */
  #admit(incoming: Incoming, { fromNodeId, starts }: Frame): void {
    const admitted = starts.length === 0 || this.#options.admit(fromNodeId, starts);
    if (typeof admitted === "boolean") {
      this.#decide(incoming, admitted);
      return;
    }
    const { stream, peer } = incoming;
    incoming.stage = "admitting";
    // What is in flight already is held, and it is no more than that.
    stream.pause();
    admitted.then(
      (isLatest) => {
        stream.resume();
        this.#decide(incoming, isLatest);
      },
      (error: unknown) => {
        stream.resume();
        this.#refuse(stream, peer, { code: "unavailable", message: `the start cannot be noted: ${error}` });
      },
    );
  }

  #decide(incoming: Incoming, isLatest: boolean): void {
    const { stream, peer, held } = incoming;
    const [first] = held;
    if (this.#closed || incoming.stage === "over" || first === undefined) return;
    if (!isLatest) {
      const present = first.starts.at(-1)?.number ?? 0;
      const message = `node ${this.#options.nodeId} knows of a start of node ${first.fromNodeId} that its start ${present} knows nothing of`;
      this.#refuse(stream, peer, { code: OLDER_START_CODE, message });
      return;
    }
    incoming.stage = "accepted";
    this.#accept(stream, first);
    for (const frame of held.splice(0)) this.#deliver(frame);
  }

  #deliver(frame: Frame): void {
    if (frame.messages.length > 0) this.#options.onMessages(frame.fromNodeId, frame.messages);
    if (frame.wantsSnapshot) this.#options.onSnapshotWanted(frame.fromNodeId);
  }

  #accept(stream: MessageStream, frame: Frame): void {
    const { fromNodeId: nodeId, fromIncarnation: incarnation, fromHost: host, fromPort: port } = frame;
    this.#streams.get(nodeId)?.fail("aborted", "a newer stream has replaced this one");
    this.#streams.set(nodeId, stream);
    stream.send([encodeAcceptance(this.#options.incarnation)]);
    if (isUsable(host, port)) this.#options.onIntroduced({ nodeId, incarnation, host, port });
  }

  /** Undefined: refused, and the stream has ended. */
  #read(
    stream: MessageStream,
    pieces: readonly Uint8Array[],
    peer: PeerIdentity | undefined,
  ): Frame | undefined {
    const [only] = pieces;
    try {
      const frame = decodeFrame(pieces.length === 1 && only !== undefined ? only : concatBytes(pieces));
      const refusal = refusalOf(frame, peer, this.#options);
      if (refusal === undefined) return frame;
      this.#refuse(stream, peer, refusal);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#refuse(stream, peer, { code: "invalid_argument", message: error.message });
    }
    return undefined;
  }

  #refuse(stream: MessageStream, peer: PeerIdentity | undefined, refusal: Refusal): void {
    this.#options.onEvent({ kind: "peer-refused", peer: peer?.nodeId ?? 0, ...refusal });
    stream.fail(refusal.code, refusal.message);
  }
}
