import { WeightedSemaphore } from "../base/index.ts";
import type { Hasher, StreamHandler } from "../platform/index.ts";
import type { ChunkServiceGuard, SegmentStore } from "./ports.ts";
import { ReadSession } from "./read-session.ts";
import { MAX_MESSAGE_BYTES, READ_CHUNK_PATH, WRITE_CHUNKS_PATH } from "./rpc-limits.ts";
import { WriteSession } from "./write-session.ts";

export interface ChunkServiceLimits {
  /** Bytes of chunks that are being received or written to the disk, of all streams. */
  readonly writeBytes: number;
  /** The same of one stream. */
  readonly streamWriteBytes: number;
  /** Bytes of chunks that have been read and are being sent, of all streams. */
  readonly readBytes: number;
}

export const DEFAULT_SERVICE_LIMITS: ChunkServiceLimits = {
  writeBytes: 128 * 1024 ** 2,
  streamWriteBytes: 64 * 1024 ** 2,
  readBytes: 64 * 1024 ** 2,
};

export interface ChunkServiceOptions {
  readonly store: SegmentStore;
  readonly guard: ChunkServiceGuard;
  readonly hasher: Hasher;
  readonly limits?: Partial<ChunkServiceLimits>;
}

/** What the sessions of one service share. */
export interface ServiceContext {
  readonly store: SegmentStore;
  readonly guard: ChunkServiceGuard;
  readonly hasher: Hasher;
  readonly limits: ChunkServiceLimits;
  readonly writeBudget: WeightedSemaphore;
  readonly readBudget: WeightedSemaphore;
}

/** The server side of ChunkService, to be joined with other handlers and listened with. */
export function chunkServiceHandlers(options: ChunkServiceOptions): Map<string, StreamHandler> {
  const limits = { ...DEFAULT_SERVICE_LIMITS, ...options.limits };
  const context: ServiceContext = {
    ...options,
    limits,
    writeBudget: new WeightedSemaphore(limits.writeBytes),
    readBudget: new WeightedSemaphore(limits.readBytes),
  };
  const kind = "stream";
  const maxMessageBytes = MAX_MESSAGE_BYTES;
  return new Map<string, StreamHandler>([
    [
      WRITE_CHUNKS_PATH,
      { kind, maxMessageBytes, open: (stream, peer) => void new WriteSession(context, stream, peer) },
    ],
    [
      READ_CHUNK_PATH,
      { kind, maxMessageBytes, open: (stream, peer) => void new ReadSession(context, stream, peer) },
    ],
  ]);
}
