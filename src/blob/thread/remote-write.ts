import { fromBinary } from "@bufbuild/protobuf";
import { assert, Deferred, type RecycledBuffers, unpackBytes } from "../../base/index.ts";
import { NewBlobSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { BlobError } from "../errors.ts";
import type { BlobWriteRequest, BlobWritten } from "../ports.ts";
import { tooLong, tooShort } from "../write.ts";
import { decodeError } from "./error-message.ts";
import { type FromBlobs, PACKET_BYTES, type ToBlobs, WRITE_WINDOW_BYTES } from "./protocol.ts";
import type { TurnMessages } from "./turn-messages.ts";

interface Packet {
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

/** The gateway's end of one write. */
export class RemoteWrite {
  readonly #id: number;
  readonly #messages: TurnMessages<ToBlobs>;
  readonly #packets: RecycledBuffers;
  readonly #request: BlobWriteRequest;
  readonly #written = new Deferred<BlobWritten>();
  /** Only ever rejected. */
  readonly #failed = new Deferred<never>();
  #packet: Packet | undefined;
  #receivedBytes = 0;
  /** Of packets that the other end has not taken, the one that is being filled among them. */
  #windowBytes = 0;
  #room: Deferred<void> | undefined;
  #isPulling = false;
  /** The source has ended by itself, well or not. */
  #sourceHasEnded = false;
  /** The other end says nothing more. */
  #hasEnded = false;
  /** Nobody waits for it any more. */
  #isOver = false;

  constructor(
    id: number,
    options: {
      readonly messages: TurnMessages<ToBlobs>;
      readonly packets: RecycledBuffers;
      readonly request: BlobWriteRequest;
    },
  ) {
    this.#id = id;
    this.#messages = options.messages;
    this.#packets = options.packets;
    this.#request = options.request;
  }

  /** See `BlobStore.write`. */
  async run(): Promise<BlobWritten> {
    const { sizeBytes, digests, bytes, signal } = this.#request;
    const abort = (): void => this.giveUp(new BlobError("canceled", "the write was given up"));
    signal.addEventListener("abort", abort, { once: true });
    this.#messages.say({ kind: "write", id: this.#id, sizeBytes, digests });
    const source = bytes[Symbol.asyncIterator]();
    try {
      // The body may break its promises at its very end, so the blob does not count before.
      const written = this.#pump(source).then(() => this.#written.promise);
      return await Promise.race([written, this.#failed.promise]);
    } catch (error) {
      this.#abandon();
      await this.#close(source);
      throw error;
    } finally {
      this.#isOver = true;
      signal.removeEventListener("abort", abort);
    }
  }

  receive(message: FromBlobs): void {
    switch (message.kind) {
      case "taken":
        this.#windowBytes -= message.bytes;
        this.#room?.resolve();
        return;
      case "written": {
        this.#hasEnded = true;
        const blob = message.blob && fromBinary(NewBlobSchema, message.blob);
        this.#written.resolve({ blob, digests: unpackBytes(message.digests) });
        return;
      }
      case "failed":
        this.#hasEnded = true;
        this.#fail(decodeError(message.error));
        return;
      default:
        assert(false, "blob.a-write-is-answered-as-one");
    }
  }

  /** Ends it here: `run` rejects with `error`, if it has not ended. */
  giveUp(error: BlobError): void {
    this.#fail(error);
  }

  /** From here on, and not only when `run` hears of it, nothing more is sent: the number may soon be another's. */
  #fail(error: Error): void {
    this.#isOver = true;
    this.#failed.reject(error);
  }

  async #pump(source: AsyncIterator<Uint8Array>): Promise<void> {
    while (!this.#isOver) {
      const piece = await this.#pull(source);
      if (piece === undefined) break;
      await this.#take(piece);
    }
    const { sizeBytes } = this.#request;
    if (this.#receivedBytes < sizeBytes) throw tooShort(sizeBytes, this.#receivedBytes);
  }

  /** Undefined at the end. */
  async #pull(source: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
    this.#isPulling = true;
    try {
      const step = await source.next();
      if (step.done !== true) return step.value;
      this.#sourceHasEnded = true;
      return undefined;
    } catch (error) {
      this.#sourceHasEnded = true;
      throw error;
    } finally {
      this.#isPulling = false;
    }
  }

  async #take(piece: Uint8Array): Promise<void> {
    const { sizeBytes } = this.#request;
    if (this.#receivedBytes + piece.length > sizeBytes) throw tooLong(sizeBytes);
    let taken = 0;
    while (taken < piece.length) {
      // It may have ended while there was no room; then the piece is not ours any more.
      if (this.#isOver) return;
      const packet = this.#packet ?? this.#begin();
      if (packet === undefined) {
        await this.#untilRoom();
        continue;
      }
      const count = Math.min(piece.length - taken, packet.bytes.length - packet.filled);
      packet.bytes.set(piece.subarray(taken, taken + count), packet.filled);
      packet.filled += count;
      this.#receivedBytes += count;
      taken += count;
      if (packet.filled === packet.bytes.length) this.#send(packet.bytes);
    }
  }

  /** Undefined while the window is full. */
  #begin(): Packet | undefined {
    const length = Math.min(PACKET_BYTES, this.#request.sizeBytes - this.#receivedBytes);
    if (this.#windowBytes + length > WRITE_WINDOW_BYTES) return undefined;
    this.#windowBytes += length;
    this.#packet = { bytes: this.#packets.take(length), filled: 0 };
    return this.#packet;
  }

  #untilRoom(): Promise<void> {
    this.#room = new Deferred<void>();
    return this.#room.promise;
  }

  /** Only full ones are sent, of which the last one ends with the body: no sooner would the other end do anything with the bytes. */
  #send(bytes: Uint8Array<ArrayBuffer>): void {
    assert(!this.#isOver, "blob.nothing-is-sent-of-what-is-over");
    this.#packet = undefined;
    this.#packets.lend(bytes);
    this.#messages.say({ kind: "bytes", id: this.#id, bytes }, bytes.buffer);
  }

  #abandon(): void {
    this.#isOver = true;
    if (this.#packet !== undefined) this.#packets.giveBack(this.#packet.bytes);
    this.#packet = undefined;
    if (!this.#hasEnded) this.#messages.say({ kind: "cancel", id: this.#id });
    this.#room?.resolve();
  }

  /** Tells the source that its bytes are not wanted. One that is just making some hears it afterwards; that is not waited for. */
  async #close(source: AsyncIterator<Uint8Array>): Promise<void> {
    if (this.#sourceHasEnded) return;
    // What goes wrong now is not why the write failed.
    const closed = source.return?.().catch(() => undefined);
    if (!this.#isPulling) await closed;
  }
}
