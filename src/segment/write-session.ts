import { create } from "@bufbuild/protobuf";
import { type Permit, WeightedSemaphore } from "../base/index.ts";
import { type ChunkHeader, WriteChunksResponseSchema } from "../gen/skerry/segment/v1/chunk_pb.js";
import type { MessageStream, PeerIdentity } from "../platform/index.ts";
import { blockCount, blocksMatch, CHECKSUM_BYTES } from "./checksums.ts";
import type { ServiceContext } from "./chunk-service.ts";
import { SegmentError } from "./errors.ts";
import { refusalOf } from "./guard.ts";
import { CHUNK_BYTES } from "./ports.ts";
import { BLOB_ID_BYTES } from "./record.ts";
import { streamCodeOf, streamMessageOf } from "./refusals.ts";
import { type DataMessage, encodeWriteResponse, parseWriteRequest } from "./wire.ts";

/** Bytes that may still arrive after a pause before the stream is ended: more than any flow-control window of ours. */
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;

interface Message {
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
}

/** A chunk whose data is arriving. */
interface Arriving {
  readonly header: ChunkHeader;
  readonly pieces: Uint8Array[];
  /** Undefined for a refused chunk: its data is let go as it arrives. */
  readonly permits: readonly Permit[] | undefined;
  missing: number;
}

/**
 * The server's end of one WriteChunks stream. A chunk gets the memory for all of itself before any of its data is kept, so a chunk that was
 * begun can always be finished; while it waits, the stream is paused.
 */
export class WriteSession {
  readonly #context: ServiceContext;
  readonly #stream: MessageStream;
  readonly #peer: PeerIdentity | undefined;
  readonly #streamBudget: WeightedSemaphore;
  readonly #closed = new AbortController();
  readonly #backlog: Message[] = [];
  #backlogBytes = 0;
  #isTaking = false;
  #hasEnded = false;
  #arriving: Arriving | undefined;
  #appending = 0;

  constructor(context: ServiceContext, stream: MessageStream, peer: PeerIdentity | undefined) {
    this.#context = context;
    this.#stream = stream;
    this.#peer = peer;
    this.#streamBudget = new WeightedSemaphore(context.limits.streamWriteBytes);
    stream.onMessage = (pieces, sizeBytes) => this.#receive({ pieces, sizeBytes });
    stream.onEnd = () => {
      this.#hasEnded = true;
      this.#endWhenDone();
    };
    stream.onClose = () => this.#close();
  }

  #receive(message: Message): void {
    this.#backlog.push(message);
    this.#backlogBytes += message.sizeBytes;
    if (this.#backlogBytes > MAX_BACKLOG_BYTES) {
      this.#fail(new SegmentError("overloaded", "the stream did not pause"));
    } else if (!this.#isTaking) void this.#takeAll();
  }

  async #takeAll(): Promise<void> {
    this.#isTaking = true;
    for (let message = this.#backlog.shift(); message !== undefined; message = this.#backlog.shift()) {
      this.#backlogBytes -= message.sizeBytes;
      const parsed = parseWriteRequest(message.pieces, message.sizeBytes);
      const problem = parsed === undefined ? "not a WriteChunksRequest" : await this.#take(parsed);
      if (this.#closed.signal.aborted) return;
      if (problem !== undefined) return this.#fail(new SegmentError("protocol", problem));
    }
    this.#isTaking = false;
    this.#endWhenDone();
  }

  /** What is wrong with the message, if anything. */
  async #take(message: DataMessage<ChunkHeader>): Promise<string | undefined> {
    const { header, data, dataBytes } = message;
    if (header !== undefined) {
      if (this.#arriving !== undefined) return "a chunk begins before the one before it has ended";
      if (header.length < 1 || header.length > CHUNK_BYTES) return `a chunk of ${header.length} bytes`;
      const begun = await this.#begin(header);
      if (this.#closed.signal.aborted) for (const permit of begun?.permits ?? []) permit.release();
      if (begun === undefined || this.#closed.signal.aborted) return undefined;
      this.#arriving = begun;
    }
    const chunk = this.#arriving;
    if (chunk === undefined) return dataBytes > 0 ? "data without a chunk" : undefined;
    if (dataBytes > chunk.missing) return "more data than the chunk's length";
    chunk.missing -= dataBytes;
    if (chunk.permits !== undefined) chunk.pieces.push(...data);
    if (chunk.missing > 0) return undefined;
    this.#arriving = undefined;
    if (chunk.permits !== undefined) void this.#store(chunk, chunk.permits);
    return undefined;
  }

  /** Undefined when the stream was closed meanwhile. */
  async #begin(header: ChunkHeader): Promise<Arriving | undefined> {
    const missing = header.length;
    const refusal = refusalOf(this.#context.guard, this.#peer, header) ?? impossible(header);
    if (refusal !== undefined) {
      this.#answer(header, refusal);
      return { header, pieces: [], permits: undefined, missing };
    }
    const permits = this.#tryAcquire(missing) ?? (await this.#acquire(missing));
    return permits === undefined ? undefined : { header, pieces: [], permits, missing };
  }

  #tryAcquire(bytes: number): Permit[] | undefined {
    const own = this.#streamBudget.tryAcquire(bytes);
    if (own === undefined) return undefined;
    const shared = this.#context.writeBudget.tryAcquire(bytes);
    if (shared !== undefined) return [own, shared];
    own.release();
    return undefined;
  }

  async #acquire(bytes: number): Promise<Permit[] | undefined> {
    const permits: Permit[] = [];
    this.#stream.pause();
    try {
      // Always in this order, so that two streams never wait for each other.
      permits.push(await this.#streamBudget.acquire(bytes, this.#closed.signal));
      permits.push(await this.#context.writeBudget.acquire(bytes, this.#closed.signal));
      this.#stream.resume();
      return permits;
    } catch (error) {
      for (const permit of permits) permit.release();
      if (!this.#closed.signal.aborted) throw error;
      return undefined;
    }
  }

  async #store(chunk: Arriving, permits: readonly Permit[]): Promise<void> {
    const { header, pieces } = chunk;
    const { blobId, chunkIndex, length } = header;
    const blockChecksums = header.blockChecksums;
    this.#appending += 1;
    try {
      if (!blocksMatch(this.#context.hasher, pieces, length, blockChecksums)) {
        throw new SegmentError("damaged", "the chunk was damaged on its way");
      }
      await this.#context.store.append({ blobId, chunkIndex, length, pieces, blockChecksums });
      this.#answer(header, undefined);
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      this.#answer(header, error);
    } finally {
      this.#appending -= 1;
      for (const permit of permits) permit.release();
      this.#endWhenDone();
    }
  }

  #answer(header: ChunkHeader, error: SegmentError | undefined): void {
    if (this.#closed.signal.aborted) return;
    const response = create(WriteChunksResponseSchema, {
      requestId: header.requestId,
      errorCode: error?.code ?? "",
      errorMessage: error?.message ?? "",
    });
    // Answers are few bytes for each chunk that was let in, so what the peer does not read is bounded by the chunks' budget.
    this.#stream.send([encodeWriteResponse(response)]);
  }

  #endWhenDone(): void {
    if (!this.#hasEnded || this.#isTaking || this.#appending > 0 || this.#closed.signal.aborted) return;
    if (this.#arriving === undefined) this.#stream.end();
    else this.#fail(new SegmentError("protocol", "the last chunk is not whole"));
  }

  #fail(error: SegmentError): void {
    this.#close();
    this.#stream.fail(streamCodeOf(error.code), streamMessageOf(error));
  }

  #close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new SegmentError("canceled", "the stream has closed"));
    this.#backlog.length = 0;
    for (const permit of this.#arriving?.permits ?? []) permit.release();
    this.#arriving = undefined;
  }
}

function impossible(header: ChunkHeader): SegmentError | undefined {
  if (header.blobId.length !== BLOB_ID_BYTES) return new SegmentError("invalid", "a blob id has 16 bytes");
  if (header.blockChecksums.length !== blockCount(header.length) * CHECKSUM_BYTES) {
    return new SegmentError("invalid", "a chunk has one checksum for each of its blocks");
  }
  return undefined;
}
