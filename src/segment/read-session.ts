import { create } from "@bufbuild/protobuf";
import { type Permit, totalBytes } from "../base/index.ts";
import {
  type ReadChunkHeader,
  ReadChunkHeaderSchema,
  type ReadChunkRequest,
} from "../gen/skerry/segment/v1/chunk_pb.js";
import { type MessageStream, type PeerIdentity, StreamFailure } from "../platform/index.ts";
import type { ServiceContext } from "./chunk-service.ts";
import { SegmentError } from "./errors.ts";
import { refusalOf } from "./guard.ts";
import { BLOCK_BYTES, CHUNK_BYTES, type ChunkBlocks } from "./ports.ts";
import { BLOB_ID_BYTES } from "./record.ts";
import { streamCodeOf, streamMessageOf } from "./refusals.ts";
import { MESSAGE_DATA_BYTES } from "./rpc-limits.ts";
import { messagesOf, parseReadRequest, readResponsePrefix } from "./wire.ts";

/** The server's end of one ReadChunk call. */
export class ReadSession {
  readonly #context: ServiceContext;
  readonly #stream: MessageStream;
  readonly #peer: PeerIdentity | undefined;
  readonly #closed = new AbortController();
  #hasRequest = false;

  constructor(context: ServiceContext, stream: MessageStream, peer: PeerIdentity | undefined) {
    this.#context = context;
    this.#stream = stream;
    this.#peer = peer;
    stream.onMessage = (pieces, sizeBytes) => void this.#receive(pieces, sizeBytes);
    stream.onEnd = () => {
      if (!this.#hasRequest) this.#fail(new SegmentError("protocol", "a call without a request"));
    };
    stream.onClose = () => this.#closed.abort(new SegmentError("canceled", "the stream has closed"));
  }

  async #receive(pieces: readonly Uint8Array[], sizeBytes: number): Promise<void> {
    if (this.#hasRequest) return this.#fail(new SegmentError("protocol", "a call with two requests"));
    this.#hasRequest = true;
    let permit: Permit | undefined;
    try {
      const request = parseReadRequest(pieces, sizeBytes);
      if (request === undefined) throw new SegmentError("protocol", "not a ReadChunkRequest");
      this.#check(request);
      const bytes = Math.min(CHUNK_BYTES, request.length + 2 * BLOCK_BYTES);
      permit = await this.#context.readBudget.acquire(bytes, this.#closed.signal);
      const { blobId, chunkIndex, offset, length } = request;
      await this.#send(await this.#context.store.readBlocks({ blobId, chunkIndex }, offset, length));
    } catch (error) {
      // A stream that has closed while it was being written to has nobody left to tell.
      if (!this.#closed.signal.aborted && !(error instanceof StreamFailure))
        this.#fail(asSegmentError(error));
    } finally {
      permit?.release();
    }
  }

  #check(request: ReadChunkRequest): void {
    const refusal = refusalOf(this.#context.guard, this.#peer, request);
    if (refusal !== undefined) throw refusal;
    if (request.blobId.length !== BLOB_ID_BYTES) throw new SegmentError("invalid", "a blob id has 16 bytes");
    if (request.length > CHUNK_BYTES) throw new SegmentError("invalid", "no chunk is so long");
  }

  async #send(blocks: ChunkBlocks): Promise<void> {
    const { offset, length, chunkLength, blockChecksums } = blocks;
    const fields = { offset, length, chunkLength, blockChecksums };
    let header: ReadChunkHeader | undefined = create(ReadChunkHeaderSchema, fields);
    const messages = length === 0 ? [[]] : messagesOf(blocks.pieces, MESSAGE_DATA_BYTES);
    for (const data of messages) {
      if (this.#closed.signal.aborted) return;
      const bytes = totalBytes(data);
      const hasRoom = this.#stream.send([readResponsePrefix(header, bytes), ...data]);
      header = undefined;
      if (!hasRoom) await this.#stream.drained();
    }
    if (!this.#closed.signal.aborted) this.#stream.end();
  }

  #fail(error: SegmentError): void {
    this.#closed.abort(error);
    this.#stream.fail(streamCodeOf(error.code), streamMessageOf(error));
  }
}

/** Anything else is a bug and is thrown on. */
function asSegmentError(error: unknown): SegmentError {
  if (error instanceof SegmentError) return error;
  throw error;
}
