/** A write, resolved against a state: which documents there are afterwards, and which are not. */

import type { BatchFrame } from "../batch/batch-file.ts";
import { SearchError } from "../errors.ts";
import type { Filter } from "../filter/filter.ts";
import type { DocumentPredicate } from "../filter/match-document.ts";
import {
  type Document,
  type DocumentId,
  type DocumentPatch,
  type FieldChanges,
  patchDocument,
} from "../model/document.ts";
import { checkDocumentSize, documentBytes } from "../model/fit-document.ts";
import { LIMITS } from "../model/limits.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { SearchKernel } from "./kernel.ts";
import type { NamespaceSnapshot } from "./snapshot.ts";

const READ_AT_ONCE = 256;

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

export interface ResolveOptions {
  readonly kernel: SearchKernel;
  /** Documents that expire at or before this are not there. */
  readonly nowMs: number;
  /** Awaited between slices of work: the place to let others run, or to reject when the answer is no longer wanted. */
  readonly pass: () => Promise<void>;
}

/** `batch` is fitted to the schema of the snapshot. Filters and conditions see the state as it was before the write. */
export async function resolveWrite(
  batch: WriteBatch,
  snapshot: NamespaceSnapshot,
  options: ResolveOptions,
): Promise<ResolvedWrite> {
  return new Resolver(batch, snapshot, options).run();
}

class Resolver {
  readonly #batch: WriteBatch;
  readonly #snapshot: NamespaceSnapshot;
  readonly #options: ResolveOptions;
  /** Every id that changes; undefined: it is deleted. */
  readonly #changed = new Map<DocumentId, Document | undefined>();
  #changedBytes = 0;
  readonly #counts = { upserted: 0, patched: 0, deleted: 0 };

  constructor(batch: WriteBatch, snapshot: NamespaceSnapshot, options: ResolveOptions) {
    this.#batch = batch;
    this.#snapshot = snapshot;
    this.#options = options;
  }

  async run(): Promise<ResolvedWrite> {
    const { deleteByFilter, patchByFilter, upserts, patches, deletes } = this.#batch;
    if (deleteByFilter !== undefined) {
      for (const id of await this.#matching(deleteByFilter)) this.#delete(id);
    }
    if (patchByFilter !== undefined) {
      for (const ids of inParts(await this.#matching(patchByFilter.filter))) {
        for (const document of (await this.#old(ids)).values()) {
          await this.#options.pass();
          if (!this.#changed.has(document.id))
            this.#patch(document, patchByFilter.set, "patch_by_filter.set");
        }
      }
    }
    const condition = this.#condition();
    for (const part of inParts(upserts)) {
      const old = await this.#oldFor(condition, part);
      for (const document of part) {
        if (condition !== undefined) await this.#options.pass();
        if (condition?.(old.get(document.id), document) === false) continue;
        this.#put(document);
        this.#counts.upserted++;
      }
    }
    await this.#patches(patches, condition);
    for (const part of inParts(deletes)) {
      const old = await this.#oldFor(
        condition,
        part.map((id) => ({ id })),
      );
      for (const id of part) {
        if (condition !== undefined) await this.#options.pass();
        if (condition?.(old.get(id)) !== false) this.#delete(id);
      }
    }
    return this.#result();
  }

  async #patches(patches: readonly DocumentPatch[], condition: DocumentPredicate | undefined): Promise<void> {
    let at = 0;
    for (const part of inParts(patches)) {
      const old = await this.#old(part.map(({ id }) => id));
      for (const patch of part) {
        await this.#options.pass();
        const path = `patches[${at++}]`;
        const before = this.#changed.has(patch.id) ? this.#changed.get(patch.id) : old.get(patch.id);
        if (before === undefined) continue;
        if (condition?.(old.get(patch.id), patchDocument(before, patch)) === false) continue;
        this.#patch(before, patch, path);
      }
    }
  }

  #condition(): DocumentPredicate | undefined {
    const { condition } = this.#batch;
    return condition && this.#options.kernel.matcher(condition, this.#snapshot.schema);
  }

  #patch(before: Document, changes: FieldChanges, path: string): void {
    const after = patchDocument(before, changes);
    checkDocumentSize(after, path);
    this.#put(after);
    this.#counts.patched++;
  }

  /** Patches make the bytes of a write many times those of its request. */
  #put(document: Document): void {
    const replaced = this.#changed.get(document.id);
    this.#changedBytes += documentBytes(document) - (replaced === undefined ? 0 : documentBytes(replaced));
    if (this.#changedBytes > LIMITS.changedBytes) {
      throw new SearchError(
        "limit-exceeded",
        `the documents that a write changes have at most ${LIMITS.changedBytes} bytes: change fewer at once`,
        { limit: "changedBytes", most: LIMITS.changedBytes, given: this.#changedBytes },
      );
    }
    this.#changed.set(document.id, document);
  }

  #delete(id: DocumentId): void {
    this.#changed.set(id, undefined);
    this.#counts.deleted++;
  }

  async #oldFor(
    condition: DocumentPredicate | undefined,
    changes: readonly { readonly id: DocumentId }[],
  ): Promise<ReadonlyMap<DocumentId, Document>> {
    return condition === undefined ? new Map() : this.#old(changes.map(({ id }) => id));
  }

  async #old(ids: readonly DocumentId[]): Promise<ReadonlyMap<DocumentId, Document>> {
    const documents = await this.#snapshot.fetch(ids, this.#options.nowMs);
    return new Map(
      documents.flatMap((document) => (document === undefined ? [] : [[document.id, document]])),
    );
  }

  async #matching(filter: Filter): Promise<readonly DocumentId[]> {
    const found = await Promise.all(
      this.#snapshot.units().map((unit) => matchingIds(unit, filter, this.#options)),
    );
    const ids = found.flat();
    const most = LIMITS.filteredDocuments;
    if (ids.length > most) {
      throw new SearchError(
        "limit-exceeded",
        `a write changes at most ${most} documents by a filter, not ${ids.length}: make the filter narrower`,
        { limit: "filteredDocuments", most, given: ids.length },
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

/** What is read of old documents at once: a large write does not need all of them in memory. */
function* inParts<T>(items: readonly T[]): Iterable<readonly T[]> {
  for (let from = 0; from < items.length; from += READ_AT_ONCE) yield items.slice(from, from + READ_AT_ONCE);
}

/** Ids of the live documents that pass a bound filter. */
async function matchingIds(
  unit: SearchUnit,
  filter: Filter,
  { nowMs, pass }: ResolveOptions,
): Promise<readonly DocumentId[]> {
  await pass();
  const [live, matching] = await Promise.all([unit.liveRows(nowMs), unit.filterRows(filter, pass)]);
  return unit.documentIds(matching.copy().intersectWith(live).toRows());
}
