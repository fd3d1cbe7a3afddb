import { SearchError } from "../errors.ts";
import type { Document } from "../model/document.ts";
import { documentBytes } from "../model/fit-document.ts";
import type { Schema } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type {
  ExportOptions,
  ExportPage,
  NamespaceInfo,
  NamespaceName,
  NamespaceSettings,
  PointInTime,
  WriteResult,
} from "../service.ts";

const PAGE_DOCUMENTS = 500;
/** Documents of one write: a part of what a batch may have. A larger document is written alone. */
const WRITE_BYTES = 8 * 1024 * 1024;
/** Where a refusal does not say when to try again, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

export interface CopyOptions {
  readonly at?: PointInTime;
  readonly schema?: Schema;
  readonly signal: AbortSignal;
  /** In milliseconds. Rejects when the signal aborts. */
  readonly sleep: (delayMs: number) => Promise<void>;
}

/**
 * What a copy does, with namespaces by their ids: while it runs, either name may come to be that of another namespace, which has nothing to do with it. Rejects "not-found" where the
 * namespace of the id was deleted.
 */
export interface CopySteps {
  /** "already-exists": there is one of this name. */
  readonly create: (
    name: NamespaceName,
    options: { readonly schema: Schema; readonly settings: Partial<NamespaceSettings> },
  ) => Promise<bigint>;
  readonly exportPage: (namespaceId: bigint, options: ExportOptions) => Promise<ExportPage>;
  readonly write: (namespaceId: bigint, batch: WriteBatch) => Promise<WriteResult>;
  readonly update: (
    namespaceId: bigint,
    changes: { readonly settings: Partial<NamespaceSettings> },
  ) => Promise<NamespaceInfo>;
  readonly delete: (namespaceId: bigint) => Promise<void>;
}

/**
 * Writes every document of one state into a new namespace, as fast as that takes them: while too much waits to be indexed, it waits as well. When it fails, what
 * there is of the copy is deleted.
 */
export async function copyNamespace(
  steps: CopySteps,
  from: NamespaceInfo,
  target: NamespaceName,
  options: CopyOptions,
): Promise<NamespaceInfo> {
  const { defaultTtlSeconds, retentionSeconds } = from.settings;
  // Documents keep the times at which they expire: those without one get none now.
  const targetId = await steps.create(target, {
    schema: options.schema ?? from.schema,
    settings: { defaultTtlSeconds: 0, retentionSeconds },
  });
  try {
    for (let cursor: string | undefined; ; ) {
      options.signal.throwIfAborted();
      const page = await steps.exportPage(from.id, {
        consistency: "strong",
        limit: PAGE_DOCUMENTS,
        ...(cursor === undefined ? options.at !== undefined && { at: options.at } : { cursor }),
      });
      for (const upserts of writesOf(page.documents)) await write(steps, targetId, upserts, options);
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
    return await steps.update(targetId, { settings: { defaultTtlSeconds } });
  } catch (error) {
    await deleteIfThere(steps, targetId);
    throw error;
  }
}

async function deleteIfThere(steps: CopySteps, namespaceId: bigint): Promise<void> {
  try {
    await steps.delete(namespaceId);
  } catch (error) {
    if (!(error instanceof SearchError) || error.code !== "not-found") throw error;
  }
}

async function write(
  steps: CopySteps,
  targetId: bigint,
  upserts: readonly Document[],
  { signal, sleep }: CopyOptions,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await steps.write(targetId, { upserts, patches: [], deletes: [] });
      return;
    } catch (error) {
      if (!(error instanceof SearchError) || error.code !== "overloaded") throw error;
      await sleep(error.details.retryAfterMs ?? RETRY_AFTER_MS);
    }
  }
}

function* writesOf(documents: readonly Document[]): Iterable<readonly Document[]> {
  let part: Document[] = [];
  let bytes = 0;
  for (const document of documents) {
    const more = documentBytes(document);
    if (part.length > 0 && bytes + more > WRITE_BYTES) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(document);
    bytes += more;
  }
  if (part.length > 0) yield part;
}
