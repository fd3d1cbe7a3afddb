import { RowSet } from "../../rows/row-set.ts";
import { damaged } from "../format/damaged.ts";
import type { Head } from "../format/head.ts";

/** Which row the vector at a position of the file belongs to, and the other way round. */
export class RowPlaces {
  readonly #head: Head;
  /** Undefined: vector i is of row i. */
  readonly #rows: Uint32Array | undefined;
  #positions: ReadonlyMap<number, number> | undefined;

  /** Throws "data-damaged" when `rows` are not different rows of the unit. */
  constructor(head: Head, rows: Uint32Array | undefined) {
    this.#head = head;
    this.#rows = rows;
    const sorted = rows?.toSorted() ?? [];
    for (let i = 0; i < sorted.length; i++) {
      if (sorted[i]! >= head.rowCount || sorted[i] === sorted[i + 1]) {
        throw damaged("maps its vectors to no rows or to one row twice");
      }
    }
  }

  rowAt(position: number): number {
    return this.#rows === undefined ? position : this.#rows[position]!;
  }

  /** Undefined: the row has no vector. */
  positionOf(row: number): number | undefined {
    if (this.#rows === undefined) return row < this.#head.vectorCount ? row : undefined;
    this.#positions ??= new Map(Array.from(this.#rows, (r, position) => [r, position]));
    return this.#positions.get(row);
  }

  all(): RowSet {
    const rows = RowSet.empty(this.#head.rowCount);
    if (this.#rows === undefined) rows.addRange(0, this.#head.vectorCount);
    else for (const row of this.#rows) rows.add(row);
    return rows;
  }

  /** How many of the vectors from `first` up to `end` belong to allowed rows. */
  count(allowed: RowSet | undefined, first: number, end: number): number {
    if (allowed === undefined) return end - first;
    if (this.#rows === undefined) return allowed.countRange(first, end);
    let count = 0;
    for (let position = first; position < end; position++) if (allowed.has(this.#rows[position]!)) count++;
    return count;
  }

  /** The positions of allowed rows from `first` up to `end`, ascending. */
  positions(allowed: RowSet | undefined, first: number, end: number): Uint32Array {
    const positions = new Uint32Array(this.count(allowed, first, end));
    let at = 0;
    for (let position = first; position < end; position++) {
      if (allowed === undefined || allowed.has(this.rowAt(position))) positions[at++] = position;
    }
    return positions;
  }
}
