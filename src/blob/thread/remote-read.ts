import { assert, Deferred } from "../../base/index.ts";
import type { BlobError } from "../errors.ts";
import { decodeError } from "./error-message.ts";
import type { FromBlobs, ToBlobs } from "./protocol.ts";
import type { RowMessage } from "./row-message.ts";
import type { TurnMessages } from "./turn-messages.ts";

/** The gateway's end of one read. */
export class RemoteRead {
  readonly #id: number;
  readonly #messages: TurnMessages<ToBlobs>;
  /** Arrived and not asked for; what is sent ahead is bounded at the other end. */
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  /** Length of the piece that the reader has. */
  #lentBytes = 0;
  /** The other end says nothing more. */
  #hasEnded = false;
  /** Nobody reads any more. */
  #isOver = false;
  #failure: Error | undefined;
  #arrival: Deferred<void> | undefined;

  constructor(id: number, messages: TurnMessages<ToBlobs>) {
    this.#id = id;
    this.#messages = messages;
  }

  begin(wanted: { readonly blob: RowMessage; readonly offset: number; readonly length: number }): void {
    this.#messages.say({ kind: "read", id: this.#id, ...wanted });
  }

  /** The next piece, or undefined at the end. By asking for it the reader says that it has done with the one before. */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#lentBytes > 0 && !this.#hasEnded && !this.#isOver) {
      this.#messages.say({ kind: "consumed", id: this.#id, bytes: this.#lentBytes });
    }
    this.#lentBytes = 0;
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#lentBytes = piece.length;
        return piece;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#hasEnded) return undefined;
      this.#arrival = new Deferred<void>();
      await this.#arrival.promise;
    }
  }

  receive(message: FromBlobs): void {
    if (message.kind === "piece") {
      this.#hasEnded = message.isLast;
      if (this.#isOver) this.#messages.giveBack(message.bytes.buffer);
      else this.#pieces.push(message.bytes);
    } else {
      assert(message.kind === "failed", "blob.a-read-is-answered-as-one");
      this.#hasEnded = true;
      this.#failure ??= decodeError(message.error);
    }
    this.#arrival?.resolve();
  }

  /** Ends it here; `next` rejects with `error` from now on. */
  giveUp(error: BlobError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure ??= error;
    for (const { buffer } of this.#pieces.splice(0)) this.#messages.giveBack(buffer);
    if (!this.#hasEnded) this.#messages.say({ kind: "cancel", id: this.#id });
    this.#arrival?.resolve();
  }
}
