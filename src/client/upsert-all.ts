import { SkerryError } from "./errors.ts";
import { format } from "./json.ts";
import type { Document, DocumentId, WriteResult } from "./types.ts";

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

/** A batch was refused, as the server says it: its paths are those in the batch, so that "upserts[3]" is `documents[3]`. */
export class UpsertAllError extends SkerryError {
  /** The batch. Not written, unless `code` leaves that open: "unreachable", "timeout", "deadline_exceeded", and "unavailable" behind a proxy. */
  readonly documents: readonly Document[];
  /** What is durable for certain. */
  readonly progress: UpsertProgress;

  constructor(error: SkerryError, documents: readonly Document[], progress: UpsertProgress) {
    const { code, status, requestId, details } = error;
    super(error.message, { code, status, requestId, details, cause: error });
    this.documents = documents;
    this.progress = progress;
  }
}

/**
 * Writes any number of documents in batches, several at once; each batch is atomic, the whole is not. Of documents with the same id the last one stays: a batch
 * waits for those under way that have an id of it. Rejects with the first failure, of a batch or of `documents`, when the batches under way have ended.
 */
export async function upsertAll(
  documents: Iterable<Document> | AsyncIterable<Document>,
  write: (batch: readonly Document[]) => Promise<WriteResult>,
  options: UpsertAllOptions = {},
): Promise<UpsertProgress> {
  const { concurrency = DEFAULT_CONCURRENCY, signal } = options;
  const writer = new BatchWriter(write, options.onProgress);
  try {
    for await (const batch of batchesOf(documents, options)) {
      signal?.throwIfAborted();
      await writer.startWhenFree(batch);
      if (writer.underWay >= concurrency) await writer.oneEnds();
      if (writer.hasFailed) break;
    }
  } finally {
    await writer.allEnd();
  }
  return writer.result();
}

/** Batches under way, and what became of those before. */
class BatchWriter {
  readonly #write: (batch: readonly Document[]) => Promise<WriteResult>;
  readonly #onProgress: UpsertAllOptions["onProgress"];
  /** With the ids of each. */
  readonly #underWay = new Map<Promise<void>, ReadonlySet<string>>();
  #progress: UpsertProgress = { documents: 0, batches: 0, version: 0 };
  #failed: { readonly error: unknown; readonly batch: readonly Document[] } | undefined;

  constructor(
    write: (batch: readonly Document[]) => Promise<WriteResult>,
    onProgress: UpsertAllOptions["onProgress"],
  ) {
    this.#write = write;
    this.#onProgress = onProgress;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  /** Resolves when the batch is on its way, or when another one has failed. */
  async startWhenFree(batch: readonly Document[]): Promise<void> {
    const ids = new Set(batch.map(({ id }) => keyOf(id)));
    const isSharedWith = (others: ReadonlySet<string>) => ids.values().some((id) => others.has(id));
    while (this.#underWay.values().some(isSharedWith)) await this.oneEnds();
    if (this.hasFailed) return;
    const writing = this.#run(batch).finally(() => this.#underWay.delete(writing));
    this.#underWay.set(writing, ids);
  }

  oneEnds(): Promise<void> {
    return Promise.race(this.#underWay.keys());
  }

  async allEnd(): Promise<void> {
    await Promise.all(this.#underWay.keys());
  }

  /** Throws what the first batch failed with that did. */
  result(): UpsertProgress {
    if (this.#failed === undefined) return this.#progress;
    const { error, batch } = this.#failed;
    throw error instanceof SkerryError ? new UpsertAllError(error, batch, this.#progress) : error;
  }

  async #run(batch: readonly Document[]): Promise<void> {
    try {
      const { version } = await this.#write(batch);
      const { documents, batches, version: newest } = this.#progress;
      this.#progress = {
        documents: documents + batch.length,
        batches: batches + 1,
        version: Math.max(newest, version),
      };
      this.#onProgress?.(this.#progress);
    } catch (error) {
      this.#failed ??= { error, batch };
    }
  }
}

/** 7 and 7n are one id, "7" is another. */
function keyOf(id: DocumentId): string {
  return typeof id === "string" ? `"${id}` : String(id);
}

async function* batchesOf(
  documents: Iterable<Document> | AsyncIterable<Document>,
  { batchDocuments = DEFAULT_BATCH_DOCUMENTS, batchBytes = DEFAULT_BATCH_BYTES }: UpsertAllOptions,
): AsyncIterable<readonly Document[]> {
  let batch: Document[] = [];
  let bytes = 0;
  let count = 0;
  for await (const document of documents) {
    const size = estimatedBytes(document, `documents[${count++}]`);
    if (batch.length > 0 && bytes + size > batchBytes) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += size;
    // At once, and not when there is another document: whatever comes next, this one is on its way.
    if (batch.length < batchDocuments) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Of its JSON; never too small. Throws ArgumentError for what has none. */
function estimatedBytes(document: Document, name: string): number {
  return 3 * format(document, name).length;
}
