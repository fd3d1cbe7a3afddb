import type { Filter } from "../filter/filter.ts";
import type { DocumentId } from "../model/document.ts";
import type { SparseLeg, VectorLeg } from "../query/query.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { TextQuery } from "../text/index.ts";
import type { DocumentFields, IdPage, LegOptions, ReadCounters, SearchUnit } from "../unit/ports.ts";

/** A unit as one snapshot sees it: the rows of `unit` but those in `gone`. Neither changes, so that many snapshots share a unit. */
export class LiveUnit implements SearchUnit {
  readonly #unit: SearchUnit;
  readonly #gone: RowSet;

  constructor(unit: SearchUnit, gone: RowSet) {
    this.#unit = unit;
    this.#gone = gone;
  }

  get name(): string {
    return this.#unit.name;
  }

  get rowCount(): number {
    return this.#unit.rowCount;
  }

  get keptBytes(): number {
    return this.#unit.keptBytes;
  }

  get counters(): ReadCounters {
    return this.#unit.counters;
  }

  async liveRows(nowMs: number): Promise<RowSet> {
    return (await this.#unit.liveRows(nowMs)).copy().subtract(this.#gone);
  }

  filterRows(filter: Filter, pass?: () => Promise<void>) {
    return this.#unit.filterRows(filter, pass);
  }

  documentIds(rows: Uint32Array) {
    return this.#unit.documentIds(rows);
  }

  rowsOf(ids: readonly DocumentId[]) {
    return this.#unit.rowsOf(ids);
  }

  rowsAfter(page: IdPage) {
    const gone = page.gone === undefined ? this.#gone : page.gone.copy().uniteWith(this.#gone);
    return this.#unit.rowsAfter({ ...page, gone });
  }

  vectorSteps(leg: VectorLeg, options: LegOptions) {
    return this.#unit.vectorSteps(leg, options);
  }

  vectorsApart(field: string, pass: () => Promise<void>) {
    return this.#unit.vectorsApart(field, pass);
  }

  sparseHits(leg: SparseLeg, options: LegOptions) {
    return this.#unit.sparseHits(leg, options);
  }

  prepareText(query: TextQuery, pass?: () => Promise<void>) {
    return this.#unit.prepareText(query, pass);
  }

  column(field: string) {
    return this.#unit.column(field);
  }

  documents(rows: Uint32Array, fields: DocumentFields) {
    return this.#unit.documents(rows, fields);
  }
}
