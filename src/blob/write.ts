import { create } from "@bufbuild/protobuf";
import { Deferred, followSignal } from "../base/index.ts";
import { type NewBlob, NewBlobSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type BlobChunk, BlobChunkSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Digest, Hasher, Timers } from "../platform/index.ts";
import { blockChecksums, type ChunkData } from "../segment/index.ts";
import type { ChunkBuffers, HeldBuffer } from "./buffers.ts";
import { BlobError } from "./errors.ts";
import { FanOut } from "./fan-out.ts";
import type { BlobPlacement, BlobWriteRequest, BlobWritten, ChunkTargets } from "./ports.ts";

/** Chunks of one blob that are on their way to disks while the next one is gathered. */
const CHUNKS_IN_FLIGHT = 2;
/** Bytes that are handed to the digests at a time: enough that another thread is worth it. */
const DIGEST_STEP_BYTES = 1024 * 1024;

/** To be spread. A copy: what `create` makes is slow to read, and so is all that is made of it. */
const BLANK_BLOB: NewBlob = { ...create(NewBlobSchema) };

export interface BlobWriterOptions {
  readonly targets: ChunkTargets;
  readonly buffers: ChunkBuffers;
  readonly hasher: Hasher;
  readonly timers: Timers;
  readonly newBlobId: () => Uint8Array;
  /** Blobs up to this size travel inside the metadata commit, in bytes; 0 turns that off. */
  readonly inlineBytes: number;
  readonly stragglerMs: number;
  /** Of all chunks but the last, in bytes. */
  readonly chunkBytes: number;
}

/** See `BlobStore.write`. */
export async function writeBlob(options: BlobWriterOptions, request: BlobWriteRequest): Promise<BlobWritten> {
  if (request.sizeBytes <= options.inlineBytes) return writeInline(options, request);
  const writer = new BlobWriter(options, request);
  try {
    return await writer.run();
  } catch (error) {
    writer.abandon(error);
    throw error;
  } finally {
    writer.release();
  }
}

/** A blob whose bytes travel inside the commit: nothing is written anywhere. */
export async function writeInline(
  options: Pick<BlobWriterOptions, "hasher" | "newBlobId">,
  request: BlobWriteRequest,
): Promise<BlobWritten> {
  const bytes = new Uint8Array(request.sizeBytes);
  let filled = 0;
  for await (const piece of request.bytes) {
    if (filled + piece.length > bytes.length) throw tooLong(request.sizeBytes);
    bytes.set(piece, filled);
    filled += piece.length;
  }
  if (filled < bytes.length) throw tooShort(request.sizeBytes, filled);
  const digests = request.digests.map((algorithm) => options.hasher.digest(algorithm, bytes));
  if (filled === 0) return { blob: undefined, digests };
  const blob = {
    ...BLANK_BLOB,
    blobId: options.newBlobId(),
    size: BigInt(filled),
    isInline: true,
    inlineData: bytes,
  };
  return { blob, digests };
}

interface Gathering {
  readonly held: HeldBuffer;
  readonly length: number;
  filled: number;
  digested: number;
  readonly digesting: Promise<void>[];
}

class BlobWriter {
  readonly #options: BlobWriterOptions;
  readonly #request: BlobWriteRequest;
  readonly #blobId: Uint8Array;
  readonly #placement: BlobPlacement;
  readonly #fanOut: FanOut;
  readonly #digest: Digest | undefined;
  readonly #abort = new AbortController();
  readonly #signal = this.#abort.signal;
  /** Of the request's signal. */
  readonly release: () => void;
  readonly #chunks: Promise<BlobChunk>[] = [];
  #current: Gathering | undefined;
  #received = 0;

  constructor(options: BlobWriterOptions, request: BlobWriteRequest) {
    this.#options = options;
    this.#request = request;
    this.#blobId = options.newBlobId();
    this.#placement = options.targets.place(this.#blobId);
    this.release = followSignal(request.signal, this.#abort);
    this.#fanOut = new FanOut({
      targets: options.targets,
      placement: this.#placement,
      timers: options.timers,
      stragglerMs: options.stragglerMs,
      signal: this.#signal,
    });
    this.#digest =
      request.digests.length > 0 ? options.hasher.start(request.digests, request.sizeBytes) : undefined;
  }

  async run(): Promise<BlobWritten> {
    for await (const piece of this.#request.bytes) await this.#take(piece);
    if (this.#received < this.#request.sizeBytes) throw tooShort(this.#request.sizeBytes, this.#received);
    const chunks = await Promise.all(this.#chunks);
    const digests = this.#digest === undefined ? [] : await this.#digest.finish();
    return { blob: this.#describe(chunks), digests };
  }

  /** Stops what is on its way. What has reached disks is garbage that no commit will name. */
  abandon(reason: unknown): void {
    this.#abort.abort(reason);
    this.#digest?.abandon();
    if (this.#current !== undefined) releaseAfter(this.#current, this.#current.digesting);
    for (const chunk of this.#chunks) chunk.catch(() => undefined);
  }

  async #take(piece: Uint8Array): Promise<void> {
    if (this.#received + piece.length > this.#request.sizeBytes) throw tooLong(this.#request.sizeBytes);
    let taken = 0;
    while (taken < piece.length) {
      const chunk = this.#current ?? (await this.#begin());
      this.#current = chunk;
      const count = Math.min(piece.length - taken, chunk.length - chunk.filled);
      chunk.held.bytes.set(piece.subarray(taken, taken + count), chunk.filled);
      chunk.filled += count;
      taken += count;
      this.#received += count;
      if (chunk.filled === chunk.length) {
        this.#digestUpTo(chunk, chunk.filled);
        this.#current = undefined;
        this.#send(chunk);
      } else if (chunk.filled - chunk.digested >= DIGEST_STEP_BYTES) {
        this.#digestUpTo(chunk, chunk.filled);
      }
    }
  }

  async #begin(): Promise<Gathering> {
    const oldest = this.#chunks[this.#chunks.length - CHUNKS_IN_FLIGHT];
    if (oldest !== undefined) await oldest;
    const length = Math.min(this.#options.chunkBytes, this.#request.sizeBytes - this.#received);
    const held = await this.#options.buffers.acquire(length, this.#signal);
    return { held, length, filled: 0, digested: 0, digesting: [] };
  }

  #digestUpTo(chunk: Gathering, end: number): void {
    if (this.#digest === undefined) return;
    const digesting = this.#digest.update(chunk.held.bytes.subarray(chunk.digested, end));
    // Awaited with the chunk; until then a failure must not count as unhandled.
    digesting.catch(() => undefined);
    chunk.digesting.push(digesting);
    chunk.digested = end;
  }

  #send(chunk: Gathering): void {
    const sent = this.#write(chunk, this.#chunks.length);
    // Awaited by `#begin` or `run`; until then a failure must not count as unhandled.
    sent.catch(() => undefined);
    this.#chunks.push(sent);
  }

  async #write(chunk: Gathering, chunkIndex: number): Promise<BlobChunk> {
    const bytes = chunk.held.bytes.subarray(0, chunk.length);
    const unread = new Deferred<void>();
    releaseAfter(chunk, [unread.promise, ...chunk.digesting]);
    const data: ChunkData = {
      blobId: this.#blobId,
      chunkIndex,
      length: chunk.length,
      pieces: [bytes],
      blockChecksums: blockChecksums(this.#options.hasher, [bytes], chunk.length),
    };
    const writing = this.#fanOut.write(data, () => unread.resolve());
    writing.catch(() => undefined);
    const blake3 = this.#options.hasher.blake3(bytes);
    const [nodeIds] = await Promise.all([writing, ...chunk.digesting]);
    return create(BlobChunkSchema, { length: chunk.length, blake3, nodeIds: nodeIds.map(BigInt) });
  }

  #describe(chunks: BlobChunk[]): NewBlob {
    return create(NewBlobSchema, {
      blobId: this.#blobId,
      size: BigInt(this.#request.sizeBytes),
      copysetId: BigInt(this.#placement.copysetId),
      layoutEpoch: BigInt(this.#placement.layoutEpoch),
      chunks,
    });
  }
}

/** Gives a chunk's memory back when these have ended, one way or the other: until then it may be read. */
function releaseAfter({ held }: Gathering, readers: readonly Promise<unknown>[]): void {
  void Promise.allSettled(readers).then(() => held.release());
}

export function tooLong(sizeBytes: number): BlobError {
  return new BlobError("length-mismatch", `the source delivered more than ${sizeBytes} bytes`);
}

export function tooShort(sizeBytes: number, received: number): BlobError {
  return new BlobError("length-mismatch", `the source delivered ${received} of ${sizeBytes} bytes`);
}
