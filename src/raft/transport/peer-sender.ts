import { concatBytes } from "../../base/index.ts";
import type {
  MessageStream,
  Network,
  PeerConnection,
  Random,
  StreamError,
  Timer,
  Timers,
} from "../../platform/index.ts";
import type { RaftPeer } from "../ports.ts";
import type { NodeStart } from "../starts/index.ts";
import type { Message } from "../types.ts";
import type { TransportEvent } from "./events.ts";
import {
  decodeAcceptance,
  encodeAddress,
  encodeFrame,
  encodeStarts,
  type FrameAddress,
  framedSize,
} from "./frame-codec.ts";
import { EXCHANGE_METHOD, OLDER_START_CODE, type TransportLimits } from "./limits.ts";

export interface PeerSenderOptions {
  readonly network: Network;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits: TransportLimits;
  readonly address: FrameAddress;
  readonly peer: RaftPeer;
  /** Of this node, oldest first. Undefined: it does not tell them. */
  readonly starts: readonly NodeStart[] | undefined;
  /** The peer has accepted a start of this node that this directory does not know of. */
  readonly onOlderStart: (nodeId: number, message: string) => void;
  /** Messages to the peer were lost: the core must probe again. */
  readonly onUnreachable: (nodeId: number) => void;
  readonly onEvent: (event: TransportEvent) => void;
}

/**
 * Everything that goes from this node to one peer, over one stream that is opened when there is something to send and again after it
 * broke. Raft makes up for what is lost, so nothing is kept for later: while the stream is down messages are dropped and reported.
 *
 *     idle --send--> open --closed--> waiting --backoff--> idle
 */
export class PeerSender {
  readonly peer: RaftPeer;
  readonly #options: PeerSenderOptions;
  readonly #connection: PeerConnection;
  readonly #address: Uint8Array;
  readonly #firstAddress: Uint8Array;
  #stream: MessageStream | undefined;
  #isFirstFrame = false;
  #accepted = false;
  #writable = false;
  #queue: Message[] = [];
  #queueBytes = 0;
  #wantsSnapshot = false;
  #wasAccepted = false;
  #wantsHello = false;
  #failures = 0;
  #backoff: Timer | undefined;
  #closed = false;

  constructor(options: PeerSenderOptions) {
    const { network, peer, address } = options;
    this.#options = options;
    this.peer = peer;
    this.#address = encodeAddress(address);
    this.#firstAddress = concatBytes([this.#address, encodeStarts(options.starts ?? [])]);
    const target = { address: { host: peer.host, port: peer.port }, nodeId: peer.nodeId };
    this.#connection = network.connect(target, "raft");
    this.#hello();
  }

  /** The peer has answered, or could not be reached: what it knows of the starts of this node has been heard, or cannot be. */
  get isAsked(): boolean {
    return this.#wasAccepted || this.#failures > 0;
  }

  /** Queues messages, all to this peer, in order. */
  send(messages: readonly Message[]): void {
    if (!this.#ready()) {
      this.#drop(messages.length);
      return;
    }
    const { maxQueueMessages, maxQueueBytes } = this.#options.limits;
    let dropped = 0;
    for (const message of messages) {
      const sizeBytes = framedSize(message);
      const full = this.#queue.length >= maxQueueMessages || this.#queueBytes + sizeBytes > maxQueueBytes;
      if (full && this.#queue.length > 0) {
        dropped++;
        continue;
      }
      this.#queue.push(message);
      this.#queueBytes += sizeBytes;
    }
    this.#flush();
    if (dropped > 0) this.#drop(dropped);
  }

  /** Asks the peer, if it leads, for a snapshot. */
  askForSnapshot(): void {
    if (!this.#ready()) return;
    this.#wantsSnapshot = true;
    this.#flush();
  }

  /**
   * Tells the peer the starts of this node, once in its life, also when there is nothing else to say: each peer has to know of the latest start,
   * not only those that this node has had something to tell.
   */
  #hello(): void {
    if (this.#options.starts === undefined || this.#wasAccepted || !this.#ready()) return;
    this.#wantsHello = true;
    this.#flush();
  }

  close(): void {
    this.#closed = true;
    this.#backoff?.cancel();
    this.#stream?.fail("canceled", "the sender is closed");
    this.#connection.close();
  }

  /** Whether there is a stream, opened now if need be. */
  #ready(): boolean {
    if (this.#closed || this.#backoff !== undefined) return false;
    if (this.#stream === undefined) this.#open();
    return true;
  }

  #open(): void {
    const { maxFrameBytes } = this.#options.limits;
    const stream = this.#connection.openStream(EXCHANGE_METHOD, {
      kind: "stream",
      maxMessageBytes: maxFrameBytes,
    });
    this.#stream = stream;
    this.#isFirstFrame = true;
    this.#accepted = false;
    this.#writable = true;
    stream.onMessage = (pieces) => this.#onAcceptance(stream, concatBytes(pieces));
    stream.onEnd = () => stream.end();
    stream.onClose = (error) => this.#onClose(stream, error);
  }

  #onAcceptance(stream: MessageStream, bytes: Uint8Array): void {
    if (this.#stream !== stream) return;
    const { peer, onEvent } = this.#options;
    let incarnation = "";
    try {
      incarnation = decodeAcceptance(bytes);
    } catch (error) {
      stream.fail("invalid_argument", String(error));
      return;
    }
    if (peer.incarnation !== "" && incarnation !== peer.incarnation) {
      const message = `node ${peer.nodeId} has another incarnation`;
      onEvent({ kind: "peer-refused", peer: peer.nodeId, code: "failed_precondition", message });
      stream.fail("failed_precondition", message);
      return;
    }
    if (this.#accepted) return;
    this.#accepted = true;
    this.#wasAccepted = true;
    this.#failures = 0;
    onEvent({ kind: "peer-connected", peer: peer.nodeId });
  }

  #onClose(stream: MessageStream, error: StreamError | undefined): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#writable = false;
    this.#queue = [];
    this.#queueBytes = 0;
    this.#wantsSnapshot = false;
    this.#wantsHello = false;
    if (this.#closed) return;
    const { timers, onEvent, onUnreachable, onOlderStart, peer, starts } = this.#options;
    this.#backoff = timers.after(this.#backoffMs(), () => {
      this.#backoff = undefined;
      this.#hello();
    });
    this.#failures++;
    const { code, message } = error ?? { code: "ended", message: "the peer ended the stream" };
    onEvent({ kind: "peer-disconnected", peer: peer.nodeId, code, message });
    onUnreachable(peer.nodeId);
    if (code === OLDER_START_CODE && starts !== undefined) onOlderStart(peer.nodeId, message);
  }

  #backoffMs(): number {
    const { minBackoffMs, maxBackoffMs } = this.#options.limits;
    const longest = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(this.#failures, 16));
    // Between half and all of it, so that nodes that lost each other at the same moment do not come back at the same moment.
    return longest / 2 + this.#options.random.below(Math.max(1, Math.floor(longest / 2)));
  }

  #flush(): void {
    while (this.#writable && (this.#queue.length > 0 || this.#wantsSnapshot || this.#wantsHello)) {
      const stream = this.#stream;
      if (stream === undefined) return;
      const address = this.#isFirstFrame ? this.#firstAddress : this.#address;
      const frame = encodeFrame(address, this.#takeFrame(), this.#wantsSnapshot);
      this.#isFirstFrame = false;
      this.#wantsHello = false;
      this.#wantsSnapshot = false;
      if (stream.send([frame])) continue;
      this.#writable = false;
      stream.drained().then(
        () => {
          if (this.#stream !== stream) return;
          this.#writable = true;
          this.#flush();
        },
        // The stream has closed: `onClose` does the rest.
        () => undefined,
      );
    }
  }

  #takeFrame(): Message[] {
    let bytes = 0;
    let count = 0;
    for (const message of this.#queue) {
      const sizeBytes = framedSize(message);
      if (count > 0 && bytes + sizeBytes > this.#options.limits.frameBytes) break;
      bytes += sizeBytes;
      count++;
    }
    this.#queueBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #drop(count: number): void {
    const { peer, onEvent, onUnreachable } = this.#options;
    if (this.#closed) return;
    onEvent({ kind: "messages-dropped", peer: peer.nodeId, count });
    onUnreachable(peer.nodeId);
  }
}
