/** Two ends of one stream in memory, with delivery in later turns, back-pressure, and a cable that a test can pull. */

import { concatBytes, Deferred } from "../../base/index.ts";
import {
  type MessageStream,
  type PeerConnection,
  type PeerIdentity,
  type StreamError,
  type StreamErrorCode,
  StreamFailure,
  type StreamHandler,
} from "../../platform/index.ts";
import type { Simulation } from "../../platform/sim/index.ts";

const HIGH_WATER_BYTES = 512 * 1024;

export class StreamEnd implements MessageStream {
  onMessage: (pieces: readonly Uint8Array[], sizeBytes: number) => void = () => {};
  onEnd: () => void = () => {};
  onClose: (error: StreamError | undefined) => void = () => {};
  other: StreamEnd | undefined;
  /** Messages delivered from this end. */
  delivered = 0;
  /** Called before each delivery with the number of messages delivered so far; true: the cable is pulled. */
  cut: (delivered: number) => boolean = () => false;
  readonly #simulation: Simulation;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #drained: Deferred<void> | undefined;
  #isPaused = false;
  #isEnded = false;
  #isClosed = false;
  #isDelivering = false;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  send(parts: readonly Uint8Array[]): boolean {
    if (this.#isClosed) return true;
    const message = concatBytes(parts);
    this.#queue.push(message);
    this.#queuedBytes += message.length;
    this.#deliver();
    return this.#queuedBytes < HIGH_WATER_BYTES;
  }

  drained(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new StreamFailure("unavailable", "the stream was closed"));
    if (this.#queuedBytes < HIGH_WATER_BYTES) return Promise.resolve();
    this.#drained ??= new Deferred();
    return this.#drained.promise;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.other !== undefined) this.other.#deliver();
  }

  end(): void {
    this.#isEnded = true;
    this.#deliver();
  }

  fail(code: StreamErrorCode, message: string): void {
    this.close({ code, message });
  }

  /** Both ends learn of it. */
  close(error: StreamError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#drained?.reject(new StreamFailure("unavailable", "the stream was closed"));
    this.#simulation.schedule(0, () => this.onClose(error));
    this.other?.close(error);
  }

  #deliver(): void {
    if (this.#isDelivering || this.other === undefined || this.other.#isPaused) return;
    this.#isDelivering = true;
    this.#simulation.schedule(0.1, () => {
      this.#isDelivering = false;
      this.#deliverOne();
    });
  }

  #deliverOne(): void {
    const peer = this.other;
    if (this.#isClosed || peer === undefined || peer.#isPaused) return;
    const message = this.#queue.shift();
    if (message === undefined) {
      if (this.#isEnded) peer.#ended();
      return;
    }
    if (this.cut(this.delivered)) {
      this.close({ code: "unavailable", message: "the cable was pulled" });
      return;
    }
    this.delivered++;
    this.#queuedBytes -= message.length;
    // In two pieces, as a network may do it.
    const middle = message.length >> 1;
    peer.onMessage([message.slice(0, middle), message.slice(middle)], message.length);
    if (this.#queuedBytes < HIGH_WATER_BYTES) {
      this.#drained?.resolve();
      this.#drained = undefined;
    }
    if (this.#queue.length > 0 || this.#isEnded) this.#deliver();
  }

  #ended(): void {
    this.onEnd();
    if (this.#isEnded && this.#queue.length === 0) this.close(undefined);
  }
}

/** A connection whose streams are served by these handlers. `prepare` may change the sender's end. */
export function connectTo(
  simulation: Simulation,
  handlers: ReadonlyMap<string, StreamHandler>,
  peer: PeerIdentity,
  prepare: (end: StreamEnd) => void = () => {},
): PeerConnection {
  return {
    target: { address: { host: "test", port: 1 } },
    isConnected: () => true,
    close: () => {},
    openStream: (path) => {
      const [near, far] = [new StreamEnd(simulation), new StreamEnd(simulation)];
      near.other = far;
      far.other = near;
      prepare(near);
      const handler = handlers.get(path);
      if (handler === undefined) throw new Error(`nobody serves ${path}`);
      handler.open(far, peer);
      return near;
    },
  };
}
