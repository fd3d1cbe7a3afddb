import { invalid } from "../errors.ts";
import { bindFilter } from "../filter/bind-filter.ts";
import type { DocumentId } from "./document.ts";
import { documentBytes, fitChanges, fitDocument, fitPatch } from "./fit-document.ts";
import { inferSchema } from "./infer-schema.ts";
import { checkLimit } from "./limits.ts";
import { at } from "./plain.ts";
import type { Schema } from "./schema.ts";
import type { WriteBatch } from "./write-batch.ts";

/**
 * A batch as the namespace's schema holds its values, and that schema with a field for every name that it did not have. The same schema comes back
 * when nothing is new. Refuses what breaks a rule or a limit, and then nothing of the batch may be written.
 */
export function fitBatch(
  batch: WriteBatch,
  current: Schema,
): { readonly batch: WriteBatch; readonly schema: Schema } {
  checkIds(batch);
  const changes = batch.patchByFilter === undefined ? [] : [batch.patchByFilter.set];
  const schema = inferSchema([...batch.upserts, ...batch.patches, ...changes], current, batch.numberKinds);
  const upserts = batch.upserts.map((document, i) => fitDocument(document, schema, `upserts[${i}]`));
  checkLimit(
    "batchBytes",
    upserts.reduce((sum, document) => sum + documentBytes(document), 0),
  );
  const { deleteByFilter, patchByFilter, condition } = batch;
  const fitted: WriteBatch = {
    ...batch,
    upserts,
    patches: batch.patches.map((patch, i) => fitPatch(patch, schema, `patches[${i}]`)),
    ...(deleteByFilter === undefined
      ? {}
      : { deleteByFilter: bindFilter(deleteByFilter, schema, "delete_by_filter") }),
    ...(patchByFilter === undefined
      ? {}
      : {
          patchByFilter: {
            filter: bindFilter(patchByFilter.filter, schema, "patch_by_filter.filter"),
            set: fitChanges(patchByFilter.set, schema, "patch_by_filter.set"),
          },
        }),
    ...(condition === undefined ? {} : { condition: bindFilter(condition, schema, "if", { newRow: true }) }),
  };
  return { batch: fitted, schema };
}

function checkIds(batch: WriteBatch): void {
  const count = batch.upserts.length + batch.patches.length + batch.deletes.length;
  checkLimit("batchDocuments", count);
  const seen = new Set<DocumentId>();
  const add = (id: DocumentId, path: string) => {
    if (seen.has(id))
      throw invalid(`${at(path)}the id stands twice in the batch`, { path, documentId: String(id) });
    seen.add(id);
  };
  for (const [i, { id }] of batch.upserts.entries()) add(id, `upserts[${i}]`);
  for (const [i, { id }] of batch.patches.entries()) add(id, `patches[${i}]`);
  for (const [i, id] of batch.deletes.entries()) add(id, `deletes[${i}]`);
}
