import { assert, RecycledBuffers, type ThreadPort } from "../../base/index.ts";
import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Hasher, Timers } from "../../platform/index.ts";
import { BlobError } from "../errors.ts";
import type { BlobStore, BlobWriteRequest, BlobWritten } from "../ports.ts";
import { inlineBytes } from "../read.ts";
import { writeInline } from "../write.ts";
import {
  type BlobTurn,
  type FromBlobs,
  LEAST_RETURNED_BYTES,
  PACKET_BYTES,
  type ToBlobs,
} from "./protocol.ts";
import { RemoteRead } from "./remote-read.ts";
import { RemoteWrite } from "./remote-write.ts";
import { encodeRow } from "./row-message.ts";
import { SlotTable } from "./slot-table.ts";
import { TurnMessages } from "./turn-messages.ts";

/** Memory of packets that waits to be used again, in bytes. */
const PACKETS_KEPT_BYTES = 16 * 1024 * 1024;

export interface RemoteBlobsOptions {
  readonly hasher: Hasher;
  readonly timers: Pick<Timers, "endOfTurn">;
  /** A new id of 16 bytes, never the same twice in the cluster: for the blobs that travel inside the metadata commit. */
  readonly newBlobId: () => Uint8Array;
  /** As the other end has it. */
  readonly inlineBytes: number;
}

/** The blobs that another thread serves (`serveBlobs`). Small ones, which lie in their rows, are made and read here. */
export class RemoteBlobs implements BlobStore {
  readonly #options: RemoteBlobsOptions;
  readonly #messages: TurnMessages<ToBlobs>;
  readonly #packets = new RecycledBuffers({
    bufferBytes: PACKET_BYTES,
    leastBytes: LEAST_RETURNED_BYTES,
    keptBytes: PACKETS_KEPT_BYTES,
  });
  /** Until the other end has said that it is over. */
  readonly #open = new SlotTable<RemoteRead | RemoteWrite>();
  /** Memory of the other end, with our readers. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #isClosed = false;

  constructor(port: ThreadPort<BlobTurn<ToBlobs>, BlobTurn<FromBlobs>>, options: RemoteBlobsOptions) {
    this.#options = options;
    this.#messages = new TurnMessages((turn, handOver) => port.post(turn, handOver), options.timers);
    port.onMessage((turn) => this.#receive(turn));
  }

  /** Writes and reads that the other end has not ended. */
  get openCount(): number {
    return this.#open.size;
  }

  async write(request: BlobWriteRequest): Promise<BlobWritten> {
    if (request.sizeBytes <= this.#options.inlineBytes) return writeInline(this.#options, request);
    this.#check(request.signal);
    const parts = { messages: this.#messages, packets: this.#packets, request };
    return this.#open.add((id) => new RemoteWrite(id, parts)).run();
  }

  async *read(blob: BlobRow, offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    if (length === 0) return;
    const held = inlineBytes(blob, offset, length);
    if (held !== undefined) {
      yield held;
      return;
    }
    this.#check(signal);
    const wanted = { blob: encodeRow(blob, offset, length), offset, length };
    const read = this.#open.add((id) => new RemoteRead(id, this.#messages));
    read.begin(wanted);
    const abort = (): void => read.giveUp(new BlobError("canceled", "the read was given up"));
    signal.addEventListener("abort", abort, { once: true });
    try {
      for (let piece = await read.next(); piece !== undefined; piece = await read.next()) {
        this.#lent.add(piece.buffer);
        yield piece;
      }
    } finally {
      signal.removeEventListener("abort", abort);
      read.giveUp(new BlobError("canceled", "the reader went away"));
    }
  }

  /**
   * The memory of a piece of a read may be used again, by the other end; its last reader may say so, and nobody must. Pieces from elsewhere are left
   * alone.
   */
  recycle(piece: Uint8Array): void {
    const { buffer } = piece;
    if (buffer instanceof ArrayBuffer && this.#lent.delete(buffer)) this.#messages.giveBack(buffer);
  }

  /** What is open rejects with BlobError "unavailable", and so does all that comes. */
  close(): void {
    this.#isClosed = true;
    for (const operation of this.#open.values()) operation.giveUp(closed());
  }

  #check(signal: AbortSignal): void {
    if (this.#isClosed) throw closed();
    if (signal.aborted) throw new BlobError("canceled", "it was given up before it began");
  }

  #receive({ messages, emptied }: BlobTurn<FromBlobs>): void {
    for (const buffer of emptied) this.#packets.takeBack(buffer);
    for (const message of messages) {
      const operation = this.#open.get(message.id);
      assert(operation !== undefined, "blob.an-answer-is-to-something-open");
      operation.receive(message);
      if (isEnd(message)) this.#open.delete(message.id);
    }
  }
}

function isEnd(message: FromBlobs): boolean {
  switch (message.kind) {
    case "taken":
      return false;
    case "piece":
      return message.isLast;
    case "written":
    case "failed":
      return true;
  }
}

function closed(): BlobError {
  return new BlobError("unavailable", "the thread is about to end");
}
