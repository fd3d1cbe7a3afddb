import { format } from "./http.ts";
import type { Document, WriteResult } from "./types.ts";

export interface UpsertAllOptions {
  /** Documents of one batch. Default 500, at most 10,000. */
  readonly batchDocuments?: number;
  /** JSON of one batch, in bytes. Default 8 MiB, at most 32 MiB. */
  readonly batchBytes?: number;
  /** Batches under way at once. Default 4. */
  readonly concurrency?: number;
  readonly onProgress?: (progress: UpsertProgress) => void;
  readonly signal?: AbortSignal;
}

export interface UpsertProgress {
  /** Durable so far. */
  readonly documents: number;
  readonly batches: number;
  /** The newest version that was seen. */
  readonly version: number;
}

const DEFAULT_BATCH_DOCUMENTS = 500;
const DEFAULT_BATCH_BYTES = 8 * 1024 * 1024;
const DEFAULT_CONCURRENCY = 4;

/**
 * Writes any number of documents in batches, several at once; each batch is atomic, the whole is not. Rejects with the first failure, when the batches under
 * way have ended.
 */
export async function upsertAll(
  documents: Iterable<Document> | AsyncIterable<Document>,
  write: (batch: readonly Document[]) => Promise<WriteResult>,
  options: UpsertAllOptions = {},
): Promise<UpsertProgress> {
  const { concurrency = DEFAULT_CONCURRENCY, onProgress, signal } = options;
  let progress: UpsertProgress = { documents: 0, batches: 0, version: 0 };
  const failures: unknown[] = [];
  const underWay = new Set<Promise<void>>();
  for await (const batch of batchesOf(documents, options)) {
    signal?.throwIfAborted();
    const writing = write(batch).then(
      ({ version }) => {
        progress = {
          documents: progress.documents + batch.length,
          batches: progress.batches + 1,
          version: Math.max(progress.version, version),
        };
        onProgress?.(progress);
      },
      (error: unknown) => {
        failures.push(error);
      },
    );
    const tracked = writing.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
    if (underWay.size >= concurrency) await Promise.race(underWay);
    if (failures.length > 0) break;
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
  return progress;
}

async function* batchesOf(
  documents: Iterable<Document> | AsyncIterable<Document>,
  { batchDocuments = DEFAULT_BATCH_DOCUMENTS, batchBytes = DEFAULT_BATCH_BYTES }: UpsertAllOptions,
): AsyncIterable<readonly Document[]> {
  let batch: Document[] = [];
  let bytes = 0;
  for await (const document of documents) {
    const size = estimatedBytes(document);
    if (batch.length > 0 && (batch.length >= batchDocuments || bytes + size > batchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Of its JSON; never too small. */
function estimatedBytes(document: Document): number {
  return 3 * format(document).length;
}
