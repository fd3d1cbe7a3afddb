import { assert, concatBytes, Deferred, type Prng, totalBytes } from "../../base/index.ts";
import { StreamFailure } from "../errors.ts";
import type { MessageStream, StreamError, StreamErrorCode } from "../ports.ts";
import type { SimProcess } from "./process.ts";

/** What travels on a simulated connection for one stream. */
export type StreamFrame =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  /** From the server only. No error: the call is complete whatever the client still sends. */
  | { readonly kind: "close"; readonly error: StreamError | undefined }
  /** From the client only. */
  | { readonly kind: "cancel" }
  /** The receiver has taken this much. */
  | { readonly kind: "credit"; readonly sizeBytes: number };

/** What a stream needs of the connection that it is on. */
export interface FrameCarrier {
  carry(frame: StreamFrame, sizeBytes: number): void;
  /** The stream has closed on this side. */
  release(): void;
}

export interface SimStreamOptions {
  readonly role: "client" | "server";
  readonly kind: "unary" | "stream";
  readonly maxMessageBytes: number;
  readonly windowBytes: number;
  readonly sendBufferBytes: number;
  readonly process: SimProcess;
  /** Cuts messages into pieces. */
  readonly prng: Prng;
}

type Outgoing = Extract<StreamFrame, { readonly kind: "message" | "end" | "close" }>;

const MAX_PIECES = 4;

/** One side of a simulated stream. */
export class SimStream implements MessageStream {
  onMessage: MessageStream["onMessage"] = () => {};
  onEnd: MessageStream["onEnd"] = () => {};
  onClose: MessageStream["onClose"] = () => {};

  readonly #options: SimStreamOptions;
  #carrier: FrameCarrier | undefined;
  #outgoing: Outgoing[] = [];
  #outgoingBytes = 0;
  /** Sent and not yet taken by the receiver. */
  #inFlightBytes = 0;
  #incoming: Outgoing[] = [];
  /** Taken and not yet told to the sender. */
  #takenBytes = 0;
  #waiters: Deferred<void>[] = [];
  #isPaused = false;
  #isLocalEnded = false;
  #isRemoteEnded = false;
  #isClosed = false;

  constructor(options: SimStreamOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isRemoteEnded(): boolean {
    return this.#isRemoteEnded;
  }

  send(parts: readonly Uint8Array[]): boolean {
    assert(!this.#isLocalEnded, "nothing is sent on a stream after its end");
    if (this.#isClosed) return false;
    this.#enqueue({ kind: "message", bytes: concatBytes(parts) });
    if (this.#options.kind === "unary") this.#endLocally({ kind: "end" });
    return !this.#isFull();
  }

  async drained(): Promise<void> {
    if (this.#isClosed) throw new StreamFailure("canceled", "the stream has closed");
    if (!this.#isFull()) return;
    const waiter = new Deferred<void>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // As on a real network: never from within the caller's own call when there is something behind the pause.
    this.#options.process.schedule(0, () => this.#deliver());
  }

  end(): void {
    if (this.#isLocalEnded || this.#isClosed) return;
    const unanswered = this.#options.kind === "unary" && this.#options.role === "server";
    const error: StreamError = { code: "internal", message: "the call was ended without an answer" };
    this.#endLocally(unanswered ? { kind: "close", error } : { kind: "end" });
  }

  fail(code: StreamErrorCode, message: string): void {
    this.failWith({ code, message });
  }

  failWith(error: StreamError): void {
    if (this.#isClosed) return;
    const carrier = this.#carrier;
    const unsent = this.#outgoing;
    this.finish(error);
    if (carrier === undefined) return;
    if (this.#options.role === "client") {
      carrier.carry({ kind: "cancel" }, 0);
      return;
    }
    for (const frame of unsent) carrier.carry(frame, sizeOf(frame));
    carrier.carry({ kind: "close", error: this.#isLocalEnded ? undefined : error }, 0);
  }

  /** Puts the stream onto a connection: what waited is sent. */
  attach(carrier: FrameCarrier): void {
    assert(this.#carrier === undefined && !this.#isClosed, "an open stream is attached once");
    this.#carrier = carrier;
    this.#flush();
  }

  /** The connection brings something for this stream. */
  receive(frame: StreamFrame): void {
    if (this.#isClosed) return;
    switch (frame.kind) {
      case "cancel":
        this.finish({ code: "canceled", message: "the peer canceled the stream" });
        return;
      case "credit":
        this.#inFlightBytes -= frame.sizeBytes;
        this.#flush();
        return;
      default:
        this.#incoming.push(frame);
        this.#deliver();
    }
  }

  /** The end of the stream for its user. */
  finish(error: StreamError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#carrier?.release();
    this.#outgoing = [];
    this.#incoming = [];
    for (const waiter of this.#waiters) {
      waiter.reject(new StreamFailure(error?.code ?? "canceled", error?.message ?? "the stream has closed"));
    }
    this.#waiters = [];
    queueMicrotask(() => {
      if (this.#options.process.isAlive) this.onClose(error);
    });
  }

  #endLocally(last: Outgoing): void {
    this.#isLocalEnded = true;
    this.#enqueue(last);
  }

  #enqueue(frame: Outgoing): void {
    this.#outgoing.push(frame);
    this.#outgoingBytes += sizeOf(frame);
    this.#flush();
  }

  #isFull(): boolean {
    return this.#outgoingBytes >= this.#options.sendBufferBytes;
  }

  #flush(): void {
    if (this.#carrier === undefined) return;
    for (let frame = this.#outgoing[0]; frame !== undefined; frame = this.#outgoing[0]) {
      const sizeBytes = sizeOf(frame);
      if (!this.#fitsWindow(sizeBytes)) break;
      this.#outgoing.shift();
      this.#outgoingBytes -= sizeBytes;
      this.#inFlightBytes += sizeBytes;
      this.#carrier.carry(frame, sizeBytes);
    }
    if (!this.#isFull()) {
      for (const waiter of this.#waiters) waiter.resolve();
      this.#waiters = [];
    }
    this.#completeIfBothEnded();
  }

  /** A receiver that has taken everything has told of all but half a window: that much must never hold up a message of any size. */
  #fitsWindow(sizeBytes: number): boolean {
    const { windowBytes } = this.#options;
    return this.#inFlightBytes <= windowBytes / 2 || this.#inFlightBytes + sizeBytes <= windowBytes;
  }

  #deliver(): void {
    while (!this.#isPaused && !this.#isClosed) {
      const frame = this.#incoming.shift();
      if (frame === undefined) return;
      switch (frame.kind) {
        case "message":
          this.#deliverMessage(frame.bytes);
          break;
        case "end":
          this.#isRemoteEnded = true;
          this.onEnd();
          this.#completeIfBothEnded();
          break;
        case "close":
          this.finish(frame.error);
          break;
      }
    }
  }

  #deliverMessage(bytes: Uint8Array): void {
    const { maxMessageBytes, windowBytes } = this.#options;
    if (bytes.length > maxMessageBytes) {
      this.fail(
        "resource_exhausted",
        `a message of ${bytes.length} bytes is larger than the ${maxMessageBytes} bytes that are taken`,
      );
      return;
    }
    this.#takenBytes += bytes.length;
    if (this.#takenBytes >= windowBytes / 2) {
      this.#carrier?.carry({ kind: "credit", sizeBytes: this.#takenBytes }, 0);
      this.#takenBytes = 0;
    }
    this.onMessage(this.#cut(bytes), bytes.length);
  }

  /** Somewhere, as a real network cuts messages at the borders of its reads. */
  #cut(bytes: Uint8Array): Uint8Array[] {
    if (bytes.length === 0) return [];
    const { prng } = this.#options;
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (let i = prng.below(MAX_PIECES); i > 0 && bytes.length - start > 1; i--) {
      const end = prng.between(start + 1, bytes.length - 1);
      pieces.push(bytes.subarray(start, end));
      start = end;
    }
    pieces.push(bytes.subarray(start));
    return pieces;
  }

  #completeIfBothEnded(): void {
    if (this.#isLocalEnded && this.#isRemoteEnded && this.#outgoing.length === 0) this.finish(undefined);
  }
}

function sizeOf(frame: Outgoing): number {
  return frame.kind === "message" ? totalBytes([frame.bytes]) : 0;
}
