import { SearchError } from "../errors.ts";
import type { Document } from "../model/document.ts";
import { documentBytes } from "../model/fit-document.ts";
import type { Schema } from "../model/schema.ts";
import type { NamespaceInfo, NamespaceName, NamespaceService, PointInTime } from "../service.ts";

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
 * Writes every document of one state into a new namespace, as fast as that takes them: while too much waits to be indexed, it waits as well. When it fails, what
 * there is of the copy is deleted.
 */
export async function copyNamespace(
  service: NamespaceService,
  source: NamespaceName,
  target: NamespaceName,
  options: CopyOptions,
): Promise<NamespaceInfo> {
  const from = await service.getNamespace(source);
  const { defaultTtlSeconds, retentionSeconds } = from.settings;
  // Documents keep the times at which they expire: those without one get none now.
  const { kind } = await service.createNamespace(target, {
    schema: options.schema ?? from.schema,
    settings: { defaultTtlSeconds: 0, retentionSeconds },
  });
  if (kind === "existing") throw alreadyThere();
  try {
    for (let cursor: string | undefined; ; ) {
      options.signal.throwIfAborted();
      const page = await service.exportPage(source, {
        consistency: "strong",
        limit: PAGE_DOCUMENTS,
        ...(cursor === undefined ? options.at !== undefined && { at: options.at } : { cursor }),
      });
      for (const upserts of writesOf(page.documents)) await write(service, target, upserts, options);
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
  } catch (error) {
    await service.deleteNamespace(target);
    throw error;
  }
  return service.updateNamespace(target, { settings: { defaultTtlSeconds } });
}

async function write(
  service: NamespaceService,
  target: NamespaceName,
  upserts: readonly Document[],
  { signal, sleep }: CopyOptions,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await service.write(target, { upserts, patches: [], deletes: [] });
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

function alreadyThere(): SearchError {
  return new SearchError("already-exists", "a namespace of this name exists");
}
