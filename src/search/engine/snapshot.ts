import type { Document, DocumentId } from "../model/document.ts";
import { compareIds } from "../model/document.ts";
import { documentBytes } from "../model/fit-document.ts";
import type { Schema } from "../model/schema.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { SearchUnit } from "../unit/ports.ts";
import { LiveUnit } from "./live-unit.ts";
import type { Manifest, SegmentRef } from "./manifest.ts";
import type { Memtable } from "./memtable.ts";

/** A page of documents ends behind those that make it so large ... */
const PAGE_BYTES = 8 * 1024 * 1024;
/** ... and so many are read at a time. */
const READ_AT_ONCE = 64;

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

  /** Documents with ids behind `after`, at most `limit`, in the order of their ids; fewer where they are large. */
  async page(after: DocumentId | undefined, limit: number, nowMs: number): Promise<DocumentPage> {
    const units = this.units().map(async (unit) =>
      (await unit.rowsAfter({ after, limit, nowMs })).map((found) => ({ ...found, unit })),
    );
    const sorted = (await Promise.all(units)).flat().sort((a, b) => compareIds(a.id, b.id));
    const chosen = sorted.slice(0, limit);
    const documents: Document[] = [];
    for (let bytes = 0; documents.length < chosen.length && bytes < PAGE_BYTES; ) {
      const read = await documentsAt(chosen.slice(documents.length, documents.length + READ_AT_ONCE));
      for (const document of read) bytes += documentBytes(document);
      documents.push(...read);
    }
    return { documents, isLast: documents.length === chosen.length && chosen.length < limit };
  }
}

export interface DocumentPage {
  readonly documents: readonly Document[];
  /** Whether nothing comes behind it. */
  readonly isLast: boolean;
}

interface UnitRow {
  readonly unit: SearchUnit;
  readonly row: number;
}

/** In the order of their ids. */
async function documentsAt(places: readonly UnitRow[]): Promise<readonly Document[]> {
  const documents = await Promise.all(
    [...new Set(places.map(({ unit }) => unit))].map((unit) => {
      const rows = places.filter((place) => place.unit === unit).map(({ row }) => row);
      return unit.documents(Uint32Array.from(rows), { kind: "everything" });
    }),
  );
  return documents.flat().sort((a, b) => compareIds(a.id, b.id));
}

export function isExpired({ expiresAtMs }: Document, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}
