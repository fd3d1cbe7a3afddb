/** A write, resolved against a state: which documents there are afterwards, and which are not. */

import type { BatchFrame } from "../batch/batch-file.ts";
import { SearchError } from "../errors.ts";
import type { Filter } from "../filter/filter.ts";
import { type Document, type DocumentId, patchDocument } from "../model/document.ts";
import { checkDocumentSize } from "../model/fit-document.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { SearchKernel } from "./kernel.ts";
import type { NamespaceSnapshot } from "./snapshot.ts";

/** Documents that the filters of one write may change; a larger change is made in several. */
export const MAX_FILTERED_DOCUMENTS = 50_000;

export interface ResolvedWrite extends BatchFrame {
  readonly upserted: number;
  readonly patched: number;
  /** Ids that the write took away, whether they were there or not. */
  readonly deleted: number;
}

/** Whether what it does depends on what is there. */
export function needsState(batch: WriteBatch): boolean {
  const { patches, deleteByFilter, patchByFilter, condition } = batch;
  return (
    patches.length > 0 ||
    deleteByFilter !== undefined ||
    patchByFilter !== undefined ||
    condition !== undefined
  );
}

export function resolvePlain({ upserts, deletes }: WriteBatch): ResolvedWrite {
  return { upserts, deletes, upserted: upserts.length, patched: 0, deleted: deletes.length };
}

/** `batch` is fitted to the schema of the snapshot. Filters and conditions see the state as it was before the write. */
export async function resolveWrite(
  batch: WriteBatch,
  snapshot: NamespaceSnapshot,
  { kernel, nowMs }: { readonly kernel: SearchKernel; readonly nowMs: number },
): Promise<ResolvedWrite> {
  const resolver = new Resolver(batch, snapshot, kernel, nowMs);
  return resolver.run();
}

class Resolver {
  readonly #batch: WriteBatch;
  readonly #snapshot: NamespaceSnapshot;
  readonly #kernel: SearchKernel;
  readonly #nowMs: number;
  /** Every id that changes; undefined: it is deleted. */
  readonly #changed = new Map<DocumentId, Document | undefined>();
  readonly #counts = { upserted: 0, patched: 0, deleted: 0 };

  constructor(batch: WriteBatch, snapshot: NamespaceSnapshot, kernel: SearchKernel, nowMs: number) {
    this.#batch = batch;
    this.#snapshot = snapshot;
    this.#kernel = kernel;
    this.#nowMs = nowMs;
  }

  async run(): Promise<ResolvedWrite> {
    const { deleteByFilter, patchByFilter, upserts, patches, deletes } = this.#batch;
    if (deleteByFilter !== undefined) {
      for (const id of await this.#matching(deleteByFilter)) this.#delete(id);
    }
    if (patchByFilter !== undefined) {
      const ids = await this.#matching(patchByFilter.filter);
      const documents = await this.#snapshot.fetch(ids, this.#nowMs);
      for (const document of documents) {
        if (document === undefined || this.#changed.has(document.id)) continue;
        this.#patch(document, patchByFilter.set, "patch_by_filter.set");
      }
    }
    const old = await this.#old([...upserts, ...patches].map(({ id }) => id).concat(deletes));
    const holds = this.#condition();
    for (const document of upserts) {
      if (!holds(old.get(document.id), document)) continue;
      this.#changed.set(document.id, document);
      this.#counts.upserted++;
    }
    for (const [at, patch] of patches.entries()) {
      const before = this.#changed.has(patch.id) ? this.#changed.get(patch.id) : old.get(patch.id);
      if (before === undefined) continue;
      const after = patchDocument(before, patch);
      if (holds(old.get(patch.id), after)) this.#patch(before, patch, `patches[${at}]`);
    }
    for (const id of deletes) if (holds(old.get(id))) this.#delete(id);
    return this.#result();
  }

  #condition(): (old: Document | undefined, next?: Document) => boolean {
    const { condition } = this.#batch;
    return condition === undefined ? () => true : this.#kernel.matcher(condition, this.#snapshot.schema);
  }

  #patch(before: Document, changes: Parameters<typeof patchDocument>[1], path: string): void {
    const after = patchDocument(before, changes);
    checkDocumentSize(after, path);
    this.#changed.set(before.id, after);
    this.#counts.patched++;
  }

  #delete(id: DocumentId): void {
    this.#changed.set(id, undefined);
    this.#counts.deleted++;
  }

  async #old(ids: readonly DocumentId[]): Promise<ReadonlyMap<DocumentId, Document>> {
    const documents = await this.#snapshot.fetch(ids, this.#nowMs);
    return new Map(
      documents.flatMap((document) => (document === undefined ? [] : [[document.id, document]])),
    );
  }

  async #matching(filter: Filter): Promise<readonly DocumentId[]> {
    const found = await Promise.all(
      this.#snapshot.units().map((unit) => matchingIds(unit, filter, this.#nowMs)),
    );
    const ids = found.flat();
    if (ids.length > MAX_FILTERED_DOCUMENTS) {
      throw new SearchError(
        "limit-exceeded",
        `a write changes at most ${MAX_FILTERED_DOCUMENTS} documents by a filter, not ${ids.length}: make the filter narrower`,
        { limit: "filteredDocuments", most: MAX_FILTERED_DOCUMENTS, given: ids.length },
      );
    }
    return ids;
  }

  #result(): ResolvedWrite {
    const upserts: Document[] = [];
    const deletes: DocumentId[] = [];
    for (const [id, document] of this.#changed) {
      if (document === undefined) deletes.push(id);
      else upserts.push(document);
    }
    return { upserts, deletes, ...this.#counts };
  }
}

/** Ids of the live documents that pass a bound filter. */
async function matchingIds(unit: SearchUnit, filter: Filter, nowMs: number): Promise<readonly DocumentId[]> {
  const [live, matching] = await Promise.all([unit.liveRows(nowMs), unit.filterRows(filter)]);
  return unit.documentIds(matching.copy().intersectWith(live).toRows());
}
