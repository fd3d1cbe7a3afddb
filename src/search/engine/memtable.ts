/**
 * The writes of a namespace that are in no segment yet: runs of documents in memory, each an immutable unit. A write makes a small run; runs of
 * like size are merged, so that there are few of them and a document is built into O(log n) runs. A memtable does not change: a write gives the
 * next one, and a query keeps the one that it began with.
 */

import type { BatchFrame } from "../batch/batch-file.ts";
import { compareIds, type Document, type DocumentId } from "../model/document.ts";
import { documentBytes } from "../model/fit-document.ts";
import type { Schema } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import type { SearchUnit } from "../unit/ports.ts";
import type { SearchKernel } from "./kernel.ts";
import { LiveUnit } from "./live-unit.ts";

/** A frame with the version that metadata gave it. */
export interface MemtableEntry extends BatchFrame {
  readonly version: bigint;
}

/** Bytes that an entry counts for beside its documents. */
const ENTRY_BYTES = 64;
/** A run is merged into the one before it unless that one is so many times as large. */
const RUN_RATIO = 2;

interface Run {
  readonly documents: readonly Document[];
  readonly rows: ReadonlyMap<DocumentId, number>;
  readonly unit: SearchUnit;
  /** Rows that later runs wrote again or deleted. */
  readonly gone: RowSet;
}

export interface MemtableOptions {
  readonly kernel: SearchKernel;
  readonly schema: Schema;
}

export class Memtable {
  readonly #options: MemtableOptions;
  readonly #runs: readonly Run[];
  /** In the order of their versions. */
  readonly entries: readonly MemtableEntry[];
  /** Every id that an entry wrote or deleted, with the document if there is one. */
  readonly #state: ReadonlyMap<DocumentId, Document | undefined>;
  readonly sizeBytes: number;

  private constructor(
    options: MemtableOptions,
    content: {
      readonly runs: readonly Run[];
      readonly entries: readonly MemtableEntry[];
      readonly state: ReadonlyMap<DocumentId, Document | undefined>;
      readonly sizeBytes: number;
    },
  ) {
    this.#options = options;
    this.#runs = content.runs;
    this.entries = content.entries;
    this.#state = content.state;
    this.sizeBytes = content.sizeBytes;
  }

  static of(entries: readonly MemtableEntry[], options: MemtableOptions): Memtable {
    const empty = new Memtable(options, { runs: [], entries: [], state: new Map(), sizeBytes: 0 });
    return entries.length === 0 ? empty : empty.with(entries);
  }

  /** After these entries, which are newer than all that are in it. */
  with(added: readonly MemtableEntry[]): Memtable {
    if (added.length === 0) return this;
    const changed = new Map<DocumentId, Document | undefined>();
    let { sizeBytes } = this;
    for (const { upserts, deletes } of added) {
      sizeBytes += ENTRY_BYTES * (1 + deletes.length);
      for (const id of deletes) changed.set(id, undefined);
      for (const document of upserts) {
        changed.set(document.id, document);
        sizeBytes += documentBytes(document);
      }
    }
    const runs = this.#runs.map((run) => without(run, changed.keys()));
    const documents = [...changed.values()].filter((document) => document !== undefined);
    return new Memtable(this.#options, {
      runs: documents.length === 0 ? runs : this.#pushed(runs, documents),
      entries: [...this.entries, ...added],
      state: new Map([...this.#state, ...changed]),
      sizeBytes,
    });
  }

  #pushed(runs: readonly Run[], added: readonly Document[]): readonly Run[] {
    const kept = [...runs];
    let documents = added;
    for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
      if (last.documents.length >= RUN_RATIO * documents.length) break;
      const { gone } = last;
      documents = [...last.documents.filter((_, row) => !gone.has(row)), ...documents];
      kept.pop();
    }
    return [...kept, this.#run(documents)];
  }

  #run(documents: readonly Document[]): Run {
    const { kernel, schema } = this.#options;
    return {
      documents,
      rows: new Map(documents.map(({ id }, row) => [id, row])),
      unit: kernel.memoryUnit("memtable", documents, schema),
      gone: RowSet.empty(documents.length),
    };
  }

  get schema(): Schema {
    return this.#options.schema;
  }

  /** Newest last. */
  units(): readonly SearchUnit[] {
    return this.#runs
      .filter(({ gone, documents }) => gone.count() < documents.length)
      .map(({ unit, gone }) => (gone.isEmpty() ? unit : new LiveUnit(unit, gone)));
  }

  /** Whether it says anything about the id. */
  has(id: DocumentId): boolean {
    return this.#state.has(id);
  }

  /** Undefined: deleted, or nothing is said about it. */
  get(id: DocumentId): Document | undefined {
    return this.#state.get(id);
  }

  /** All ids that it says something about. */
  ids(): readonly DocumentId[] {
    return [...this.#state.keys()];
  }

  /** What is there in the end, in the order of the ids. */
  documents(): readonly Document[] {
    const documents = [...this.#state.values()].filter((document) => document !== undefined);
    return documents.sort((a, b) => compareIds(a.id, b.id));
  }
}

function without(run: Run, ids: Iterable<DocumentId>): Run {
  let gone: RowSet | undefined;
  for (const id of ids) {
    const row = run.rows.get(id);
    if (row === undefined || run.gone.has(row)) continue;
    gone ??= run.gone.copy();
    gone.add(row);
  }
  return gone === undefined ? run : { ...run, gone };
}
