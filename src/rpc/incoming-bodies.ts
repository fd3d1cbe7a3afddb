/** Bodies of requests on their way in: how long callers may take for them, and how much memory their messages. */

import { Code, ConnectError, type ContextValues } from "@connectrpc/connect";
import { GrowingBuffer } from "../base/index.ts";
import { type Clock, ProgressWatch, type Timers, type Transfer } from "../platform/index.ts";
import { callerOf } from "./guard.ts";
import { type AnyRequest, type AnyResponse, callerGone, carrierOf } from "./listener.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import { HELD_BYTES, type HeldBytes, MessageMemory } from "./message-memory.ts";

/** Smaller pieces of a message that is read whole are put together, up to this many bytes: each piece takes some hundred bytes beside its own. */
const GATHERED_BYTES = 16 * 1024;

export interface IncomingBodiesOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: ListenerLimits;
}

/** The call that a body belongs to. */
export interface IncomingCall {
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  readonly values: ContextValues;
  /** A dialogue: its caller may be silent for as long as it wants. */
  readonly mayPause: boolean;
  /** One message: nothing of it is looked at before it is there. */
  readonly isWhole: boolean;
}

export class IncomingBodies {
  readonly #watch: ProgressWatch;
  readonly #memory: MessageMemory;

  constructor({ clock, timers, limits }: IncomingBodiesOptions) {
    this.#watch = new ProgressWatch(clock, timers, limits);
    this.#memory = new MessageMemory(limits);
  }

  /** `bytes`, counted and watched from the first one that is read. What they take is given back when the call is answered. */
  open(bytes: AsyncIterable<Uint8Array>, call: IncomingCall): AsyncIterable<Uint8Array> {
    const { request, response, values, mayPause, isWhole } = call;
    const held = this.#memory.hold(carrierOf(request), () => callerOf(values));
    values.set(HELD_BYTES, held);
    const release = () => held.release();
    response.once("finish", release);
    response.once("close", release);
    return new IncomingBody(bytes, { request, held, isWhole, watch: mayPause ? undefined : this.#watch });
  }

  /** No body is watched any more. */
  close(): void {
    this.#watch.close();
  }
}

interface BodyParts {
  readonly request: AnyRequest;
  readonly held: HeldBytes;
  readonly isWhole: boolean;
  readonly watch: ProgressWatch | undefined;
}

/**
 * Reading throws DEADLINE_EXCEEDED when the caller keeps it waiting for too long, RESOURCE_EXHAUSTED when there is no memory for what has come, and CANCELED when
 * the caller leaves before all has come. The source is left as it is then, and when its reader leaves, so that an answer can be sent.
 */
class IncomingBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #request: AnyRequest;
  readonly #held: HeldBytes;
  readonly #isWhole: boolean;
  readonly #watch: ProgressWatch | undefined;
  readonly #transfer: Transfer | undefined;
  #failure: ConnectError | undefined;
  #onStall: ((error: ConnectError) => void) | undefined;

  constructor(bytes: AsyncIterable<Uint8Array>, { request, held, isWhole, watch }: BodyParts) {
    this.#pieces = bytes[Symbol.asyncIterator]();
    this.#request = request;
    this.#held = held;
    this.#isWhole = isWhole;
    this.#watch = watch;
    this.#transfer = watch?.transfer(() => this.#stalled());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#onStall = reject;
      (this.#isWhole ? this.#gathered() : this.#piece()).then(resolve, reject);
    });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    return Promise.resolve({ done: true, value: undefined });
  }

  async #gathered(): Promise<IteratorResult<Uint8Array>> {
    const gathered = new GrowingBuffer(GATHERED_BYTES);
    while (gathered.sizeBytes < GATHERED_BYTES) {
      const next = await this.#piece();
      if (next.done === true && gathered.sizeBytes === 0) return next;
      if (next.done === true) break;
      if (gathered.sizeBytes === 0 && next.value.length >= GATHERED_BYTES) return next;
      gathered.append(next.value);
    }
    return { done: false, value: gathered.bytes() };
  }

  async #piece(): Promise<IteratorResult<Uint8Array>> {
    if (this.#transfer !== undefined) this.#watch?.begin(this.#transfer);
    let bytes = 0;
    try {
      const next = await this.#read();
      bytes = next.done === true ? 0 : next.value.length;
      if (this.#failure === undefined) this.#held.take(bytes);
      return next;
    } finally {
      if (this.#transfer !== undefined) this.#watch?.end(this.#transfer, bytes);
    }
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await this.#pieces.next();
    } catch (cause) {
      throw callerGone(cause);
    }
    // Over HTTP/2 a call that is called off ends as one whose messages have all come.
    if (next.done === true && isCalledOff(this.#request)) throw callerGone();
    return next;
  }

  #stalled(): void {
    this.#failure = new ConnectError("the request does not go on arriving", Code.DeadlineExceeded);
    this.#held.release();
    this.#onStall?.(this.#failure);
  }
}

function isCalledOff(request: AnyRequest): boolean {
  return "stream" in request && request.stream.aborted;
}
