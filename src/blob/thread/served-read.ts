import { assert, Deferred, type RecycledBuffers } from "../../base/index.ts";
import type { Timers } from "../../platform/index.ts";
import type { BlobError } from "../errors.ts";
import type { BlobStore } from "../ports.ts";
import { encodeError } from "./error-message.ts";
import { type FromBlobs, PACKET_BYTES, READ_AHEAD_BYTES, type ToBlobs } from "./protocol.ts";
import { decodeRow } from "./row-message.ts";
import type { TurnMessages } from "./turn-messages.ts";

/** To copy less than this is cheaper than to replace the memory that would go, in bytes. */
const LEAST_LENT_BYTES = 16 * 1024;

type Begin = ToBlobs & { readonly kind: "read" };

export interface ServedReadOptions {
  readonly blobs: BlobStore;
  /** Where the memory of pieces comes from, and where it is lent from. */
  readonly buffers: RecycledBuffers;
  readonly timers: Pick<Timers, "endOfTurn">;
  readonly messages: TurnMessages<FromBlobs>;
  /** Called before the last thing is said of it. */
  readonly onEnd: () => void;
}

interface Gathering {
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

/**
 * The end of one read where the blobs are. A piece whose memory is one of our recycled buffers lies there alone, and we are its last reader, as whoever
 * writes pieces to a socket is: it goes as it is. Others, such as those that came over the network, may have neighbours in their memory and are copied,
 * small ones gathered.
 */
export class ServedRead {
  readonly #begin: Begin;
  readonly #options: ServedReadOptions;
  readonly #abort = new AbortController();
  #gathering: Gathering | undefined;
  /** Of what was asked for: not read, and not sent. */
  #unreadBytes: number;
  #unsentBytes: number;
  /** Read, and the reader has not done with them. */
  #aheadBytes = 0;
  #room: Deferred<void> | undefined;
  #isOver = false;

  constructor(begin: Begin, options: ServedReadOptions) {
    this.#begin = begin;
    this.#options = options;
    this.#unreadBytes = begin.length;
    this.#unsentBytes = begin.length;
  }

  /** Never rejects: whatever comes of it is said. */
  async run(): Promise<void> {
    const { id, blob, offset, length } = this.#begin;
    const { signal } = this.#abort;
    try {
      for await (const piece of this.#options.blobs.read(decodeRow(blob), offset, length, signal)) {
        this.#take(piece);
        await this.#untilRoom();
      }
      assert(this.#unsentBytes === 0, "blob.a-read-is-whole");
    } catch (error) {
      // Nothing can be said of one that has ended: the reader has all of its bytes.
      if (this.#isOver) return;
      this.#end();
      this.#discard();
      const why = signal.aborted ? signal.reason : error;
      this.#options.messages.say({ kind: "failed", id, error: encodeError(why) });
    }
  }

  receive(message: ToBlobs): void {
    assert(message.kind === "consumed", "blob.a-read-is-told-of-its-reader");
    this.#aheadBytes -= message.bytes;
    this.#room?.resolve();
  }

  giveUp(error: BlobError): void {
    this.#abort.abort(error);
    this.#room?.resolve();
  }

  #take(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#unreadBytes -= piece.length;
    this.#aheadBytes += piece.length;
    assert(this.#unreadBytes >= 0, "blob.a-read-is-no-longer-than-asked-for");
    const { buffers } = this.#options;
    if (piece.length >= LEAST_LENT_BYTES && buffers.lend(piece)) {
      this.#sendGathered();
      this.#send(piece);
    } else {
      this.#gather(piece);
      buffers.giveBack(piece);
    }
  }

  async #untilRoom(): Promise<void> {
    while (this.#aheadBytes > READ_AHEAD_BYTES && !this.#isOver) {
      this.#abort.signal.throwIfAborted();
      this.#room = new Deferred<void>();
      await this.#room.promise;
    }
  }

  #gather(piece: Uint8Array): void {
    for (let taken = 0; taken < piece.length; ) {
      const gathering = this.#gathering ?? this.#startGathering();
      const { bytes, filled } = gathering;
      const count = Math.min(piece.length - taken, bytes.length - filled);
      bytes.set(piece.subarray(taken, taken + count), filled);
      gathering.filled += count;
      taken += count;
      if (gathering.filled === bytes.length) this.#sendGathered();
    }
  }

  /** What one turn brings goes together: a part of a chunk comes over the network in dozens of pieces. */
  #startGathering(): Gathering {
    const { buffers, timers } = this.#options;
    const gathering = { bytes: buffers.take(Math.min(PACKET_BYTES, this.#unsentBytes)), filled: 0 };
    this.#gathering = gathering;
    timers.endOfTurn(() => {
      if (this.#gathering === gathering) this.#sendGathered();
    });
    return gathering;
  }

  #sendGathered(): void {
    const gathering = this.#gathering;
    if (gathering === undefined) return;
    this.#gathering = undefined;
    this.#options.buffers.lend(gathering.bytes);
    this.#send(gathering.bytes.subarray(0, gathering.filled));
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#unsentBytes -= bytes.length;
    const isLast = this.#unsentBytes === 0;
    if (isLast) this.#end();
    this.#options.messages.say({ kind: "piece", id: this.#begin.id, bytes, isLast }, bytes.buffer);
  }

  #discard(): void {
    if (this.#gathering !== undefined) this.#options.buffers.giveBack(this.#gathering.bytes);
    this.#gathering = undefined;
  }

  #end(): void {
    this.#isOver = true;
    this.#options.onEnd();
  }
}
