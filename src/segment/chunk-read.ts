import { create } from "@bufbuild/protobuf";
import { Deferred } from "../base/index.ts";
import { type ReadChunkHeader, ReadChunkRequestSchema } from "../gen/skerry/segment/v1/chunk_pb.js";
import type { Hasher, MessageStream, PeerConnection } from "../platform/index.ts";
import { blockCount, blocksMatch, CHECKSUM_BYTES } from "./checksums.ts";
import { SegmentError } from "./errors.ts";
import { BLOCK_BYTES, type ChunkAddress, type ChunkBytes } from "./ports.ts";
import { fromStreamError } from "./refusals.ts";
import { MAX_MESSAGE_BYTES, READ_CHUNK_PATH } from "./rpc-limits.ts";
import { encodeReadRequest, parseReadResponse } from "./wire.ts";

interface ReadOptions {
  readonly connection: PeerConnection;
  readonly hasher: Hasher;
  readonly clusterId: string;
  readonly targetIncarnation: () => string;
}

interface WantedRange {
  readonly address: ChunkAddress;
  readonly offset: number;
  readonly length: number;
  readonly signal: AbortSignal;
}

/** The client's end of one ReadChunk call. Rejects with SegmentError. */
export async function readChunk(options: ReadOptions, wanted: WantedRange): Promise<ChunkBytes> {
  const stream = options.connection.openStream(READ_CHUNK_PATH, {
    kind: "stream",
    maxMessageBytes: MAX_MESSAGE_BYTES,
  });
  const answer = new Answer(options.hasher, wanted, stream);
  const abort = (): void => answer.fail(new SegmentError("canceled", "the caller gave up"));
  wanted.signal.addEventListener("abort", abort, { once: true });
  const { address, offset, length } = wanted;
  const request = create(ReadChunkRequestSchema, {
    clusterId: options.clusterId,
    targetIncarnation: options.targetIncarnation(),
    blobId: address.blobId,
    chunkIndex: address.chunkIndex,
    offset,
    length,
  });
  stream.send([encodeReadRequest(request)]);
  stream.end();
  try {
    return await answer.done.promise;
  } finally {
    wanted.signal.removeEventListener("abort", abort);
  }
}

/** Gathers and checks what the peer sends. */
class Answer {
  readonly done = new Deferred<ChunkBytes>();
  readonly #hasher: Hasher;
  readonly #wanted: WantedRange;
  readonly #stream: MessageStream;
  readonly #pieces: Uint8Array[] = [];
  #header: ReadChunkHeader | undefined;
  #bytes = 0;

  constructor(hasher: Hasher, wanted: WantedRange, stream: MessageStream) {
    this.#hasher = hasher;
    this.#wanted = wanted;
    this.#stream = stream;
    stream.onMessage = (pieces, sizeBytes) => this.#receive(pieces, sizeBytes);
    stream.onEnd = () => this.#finish();
    stream.onClose = (error) => this.done.reject(fromStreamError(error));
  }

  fail(error: SegmentError): void {
    if (this.done.settled) return;
    this.done.reject(error);
    this.#stream.fail("canceled", error.message);
  }

  #receive(pieces: readonly Uint8Array[], sizeBytes: number): void {
    const problem = this.#take(pieces, sizeBytes);
    if (problem !== undefined) this.fail(new SegmentError("protocol", problem));
  }

  /** What is wrong with the message, if anything. */
  #take(pieces: readonly Uint8Array[], sizeBytes: number): string | undefined {
    const message = parseReadResponse(pieces, sizeBytes);
    if (message === undefined) return "not a ReadChunkResponse";
    if (message.header !== undefined) {
      if (this.#header !== undefined || !this.#answers(message.header))
        return "an answer to another question";
      this.#header = message.header;
    }
    this.#bytes += message.dataBytes;
    if (this.#header === undefined) return "data before the header";
    if (this.#bytes > this.#header.length) return "more data than the header said";
    this.#pieces.push(...message.data);
    return undefined;
  }

  /** Whether these are the whole blocks around what was asked for. */
  #answers(header: ReadChunkHeader): boolean {
    const { offset, length } = this.#wanted;
    const start = Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES;
    const end = Math.min(header.chunkLength, Math.ceil((offset + length) / BLOCK_BYTES) * BLOCK_BYTES);
    const expected = length === 0 ? 0 : end - start;
    return (
      header.offset === start &&
      header.length === expected &&
      offset + length <= header.chunkLength &&
      header.blockChecksums.length === blockCount(expected) * CHECKSUM_BYTES
    );
  }

  #finish(): void {
    const header = this.#header;
    if (header === undefined || this.#bytes !== header.length) {
      this.fail(new SegmentError("protocol", "the answer is not whole"));
    } else if (!blocksMatch(this.#hasher, this.#pieces, header.length, header.blockChecksums)) {
      this.fail(new SegmentError("damaged", "the bytes were damaged on their way"));
    } else {
      const { offset, length } = this.#wanted;
      this.done.resolve({ pieces: cut(this.#pieces, offset - header.offset, length) });
    }
  }
}

/** The pieces of [offset, offset + length). */
function cut(pieces: readonly Uint8Array[], offset: number, length: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let position = 0;
  for (const piece of pieces) {
    const start = Math.max(0, offset - position);
    const end = Math.min(piece.length, offset + length - position);
    if (start < end) found.push(piece.subarray(start, end));
    position += piece.length;
  }
  return found;
}
