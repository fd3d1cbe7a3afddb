import { SearchError } from "../errors.ts";
import type { Schema } from "../model/schema.ts";
import type { NamespaceInfo, NamespaceName, NamespaceService, PointInTime } from "../service.ts";

const PAGE_DOCUMENTS = 500;

/** Writes every document of one state into a new namespace. When it fails, what there is of the copy is deleted. */
export async function copyNamespace(
  service: NamespaceService,
  source: NamespaceName,
  target: NamespaceName,
  options: { readonly at?: PointInTime; readonly schema?: Schema; readonly signal?: AbortSignal },
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
      options.signal?.throwIfAborted();
      const page = await service.exportPage(source, {
        consistency: "strong",
        limit: PAGE_DOCUMENTS,
        ...(cursor === undefined ? options.at !== undefined && { at: options.at } : { cursor }),
      });
      if (page.documents.length > 0) {
        await service.write(target, { upserts: page.documents, patches: [], deletes: [] });
      }
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
  } catch (error) {
    await service.deleteNamespace(target);
    throw error;
  }
  return service.updateNamespace(target, { settings: { defaultTtlSeconds } });
}

function alreadyThere(): SearchError {
  return new SearchError("already-exists", "a namespace of this name exists");
}
