/** Bodies of answers on their way out: how long callers may take for them. */

import { type Clock, ProgressWatch, type Timers, type Transfer } from "../platform/index.ts";
import type { AnyResponse } from "./listener.ts";
import type { ListenerLimits } from "./listener-limits.ts";

export interface OutgoingBodiesOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: Pick<ListenerLimits, "sendStallTimeoutMs" | "minProgressBytes">;
}

/**
 * Ends answers whose caller does not go on reading: the connection of HTTP/1.1, the stream of HTTP/2. The time that counts is that between a piece and
 * the asking for the next one, and from the last piece to the end of the answer, in which whoever writes waits for room. The time that the next piece
 * takes to be made does not.
 */
export class OutgoingBodies {
  readonly #watch: ProgressWatch;

  constructor({ clock, timers, limits }: OutgoingBodiesOptions) {
    const { sendStallTimeoutMs: stallTimeoutMs, minProgressBytes } = limits;
    this.#watch = new ProgressWatch(clock, timers, { stallTimeoutMs, minProgressBytes });
  }

  /** `pieces`, watched, for whoever writes them to `response` and asks for each when the one before has found room. */
  open(pieces: AsyncIterable<Uint8Array>, response: AnyResponse): AsyncIterable<Uint8Array> {
    return new OutgoingBody(pieces[Symbol.asyncIterator](), response, this.#watch);
  }

  /** An answer without a body, or with one that is written at once. */
  ended(response: AnyResponse): void {
    untilEnd(this.#watch, transferOf(this.#watch, response), response);
  }

  /** No body is watched any more. */
  close(): void {
    this.#watch.close();
  }
}

class OutgoingBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #response: AnyResponse;
  readonly #watch: ProgressWatch;
  readonly #transfer: Transfer;
  /** Of the piece that is being written. */
  #bytes = 0;

  constructor(pieces: AsyncIterator<Uint8Array>, response: AnyResponse, watch: ProgressWatch) {
    this.#pieces = pieces;
    this.#response = response;
    this.#watch = watch;
    this.#transfer = transferOf(watch, response);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    this.#watch.end(this.#transfer, this.#bytes);
    this.#bytes = 0;
    const next = await this.#pieces.next();
    if (next.done === true) {
      untilEnd(this.#watch, this.#transfer, this.#response);
    } else if (!isOver(this.#response)) {
      this.#bytes = next.value.length;
      this.#watch.begin(this.#transfer);
    }
    return next;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#watch.end(this.#transfer, 0);
    return (await this.#pieces.return?.()) ?? OVER;
  }

  /** What it could not be written for. */
  async throw(error: unknown): Promise<IteratorResult<Uint8Array>> {
    this.#watch.end(this.#transfer, 0);
    return (await this.#pieces.throw?.(error)) ?? OVER;
  }
}

const OVER: IteratorResult<Uint8Array> = { done: true, value: undefined };

function transferOf(watch: ProgressWatch, response: AnyResponse): Transfer {
  return watch.transfer(() => response.destroy());
}

/** Nothing more comes: what is left of the answer has to leave. */
function untilEnd(watch: ProgressWatch, transfer: Transfer, response: AnyResponse): void {
  if (isOver(response)) return;
  const end = () => watch.end(transfer, 0);
  response.once("finish", end);
  response.once("close", end);
  watch.begin(transfer);
}

function isOver(response: AnyResponse): boolean {
  return "stream" in response ? response.stream.destroyed : response.writableFinished || response.destroyed;
}
