import { create } from "@bufbuild/protobuf";
import { concatBytes, equalBytes, toHex, totalBytes } from "../../base/index.ts";
import {
  type CopiedBlob,
  CopiedBlobSchema,
  CopiedChunkSchema,
  RecordCopiesSchema,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BlobChunk, type BlobRow, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Hasher } from "../../platform/ports.ts";
import { submitTimeoutMs } from "../workers/submit.ts";
import type { BlobLocks } from "./blob-locks.ts";
import type { ChunkCopies, LocalAddress, RepairEvents, RepairMetadata } from "./ports.ts";

/** Blobs that are copied at a time; each holds one chunk in memory. */
const CONCURRENT_BLOBS = 2;

export interface CopierOptions {
  readonly nodeId: number;
  readonly metadata: RepairMetadata;
  readonly chunks: ChunkCopies;
  readonly hasher: Pick<Hasher, "blake3">;
  readonly locks: BlobLocks;
  readonly events: RepairEvents;
}

export interface WantedBlob {
  readonly blobId: Uint8Array;
  readonly chunks: readonly { readonly index: number; readonly sources: readonly number[] }[];
}

export interface CopyOutcome {
  readonly blobId: Uint8Array;
  /** Of chunks that this node is recorded for now. */
  readonly recordedBytes: number;
  /** Why not all of it. */
  readonly problem: string | undefined;
}

interface Copied {
  readonly blob: BlobRow;
  readonly indexes: number[];
  problem: string | undefined;
}

/**
 * Makes this node a holder of chunks: each is fetched whole, compared with the length and hash in the metadata, made durable, and only then
 * recorded. What is on the disk already is compared as well before it counts.
 *
 * A blob stays locked until the command has been answered, so that an order to discard cannot take bytes away between the two; an answer that
 * was lost is covered by the count of orders that the command names.
 */
export class BlobCopier {
  readonly #options: CopierOptions;

  constructor(options: CopierOptions) {
    this.#options = options;
  }

  /** In the order of `wanted`. Rejects only when aborted or when the metadata cannot be asked. */
  async copy(wanted: readonly WantedBlob[], signal: AbortSignal): Promise<readonly CopyOutcome[]> {
    const unlocks: (() => void)[] = [];
    try {
      const copied: (Copied | string)[] = [];
      const queue = [...wanted.entries()];
      const work = async (): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const [at, item] = next;
          const unlock = this.#options.locks.take(item.blobId);
          if (unlock !== undefined) unlocks.push(unlock);
          copied[at] =
            unlock === undefined ? "another copy of it is under way" : await this.#copyBlob(item, signal);
        }
      };
      // All of them, also when one failed: what is still at work takes locks that only the end of this call gives back.
      const works = Array.from({ length: CONCURRENT_BLOBS }, work);
      await Promise.allSettled(works);
      await Promise.all(works);
      const refused = await this.#record(
        copied.filter((each) => typeof each !== "string"),
        signal,
      );
      return wanted.map(({ blobId }, at) => this.#outcome(blobId, copied[at]!, refused));
    } finally {
      for (const unlock of unlocks) unlock();
    }
  }

  /** A text says why nothing could be done. */
  async #copyBlob(wanted: WantedBlob, signal: AbortSignal): Promise<Copied | string> {
    const { metadata, nodeId } = this.#options;
    const blob = metadata.view.blob(wanted.blobId);
    if (blob === undefined || blob.isInline || blob.state === BlobState.DELETING) return "the blob is gone";
    if (metadata.view.isDiscarding(nodeId, wanted.blobId)) return "the node is about to discard it";
    const copied: Copied = { blob, indexes: [], problem: undefined };
    for (const { index, sources } of wanted.chunks) {
      signal.throwIfAborted();
      const chunk = blob.chunks[index];
      if (chunk === undefined) return "the blob has no such chunk";
      const address = { blobId: wanted.blobId, chunkIndex: index };
      const problem = await this.#copyChunk(address, chunk, sources, signal);
      if (problem === undefined) copied.indexes.push(index);
      else copied.problem = problem;
    }
    return copied;
  }

  /** Undefined when the chunk is here, compared and durable. */
  async #copyChunk(
    address: LocalAddress,
    chunk: BlobChunk,
    sources: readonly number[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { chunks, nodeId } = this.#options;
    if (chunks.has(address) && (await this.#fetch(nodeId, address, chunk, signal)) !== undefined) {
      return undefined;
    }
    for (const source of sources) {
      if (source === nodeId) continue;
      const pieces = await this.#fetch(source, address, chunk, signal);
      if (pieces === undefined) continue;
      try {
        await chunks.store(address, chunk.length, pieces);
        return undefined;
      } catch (error) {
        return `chunk ${address.chunkIndex} could not be stored: ${messageOf(error)}`;
      }
    }
    return `chunk ${address.chunkIndex} could not be fetched from ${sources.join(", ")}`;
  }

  /** The chunk from one node; undefined when it does not have it as it should be. */
  async #fetch(
    source: number,
    address: LocalAddress,
    chunk: BlobChunk,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[] | undefined> {
    const { chunks, hasher, nodeId, events } = this.#options;
    try {
      const pieces = await chunks.read(source, address, chunk.length, signal);
      if (isChunk(hasher, chunk, pieces)) return pieces;
      events.onBadCopy(source, address, "its hash is another one");
      if (source === nodeId) chunks.quarantine(address);
    } catch (error) {
      signal.throwIfAborted();
      if (codeOf(error) === "damaged") events.onBadCopy(source, address, messageOf(error));
    }
    return undefined;
  }

  /** What was passed over, by blob id. */
  async #record(copied: readonly Copied[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { metadata, nodeId } = this.#options;
    const blobs = copied.filter(({ indexes }) => indexes.length > 0).map(copiedBlob);
    if (blobs.length === 0) return new Map();
    const value = create(RecordCopiesSchema, { nodeId: BigInt(nodeId), blobs });
    const { result } = await metadata.submit(
      { case: "recordCopies", value },
      { timeoutMs: submitTimeoutMs, signal },
    );
    if (result.case === "refusal") {
      return new Map(
        blobs.map(({ blobId }) => [
          toHex(blobId),
          `${RefusalCode[result.value.code]}: ${result.value.detail}`,
        ]),
      );
    }
    const skipped = result.case === "copiesChanged" ? result.value.skipped : [];
    return new Map(skipped.map(({ blobId, code }) => [toHex(blobId), RefusalCode[code]]));
  }

  #outcome(blobId: Uint8Array, copied: Copied | string, refused: ReadonlyMap<string, string>): CopyOutcome {
    if (typeof copied === "string") return { blobId, recordedBytes: 0, problem: copied };
    const refusal = refused.get(toHex(blobId));
    if (refusal !== undefined) return { blobId, recordedBytes: 0, problem: refusal };
    const recordedBytes = copied.indexes.reduce(
      (sum, index) => sum + (copied.blob.chunks[index]?.length ?? 0),
      0,
    );
    this.#options.events.onCopied(recordedBytes);
    return { blobId, recordedBytes, problem: copied.problem };
  }
}

/** Whether these bytes are the chunk: its length and its BLAKE3. */
export function isChunk(
  hasher: Pick<Hasher, "blake3">,
  chunk: Pick<BlobChunk, "length" | "blake3">,
  pieces: readonly Uint8Array[],
): boolean {
  if (totalBytes(pieces) !== chunk.length) return false;
  const [first] = pieces;
  const bytes = first !== undefined && pieces.length === 1 ? first : concatBytes(pieces);
  return equalBytes(hasher.blake3(bytes), chunk.blake3);
}

function copiedBlob({ blob, indexes }: Copied): CopiedBlob {
  return create(CopiedBlobSchema, {
    blobId: blob.blobId,
    seenDiscards: blob.discards,
    chunks: indexes.map((index) =>
      create(CopiedChunkSchema, { index, blake3: blob.chunks[index]?.blake3 ?? new Uint8Array(0) }),
    ),
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
