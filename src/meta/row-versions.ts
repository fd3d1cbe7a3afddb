import { assert } from "../base/index.ts";
import { TABLES, tableLetter } from "./keys.ts";

/** Tables whose rows are kept one by one by those who read them. */
const KEPT_TABLES: ReadonlySet<string> = new Set([
  TABLES.cluster,
  TABLES.copyset,
  TABLES.key,
  TABLES.bucket,
  TABLES.identity,
  TABLES.bucketConfiguration,
  TABLES.encryptionKey,
  TABLES.namespaceName,
  TABLES.namespace,
  TABLES.object,
  TABLES.blob,
]);
/** Places for tables as a whole, by their letters (ASCII). */
const TABLE_PLACES = 128;
/** Places for rows. Rows that share one are taken for changed together, which costs a read and nothing else. */
const ROW_PLACES = 128 * 1024;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** What a row, or a table, was like when somebody began to read it. */
export interface RowMark {
  readonly place: number;
  readonly version: number;
}

/**
 * Which rows have changed since they were read, for whoever keeps what was read, on whatever thread. Numbers in shared memory: a batch raises those of its rows
 * before it is written and once more when it is, and what was read under another number than the present one is read again. So everyone sees that a row has
 * changed before the index is published that it changed with, and nobody has to be told.
 */
export class RowVersions {
  readonly #versions: Int32Array;
  /** Of the batch that is being written. */
  #changing: number[] = [];

  constructor(memory: SharedArrayBuffer = RowVersions.memory()) {
    this.#versions = new Int32Array(memory);
  }

  static memory(rowPlaces: number = ROW_PLACES): SharedArrayBuffer {
    return new SharedArrayBuffer((TABLE_PLACES + rowPlaces) * Int32Array.BYTES_PER_ELEMENT);
  }

  /** To be taken before the row is read from the store. */
  ofRow(key: string): RowMark {
    assert(KEPT_TABLES.has(tableLetter(key)), "rows that are kept are of a table that is followed");
    return this.#mark(this.#rowPlace(key));
  }

  /**
   * The same of all rows of a table. A batch raises a table's number once before it is written and once after, so that an odd one says that it is being written:
   * what is read then is good for this once, for others may have seen the new rows already.
   */
  ofTable(letter: string): RowMark {
    const { place, version } = this.#mark(tablePlace(letter));
    return { place, version: version & ~1 };
  }

  isCurrent({ place, version }: RowMark): boolean {
    return Atomics.load(this.#versions, place) === version;
  }

  /** A batch that touches these rows is about to be written. */
  beginWrite(keys: Iterable<string>, tables: Iterable<string>): void {
    const places = this.#changing;
    for (const letter of tables) places.push(tablePlace(letter));
    for (const key of keys) if (KEPT_TABLES.has(tableLetter(key))) places.push(this.#rowPlace(key));
    this.#raise(places);
  }

  /** It is written: what was read meanwhile may be of before or of after. */
  endWrite(): void {
    this.#raise(this.#changing);
    this.#changing = [];
  }

  /** Another state took this one's place. By two: no table is being written. */
  changedAll(): void {
    for (let place = 0; place < this.#versions.length; place++) Atomics.add(this.#versions, place, 2);
  }

  #mark(place: number): RowMark {
    return { place, version: Atomics.load(this.#versions, place) };
  }

  #raise(places: readonly number[]): void {
    for (const place of places) Atomics.add(this.#versions, place, 1);
  }

  /** FNV-1a (Fowler, Noll, Vo) over the key's UTF-16 code units. */
  #rowPlace(key: string): number {
    let hash = FNV_OFFSET;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), FNV_PRIME);
    return TABLE_PLACES + ((hash >>> 0) % (this.#versions.length - TABLE_PLACES));
  }
}

function tablePlace(letter: string): number {
  return letter.charCodeAt(0) % TABLE_PLACES;
}
