import { toBinary } from "@bufbuild/protobuf";
import { assert, Deferred, packBytes } from "../../base/index.ts";
import { NewBlobSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { BlobError } from "../errors.ts";
import type { BlobStore } from "../ports.ts";
import { encodeError } from "./error-message.ts";
import { type FromBlobs, type ToBlobs, WRITE_WINDOW_BYTES } from "./protocol.ts";
import type { TurnMessages } from "./turn-messages.ts";

type Begin = ToBlobs & { readonly kind: "write" };

export interface ServedWriteOptions {
  readonly blobs: BlobStore;
  readonly messages: TurnMessages<FromBlobs>;
  /** Called before the last thing is said of it. */
  readonly onEnd: () => void;
}

/** The end of one write where the blobs are: its body comes in packets, which go back empty. */
export class ServedWrite {
  readonly #begin: Begin;
  readonly #options: ServedWriteOptions;
  readonly #abort = new AbortController();
  /** Arrived and not asked for: no more than the window. */
  readonly #packets: Uint8Array<ArrayBuffer>[] = [];
  #packetBytes = 0;
  #arrival: Deferred<void> | undefined;
  #isOver = false;

  constructor(begin: Begin, options: ServedWriteOptions) {
    this.#begin = begin;
    this.#options = options;
  }

  /** Never rejects: whatever comes of it is said. */
  async run(): Promise<void> {
    const answer = await this.#write();
    this.#isOver = true;
    for (const { buffer } of this.#packets.splice(0)) this.#options.messages.giveBack(buffer);
    this.#options.onEnd();
    this.#options.messages.say(answer);
  }

  receive(message: ToBlobs): void {
    assert(message.kind === "bytes", "blob.a-write-is-told-of-its-bytes");
    this.#packetBytes += message.bytes.length;
    assert(this.#packetBytes <= WRITE_WINDOW_BYTES, "blob.a-write-keeps-to-its-window");
    this.#packets.push(message.bytes);
    this.#arrival?.resolve();
  }

  giveUp(error: BlobError): void {
    this.#abort.abort(error);
    this.#arrival?.resolve();
  }

  async #write(): Promise<FromBlobs> {
    const { id, sizeBytes, digests } = this.#begin;
    const { signal } = this.#abort;
    try {
      const bytes = this.#body();
      const written = await this.#options.blobs.write({ sizeBytes, bytes, digests, signal });
      const blob = written.blob && toBinary(NewBlobSchema, written.blob);
      return { kind: "written", id, blob, digests: packBytes(written.digests) };
    } catch (error) {
      return { kind: "failed", id, error: encodeError(signal.aborted ? signal.reason : error) };
    }
  }

  async *#body(): AsyncIterable<Uint8Array> {
    const { id, sizeBytes } = this.#begin;
    for (let left = sizeBytes; left > 0; ) {
      const packet = await this.#next();
      const bytes = packet.length;
      try {
        yield packet;
      } finally {
        this.#packetBytes -= bytes;
        this.#options.messages.giveBack(packet.buffer);
      }
      left -= bytes;
      if (!this.#isOver) this.#options.messages.say({ kind: "taken", id, bytes });
    }
  }

  async #next(): Promise<Uint8Array<ArrayBuffer>> {
    for (;;) {
      this.#abort.signal.throwIfAborted();
      const packet = this.#packets.shift();
      if (packet !== undefined) return packet;
      this.#arrival = new Deferred<void>();
      await this.#arrival.promise;
    }
  }
}
