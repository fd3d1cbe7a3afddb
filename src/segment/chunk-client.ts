import { create } from "@bufbuild/protobuf";
import { Deferred, totalBytes } from "../base/index.ts";
import { type ChunkHeader, ChunkHeaderSchema } from "../gen/skerry/segment/v1/chunk_pb.js";
import { type Hasher, type MessageStream, type PeerConnection, StreamFailure } from "../platform/index.ts";
import { readChunk } from "./chunk-read.ts";
import { SegmentError } from "./errors.ts";
import type { ChunkAddress, ChunkBytes, ChunkClient, ChunkData } from "./ports.ts";
import { fromPeer, fromStreamError } from "./refusals.ts";
import { MAX_MESSAGE_BYTES, MESSAGE_DATA_BYTES, WRITE_CHUNKS_PATH } from "./rpc-limits.ts";
import { messagesOf, parseWriteResponse, writeRequestPrefix } from "./wire.ts";

export interface ChunkClientOptions {
  /** Of class "bulk". It may be shared, so the client leaves it open. */
  readonly connection: PeerConnection;
  readonly hasher: Hasher;
  readonly clusterId: string;
  /** The incarnation of the node at the other end, as this node knows it. */
  readonly targetIncarnation: () => string;
  /** Bytes of chunks that were sent and not answered. */
  readonly maxInFlightBytes?: number;
  /** Chunks that may wait for their turn. */
  readonly maxQueuedChunks?: number;
}

const DEFAULT_IN_FLIGHT_BYTES = 32 * 1024 * 1024;
const DEFAULT_QUEUED_CHUNKS = 1024;

/** The chunks of one peer: writes share one long-lived stream, each read has its own. */
export function createChunkClient(options: ChunkClientOptions): ChunkClient {
  return new PeerChunkClient(options);
}

interface Write {
  readonly chunk: ChunkData;
  readonly layoutEpoch: number;
  readonly done: Deferred<void>;
}

class PeerChunkClient implements ChunkClient {
  readonly #options: ChunkClientOptions;
  readonly #queue = new Set<Write>();
  /** Sent, or being sent, and not answered; also those whose caller has given up, since they still take room at the peer. */
  readonly #inFlight = new Map<bigint, Write>();
  #inFlightBytes = 0;
  #lastRequestId = 0n;
  #stream: MessageStream | undefined;
  #isSending = false;
  #closed = false;

  constructor(options: ChunkClientOptions) {
    this.#options = options;
  }

  async write(chunk: ChunkData, layoutEpoch: number, signal: AbortSignal): Promise<void> {
    if (this.#closed) throw new SegmentError("closed", "the chunk client has been closed");
    if (signal.aborted) throw canceled();
    if (this.#queue.size >= (this.#options.maxQueuedChunks ?? DEFAULT_QUEUED_CHUNKS)) {
      throw new SegmentError("overloaded", `${this.#queue.size} chunks wait for the peer`);
    }
    const write: Write = { chunk, layoutEpoch, done: new Deferred<void>() };
    const abort = (): void => {
      this.#queue.delete(write);
      write.done.reject(canceled());
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#queue.add(write);
    this.#sendSoon();
    try {
      await write.done.promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async read(
    address: ChunkAddress,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<ChunkBytes> {
    if (this.#closed) throw new SegmentError("closed", "the chunk client has been closed");
    if (signal.aborted) throw canceled();
    return readChunk(this.#options, { address, offset, length, signal });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const stream = this.#stream;
    this.#lose(stream, new SegmentError("closed", "the chunk client has been closed"));
    stream?.fail("canceled", "the chunk client has been closed");
  }

  #sendSoon(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    const limit = this.#options.maxInFlightBytes ?? DEFAULT_IN_FLIGHT_BYTES;
    for (const write of this.#queue) {
      const { length } = write.chunk;
      if (this.#inFlight.size > 0 && this.#inFlightBytes + length > limit) break;
      this.#queue.delete(write);
      this.#stream ??= this.#openStream();
      const stream = this.#stream;
      try {
        await this.#send(stream, write);
      } catch (error) {
        // The stream has closed: `onClose` tells everyone who waits for it, this write among them.
        if (!(error instanceof StreamFailure)) throw error;
      }
    }
    this.#isSending = false;
  }

  /** Sends one chunk, whole: the stream has no place for others in between. */
  async #send(stream: MessageStream, write: Write): Promise<void> {
    const { chunk, layoutEpoch } = write;
    const { blobId, chunkIndex, length, blockChecksums } = chunk;
    this.#lastRequestId += 1n;
    const requestId = this.#lastRequestId;
    this.#inFlight.set(requestId, write);
    this.#inFlightBytes += length;
    let header: ChunkHeader | undefined = create(ChunkHeaderSchema, {
      requestId,
      clusterId: this.#options.clusterId,
      layoutEpoch: BigInt(layoutEpoch),
      targetIncarnation: this.#options.targetIncarnation(),
      blobId,
      chunkIndex,
      length,
      blockChecksums,
    });
    for (const data of messagesOf(chunk.pieces, MESSAGE_DATA_BYTES)) {
      if (this.#stream !== stream) return;
      const bytes = totalBytes(data);
      const hasRoom = stream.send([writeRequestPrefix(header, bytes), ...data]);
      header = undefined;
      if (!hasRoom) await stream.drained();
    }
  }

  #openStream(): MessageStream {
    const options = { kind: "stream", maxMessageBytes: MAX_MESSAGE_BYTES } as const;
    const stream = this.#options.connection.openStream(WRITE_CHUNKS_PATH, options);
    stream.onMessage = (pieces, sizeBytes) => this.#receive(stream, pieces, sizeBytes);
    stream.onEnd = () => {
      this.#lose(stream, fromStreamError(undefined));
      stream.end();
    };
    stream.onClose = (error) => this.#lose(stream, fromStreamError(error));
    return stream;
  }

  #receive(stream: MessageStream, pieces: readonly Uint8Array[], sizeBytes: number): void {
    if (this.#stream !== stream) return;
    const response = parseWriteResponse(pieces, sizeBytes);
    const write = response === undefined ? undefined : this.#inFlight.get(response.requestId);
    if (response === undefined || write === undefined) {
      this.#lose(stream, new SegmentError("protocol", "an answer that nobody asked for"));
      stream.fail("invalid_argument", "an answer that nobody asked for");
      return;
    }
    this.#inFlight.delete(response.requestId);
    this.#inFlightBytes -= write.chunk.length;
    if (response.errorCode === "") write.done.resolve();
    else write.done.reject(fromPeer(response.errorCode, response.errorMessage));
    this.#sendSoon();
  }

  /** The stream is gone: whoever waits is told, and the next write opens another. */
  #lose(stream: MessageStream | undefined, error: SegmentError): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    const waiting = [...this.#inFlight.values(), ...this.#queue];
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    this.#queue.clear();
    for (const write of waiting) write.done.reject(error);
  }
}

export function canceled(): SegmentError {
  return new SegmentError("canceled", "the caller gave up");
}
