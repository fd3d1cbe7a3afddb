import type { IncomingMessage } from "node:http";
import { ObjectError } from "../../object/index.ts";
import type { ProgressWatch, Transfer } from "../../platform/index.ts";
import { S3Refusal } from "../errors.ts";

/** Bytes that are kept ahead of the reader before the socket is asked to stop. */
const READ_AHEAD_BYTES = 256 * 1024;
/** What a piece takes beside its bytes, about: HTTP's chunks may have one byte each. */
const PIECE_BYTES = 256;

interface Waiter {
  readonly resolve: (result: IteratorResult<Uint8Array>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorResult<Uint8Array> = { done: true, value: undefined };

/**
 * The body of one request as an async iterator, with as few turns of the event loop as can be: what has arrived is handed out at once. Reading
 * starts with the first `next`, which is also when a client that waits for "100 Continue" gets it. A piece is gone when the next one is asked for.
 */
export class RequestBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  bytesReceived = 0;
  readonly #message: IncomingMessage;
  readonly #watch: ProgressWatch;
  readonly #transfer: Transfer;
  readonly #onStart: (() => void) | undefined;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** With whoever reads, until the next one is asked for. */
  #lent: Uint8Array | undefined;
  #state: "unread" | "reading" | "discarding" | "ended" | "failed" = "unread";
  #failure: unknown;
  #waiter: Waiter | undefined;
  #onDiscarded: (() => void) | undefined;
  #discardLimitBytes = 0;

  constructor(message: IncomingMessage, watch: ProgressWatch, onStart: (() => void) | undefined) {
    this.#message = message;
    this.#watch = watch;
    this.#onStart = onStart;
    this.#transfer = watch.transfer(() => this.#stalled());
  }

  /** Whether the client still waits for "100 Continue". */
  get awaitsContinue(): boolean {
    return this.#onStart !== undefined && this.#state === "unread";
  }

  /** Whether the whole body has arrived from the network, read or not. */
  get arrived(): boolean {
    return this.#message.complete || this.#state === "ended";
  }

  /** Whether the rest of the body will not come, or is not waited for. */
  get failed(): boolean {
    return this.#state === "failed";
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#state === "unread") this.#start();
    if (this.#lent !== undefined) free(this.#lent);
    const piece = this.#queue.shift();
    this.#lent = piece;
    if (piece !== undefined) {
      this.#queuedBytes -= piece.length + PIECE_BYTES;
      if (this.#queuedBytes < READ_AHEAD_BYTES && this.#message.isPaused()) this.#message.resume();
      return Promise.resolve({ done: false, value: piece });
    }
    if (this.#state === "failed") return Promise.reject(this.#failure);
    if (this.#state !== "reading") return Promise.resolve(DONE as IteratorResult<Uint8Array, undefined>);
    this.#watch.begin(this.#transfer);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** The reader has had enough: what comes is left to `discard`. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#state === "reading") this.#message.pause();
    return Promise.resolve(DONE as IteratorResult<Uint8Array, undefined>);
  }

  /** The client closed its side in the middle of the body. */
  endedEarly(): void {
    this.#fail(new ObjectError("body-truncated", "The connection ended before the body was complete."));
  }

  /**
   * Reads and drops what is left, up to `limitBytes`; resolves when it is all there, when it is too much, when the client stalls or goes, and
   * when `stopDiscarding` is called.
   */
  discard(limitBytes: number): Promise<void> {
    this.#queue.length = 0;
    if (this.arrived || this.failed) {
      this.#message.resume();
      return Promise.resolve();
    }
    if (this.#state === "unread") this.#listen();
    this.#state = "discarding";
    this.#discardLimitBytes = limitBytes;
    this.#watch.begin(this.#transfer);
    this.#message.resume();
    return new Promise((resolve) => {
      this.#onDiscarded = resolve;
    });
  }

  stopDiscarding(): void {
    if (this.#state === "discarding") this.#finishDiscard();
  }

  #start(): void {
    this.#onStart?.();
    this.#state = "reading";
    if (this.#message.destroyed && !this.#message.complete) this.endedEarly();
    else this.#listen();
  }

  #listen(): void {
    const message = this.#message;
    message.on("data", (piece: Uint8Array) => this.#received(piece));
    message.on("end", () => this.#ended());
    message.on("error", () => this.endedEarly());
    message.on("close", () => {
      if (!message.complete) this.endedEarly();
    });
  }

  #received(piece: Uint8Array): void {
    this.bytesReceived += piece.length;
    if (this.#state === "discarding") {
      this.#discarded(piece.length);
      free(piece);
      return;
    }
    if (this.#state !== "reading") return;
    const waiter = this.#waiter;
    if (waiter !== undefined) {
      this.#waiter = undefined;
      this.#watch.end(this.#transfer, piece.length);
      this.#lent = piece;
      waiter.resolve({ done: false, value: piece });
      return;
    }
    this.#queue.push(piece);
    this.#queuedBytes += piece.length + PIECE_BYTES;
    if (this.#queuedBytes >= READ_AHEAD_BYTES) this.#message.pause();
  }

  #discarded(bytes: number): void {
    this.#watch.end(this.#transfer, bytes);
    this.#discardLimitBytes -= bytes;
    if (this.#discardLimitBytes < 0) this.#finishDiscard();
    else this.#watch.begin(this.#transfer);
  }

  #finishDiscard(): void {
    this.#watch.end(this.#transfer, 0);
    this.#onDiscarded?.();
    this.#onDiscarded = undefined;
  }

  #ended(): void {
    if (this.#state === "failed") return;
    this.#state = "ended";
    this.#watch.end(this.#transfer, 0);
    this.#waiter?.resolve(DONE);
    this.#waiter = undefined;
    this.#finishDiscard();
  }

  #fail(error: unknown): void {
    if (this.#state === "ended" || this.#state === "failed") return;
    this.#state = "failed";
    this.#failure = error;
    this.#queue.length = 0;
    this.#watch.end(this.#transfer, 0);
    this.#waiter?.reject(error);
    this.#waiter = undefined;
    this.#finishDiscard();
  }

  #stalled(): void {
    if (this.#state === "discarding") this.#finishDiscard();
    else this.#fail(new S3Refusal("RequestTimeout"));
  }
}

/**
 * Gives memory back now, where the piece has a buffer of its own, as those of node:http have. The collector takes bodies for pressure on it, and marks for 5 ms at each further piece: that was nearly
 * half of the processor time of a large PUT.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
