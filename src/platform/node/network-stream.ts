/**
 * What the four forms of a stream on the wire (streaming or unary, this side or the other opened it) have in common: the callbacks, the
 * buffer of what is to be sent, back-pressure, and one end with exactly one `onClose`.
 */

import { constants, type Http2Stream } from "node:http2";
import { addAbortSignal } from "node:stream";
import { assert, Deferred, type Transient, totalBytes } from "../../base/index.ts";
import { StreamFailure } from "../errors.ts";
import type { MessageStream, StreamError, StreamErrorCode } from "../ports.ts";
import { errorOfReset } from "./network-codes.ts";
import type { NetworkLimits } from "./network-limits.ts";

/** What a stream asks of the connection that it is on. */
export interface StreamCarrier {
  /** Why the connection is gone, or undefined while it stands. */
  lossReason(): string | undefined;
}

/** Bytes that several streams together may have received. */
export class ReceiveBudget {
  #freeBytes: number;

  constructor(sizeBytes: number) {
    this.#freeBytes = sizeBytes;
  }

  /** Takes nothing and says no where there is not so much. */
  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

const ABORTED = AbortSignal.abort();

/**
 * Resets an HTTP/2 stream with CANCEL. `http.close(CANCEL)` would send END_STREAM just before the reset, and a server that is quick would take
 * the call for a complete one.
 */
export function cancelHttp(http: Http2Stream): void {
  addAbortSignal(ABORTED, http);
}

export abstract class HttpMessageStream implements MessageStream, Transient {
  place = -1;
  onMessage: MessageStream["onMessage"] = () => {};
  onEnd: MessageStream["onEnd"] = () => {};
  onClose: MessageStream["onClose"] = () => {};

  protected readonly limits: NetworkLimits;
  protected readonly maxMessageBytes: number;
  #http: Http2Stream | undefined;
  #carrier: StreamCarrier | undefined;
  /** Messages that wait for the connection. */
  #queue: (readonly Uint8Array[])[] = [];
  #queuedBytes = 0;
  #waiters: Deferred<void>[] = [];
  #paused = false;
  /** The end of the other side arrived during a pause: Node tells of it even then, and messages may still be before it. */
  #isEndHeld = false;
  #isCloseHeld = false;
  #localEnded = false;
  #remoteEnded = false;
  #closed = false;
  #budget: ReceiveBudget | undefined;
  #budgetedBytes = 0;
  readonly #whenReleased: (() => void)[] = [];

  constructor(limits: NetworkLimits, maxMessageBytes: number) {
    this.limits = limits;
    this.maxMessageBytes = maxMessageBytes;
  }

  /** Writes one message; `onWritten` goes with its last write. */
  protected abstract writeMessage(
    http: Http2Stream,
    parts: readonly Uint8Array[],
    sizeBytes: number,
    onWritten: () => void,
  ): void;
  protected abstract writeEnd(http: Http2Stream): void;
  /** Tells the other side, as far as the protocol lets this side. */
  protected abstract writeFailure(http: Http2Stream, error: StreamError): void;
  protected abstract receive(chunk: Uint8Array): void;
  /** Hands on what arrived while the stream was paused. */
  protected abstract continueDelivery(): void;
  protected abstract receiveEnd(): void;
  /** Whether the call is complete although only the other side has ended. */
  protected abstract readonly endsWithRemote: boolean;

  get isPaused(): boolean {
    return this.#paused;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isLocalEnded(): boolean {
    return this.#localEnded;
  }

  get isRemoteEnded(): boolean {
    return this.#remoteEnded;
  }

  send(parts: readonly Uint8Array[]): boolean {
    assert(!this.#localEnded, "nothing is sent on a stream after its end");
    if (this.#closed) return false;
    const sizeBytes = totalBytes(parts);
    if (this.#http === undefined) {
      this.#queue.push(parts);
      this.#queuedBytes += sizeBytes;
    } else {
      this.writeMessage(this.#http, parts, sizeBytes, this.#onWritten);
    }
    return !this.#isFull();
  }

  async drained(): Promise<void> {
    if (this.#closed) throw new StreamFailure("canceled", "the stream has closed");
    if (!this.#isFull()) return;
    const waiter = new Deferred<void>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  pause(): void {
    this.#paused = true;
    this.#http?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // What was already taken from the connection comes first; the receiver may pause again meanwhile.
    if (!this.#closed) this.continueDelivery();
    if (this.#paused || this.#http === undefined) return;
    this.#http.resume();
    if (this.#isEndHeld) this.#onHttpEnd(this.#http);
    if (this.#isCloseHeld) this.#onHttpClose(this.#http);
  }

  end(): void {
    if (this.#localEnded || this.#closed) return;
    this.#localEnded = true;
    if (this.#http !== undefined) this.writeEnd(this.#http);
  }

  fail(code: StreamErrorCode, message: string): void {
    this.failWith({ code, message });
  }

  failWith(error: StreamError): void {
    if (this.#closed) return;
    this.finish(error);
    if (this.#http !== undefined) this.#leave(this.#http, error);
  }

  /** Calls `action` when the stream has closed, before `onClose`. */
  whenReleased(action: () => void): void {
    if (this.#closed) action();
    else this.#whenReleased.push(action);
  }

  /** What is received counts from now on, until the stream has closed. When there is no room for it the stream fails with "resource_exhausted". */
  limitReceived(budget: ReceiveBudget): void {
    this.#budget = budget;
    this.whenReleased(() => budget.giveBack(this.#budgetedBytes));
  }

  /** Puts the stream onto its HTTP/2 stream: what waited is sent. */
  attach(http: Http2Stream, carrier: StreamCarrier): void {
    assert(this.#http === undefined && !this.#closed, "an open stream is attached once");
    this.#http = http;
    this.#carrier = carrier;
    // The close event that follows says all that matters.
    http.on("error", () => {});
    http.on("close", () => this.#onHttpClose(http));
    http.on("end", () => this.#onHttpEnd(http));
    http.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    if (this.#paused) http.pause();
    for (const parts of this.#queue) this.writeMessage(http, parts, totalBytes(parts), this.#onWritten);
    this.#queue = [];
    this.#queuedBytes = 0;
    if (this.#localEnded) this.writeEnd(http);
  }

  /** The end of the stream for its user. */
  finish(error: StreamError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const waiter of this.#waiters) {
      waiter.reject(new StreamFailure(error?.code ?? "canceled", error?.message ?? "the stream has closed"));
    }
    this.#waiters = [];
    for (const action of this.#whenReleased) action();
    // Later, so that a user who fails a stream is not called back from within its own call.
    queueMicrotask(() => this.onClose(error));
  }

  protected get http(): Http2Stream | undefined {
    return this.#http;
  }

  protected deliver(pieces: readonly Uint8Array[], sizeBytes: number): void {
    this.onMessage(pieces, sizeBytes);
  }

  protected deliverEnd(): void {
    if (this.#remoteEnded || this.#closed) return;
    this.#remoteEnded = true;
    this.onEnd();
  }

  readonly #onWritten = (): void => {
    if (this.#waiters.length === 0 || this.#isFull()) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  };

  #isFull(): boolean {
    const bufferedBytes = this.#http === undefined ? this.#queuedBytes : this.#http.writableLength;
    return bufferedBytes >= this.limits.sendBufferBytes;
  }

  #onData(chunk: Uint8Array): void {
    if (this.#closed) return;
    if (this.#budget?.take(chunk.length) === false) {
      this.fail("resource_exhausted", "too many bytes of callers without a node's certificate are under way");
      return;
    }
    this.#budgetedBytes += chunk.length;
    this.receive(chunk);
  }

  #leave(http: Http2Stream, error: StreamError): void {
    if (http.destroyed) return;
    this.writeFailure(http, error);
    // What still arrives is thrown away; unread it would keep the HTTP/2 stream from closing.
    http.resume();
    const timer = setTimeout(() => cancelHttp(http), this.limits.lingerTimeoutMs);
    timer.unref();
    http.once("close", () => clearTimeout(timer));
  }

  #onHttpEnd(http: Http2Stream): void {
    // A reset with NO_ERROR also reads as the end, but nobody promised that all was sent: `close` tells.
    if (http.aborted || this.#closed) return;
    this.#isEndHeld = this.#paused;
    if (!this.#isEndHeld) this.receiveEnd();
  }

  #onHttpClose(http: Http2Stream): void {
    if (this.#closed) return;
    this.#isCloseHeld = this.#isEndHeld && http.rstCode === constants.NGHTTP2_NO_ERROR;
    if (this.#isCloseHeld) return;
    const complete = this.#remoteEnded && (this.#localEnded || this.endsWithRemote);
    if (complete && http.rstCode === constants.NGHTTP2_NO_ERROR) {
      this.finish(undefined);
      return;
    }
    const lossReason = this.#carrier?.lossReason();
    if (lossReason !== undefined) {
      this.finish({ code: "unavailable", message: lossReason });
      return;
    }
    this.finish(errorOfReset(http.rstCode));
  }
}
