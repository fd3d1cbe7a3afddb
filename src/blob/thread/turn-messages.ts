import type { ThreadPort } from "../../base/index.ts";
import type { Timers } from "../../platform/index.ts";
import { type BlobTurn, type FromBlobs, LEAST_RETURNED_BYTES, type ToBlobs } from "./protocol.ts";

/**
 * Gathers what is said in one turn of the event loop: each message between threads costs about 10 microseconds on either side, and wakes the other. It
 * grows no larger than the windows of all that is open.
 */
export class TurnMessages<Message extends ToBlobs | FromBlobs> {
  readonly #post: ThreadPort<BlobTurn<Message>, never>["post"];
  readonly #timers: Pick<Timers, "endOfTurn">;
  #messages: Message[] = [];
  #handOver: ArrayBuffer[] = [];
  #emptied: ArrayBuffer[] = [];
  #isScheduled = false;

  constructor(post: ThreadPort<BlobTurn<Message>, never>["post"], timers: Pick<Timers, "endOfTurn">) {
    this.#post = post;
    this.#timers = timers;
  }

  /** `handOver`: what the message does not copy. */
  say(message: Message, handOver?: ArrayBuffer): void {
    this.#messages.push(message);
    if (handOver !== undefined) this.#handOver.push(handOver);
    this.#schedule();
  }

  /** A buffer that came from the other side, and that nobody reads any more. */
  giveBack(buffer: ArrayBuffer): void {
    if (buffer.byteLength < LEAST_RETURNED_BYTES) return;
    this.#emptied.push(buffer);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#timers.endOfTurn(() => this.#flush());
  }

  #flush(): void {
    const turn: BlobTurn<Message> = { messages: this.#messages, emptied: this.#emptied };
    const handOver = [...this.#handOver, ...this.#emptied];
    this.#messages = [];
    this.#handOver = [];
    this.#emptied = [];
    this.#isScheduled = false;
    this.#post(turn, handOver);
  }
}
