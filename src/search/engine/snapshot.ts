import type { Document, DocumentId } from "../model/document.ts";
import { compareIds } from "../model/document.ts";
import type { Schema } from "../model/schema.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { SearchUnit } from "../unit/ports.ts";
import { LiveUnit } from "./live-unit.ts";
import type { Manifest, SegmentRef } from "./manifest.ts";
import type { Memtable } from "./memtable.ts";

/** A segment of a snapshot. */
export interface SegmentView {
  readonly ref: SegmentRef;
  readonly unit: SearchUnit;
  /** Rows that were deleted, or that the memtable says something about. */
  readonly gone: RowSet;
}

/** One state of a namespace. It does not change, however long it is read. */
export class NamespaceSnapshot {
  readonly manifest: Manifest;
  readonly schema: Schema;
  readonly memtable: Memtable;
  readonly segments: readonly SegmentView[];

  constructor(content: {
    readonly manifest: Manifest;
    readonly schema: Schema;
    readonly memtable: Memtable;
    readonly segments: readonly SegmentView[];
  }) {
    this.manifest = content.manifest;
    this.schema = content.schema;
    this.memtable = content.memtable;
    this.segments = content.segments;
  }

  /** What it holds in memory, about; segments that it shares with others included. */
  get sizeBytes(): number {
    return this.segments.reduce((sum, { unit }) => sum + unit.keptBytes, this.memtable.sizeBytes);
  }

  get version(): bigint {
    return this.manifest.version;
  }

  /** Segments first, the newest writes last. No live id stands in two of them. */
  units(): readonly SearchUnit[] {
    const segments = this.segments
      .filter(({ gone, unit }) => gone.count() < unit.rowCount)
      .map(({ unit, gone }) => (gone.isEmpty() ? unit : new LiveUnit(unit, gone)));
    return [...segments, ...this.memtable.units()];
  }

  /** In the order of the ids; undefined: there is none, or it has expired. */
  async fetch(ids: readonly DocumentId[], nowMs: number): Promise<readonly (Document | undefined)[]> {
    const found = new Map<DocumentId, Document>();
    const asked = ids.filter((id) => !this.memtable.has(id));
    for (const id of ids) {
      const document = this.memtable.get(id);
      if (document !== undefined) found.set(id, document);
    }
    if (asked.length > 0) {
      await Promise.all(
        this.segments.map(async ({ unit, gone }) => {
          const rows = (await unit.rowsOf(asked)).filter((row) => row !== undefined && !gone.has(row));
          const documents = await unit.documents(Uint32Array.from(rows as number[]), { kind: "everything" });
          for (const document of documents) found.set(document.id, document);
        }),
      );
    }
    return ids.map((id) => {
      const document = found.get(id);
      return document === undefined || isExpired(document, nowMs) ? undefined : document;
    });
  }

  /** Documents with ids behind `after`, at most `limit`, in the order of their ids. */
  async page(after: DocumentId | undefined, limit: number, nowMs: number): Promise<readonly Document[]> {
    const units = this.units().map(async (unit) =>
      (await unit.rowsAfter({ after, limit, nowMs })).map((found) => ({ ...found, unit })),
    );
    const sorted = (await Promise.all(units)).flat().sort((a, b) => compareIds(a.id, b.id));
    const chosen = sorted.slice(0, limit);
    const documents = await Promise.all(
      [...new Set(chosen.map(({ unit }) => unit))].map((unit) => {
        const rows = chosen.filter((hit) => hit.unit === unit).map(({ row }) => row);
        return unit.documents(Uint32Array.from(rows), { kind: "everything" });
      }),
    );
    return documents.flat().sort((a, b) => compareIds(a.id, b.id));
  }
}

export function isExpired({ expiresAtMs }: Document, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}
