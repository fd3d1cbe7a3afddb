import { RowSet } from "../../rows/row-set.ts";
import { damaged } from "../format/damaged.ts";
import type { Head } from "../format/head.ts";

/** Which row the vector at a position of the file belongs to, and the other way round. */
export class RowPlaces {
  readonly #head: Head;
  /** Undefined: vector i is of row i. */
  readonly #rows: Uint32Array | undefined;
  /** By row: 1 + its position, 0 for none. Made when it is first asked for. */
  #positions: Uint32Array | undefined;

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
    const place = this.#byRow(this.#rows)[row] ?? 0;
    return place === 0 ? undefined : place - 1;
  }

  all(): RowSet {
    const rows = RowSet.empty(this.#head.rowCount);
    if (this.#rows === undefined) rows.addRange(0, this.#head.vectorCount);
    else for (const row of this.#rows) rows.add(row);
    return rows;
  }

  /** The positions of the vectors of these rows. */
  positionsOf(rows: RowSet): AllowedPositions {
    const { vectorCount } = this.#head;
    if (this.#rows === undefined) return new AllowedPositions(rows, vectorCount);
    const byRow = this.#byRow(this.#rows);
    const positions = RowSet.empty(vectorCount);
    rows.forEach((row) => {
      const place = byRow[row]!;
      if (place > 0) positions.add(place - 1);
    });
    return new AllowedPositions(positions, vectorCount);
  }

  #byRow(rows: Uint32Array): Uint32Array {
    if (this.#positions !== undefined) return this.#positions;
    const positions = new Uint32Array(this.#head.rowCount);
    for (const [position, row] of rows.entries()) positions[row] = position + 1;
    this.#positions = positions;
    return positions;
  }
}

/** The positions of vectors that a search may answer with. Does not change. */
export class AllowedPositions {
  readonly #positions: RowSet;
  /** How many there are. */
  readonly count: number;

  /** `positions` may hold more than the first `vectorCount`, which do not count. */
  constructor(positions: RowSet, vectorCount: number) {
    this.#positions = positions;
    this.count = positions.countRange(0, vectorCount);
  }

  /** How many of them are from `first` up to `end`. */
  countRange(first: number, end: number): number {
    return this.#positions.countRange(first, end);
  }

  /** Those from `first` up to `end`, ascending. */
  inRange(first: number, end: number): Uint32Array {
    return this.#positions.rowsInRange(first, end);
  }
}
