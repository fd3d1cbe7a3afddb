import type { AttributeValue, Scalar } from "../model/document.ts";
import { compareScalars } from "../model/order.ts";
import type { AttributeField, AttributeType } from "../model/schema.ts";
import type { RangeReader } from "../ports.ts";
import { RowSet } from "../rows/row-set.ts";
import type { Column } from "../unit/ports.ts";
import {
  type AttributeHead,
  type AttributeLayout,
  attributeDamaged,
  attributeLayout,
  decodeAttributeHead,
  dictionaryEntryBytes,
  ordinalBytes,
} from "./attribute-layout.ts";
import { addPosting } from "./postings.ts";

export interface AttributeReaders {
  readonly attribute: RangeReader;
  readonly postings: RangeReader;
  readonly column: RangeReader;
}

/** Places in a dictionary, from `first` to `end` - 1. */
export interface OrdinalRange {
  readonly first: number;
  readonly end: number;
}

/** The index of one attribute over the rows of a unit. */
export class AttributeIndex {
  readonly field: AttributeField;
  /** Rows that have the attribute. Not to be changed. */
  readonly present: RowSet;
  /** Different values, ascending. */
  readonly dictionary: readonly Scalar[];
  readonly #head: AttributeHead;
  readonly #postingEnds: Uint32Array;
  readonly #readers: AttributeReaders;
  #column: Promise<Column> | undefined;

  private constructor(
    field: AttributeField,
    head: AttributeHead,
    bytes: Uint8Array,
    readers: AttributeReaders,
  ) {
    const layout = attributeLayout(head);
    this.field = field;
    this.#head = head;
    this.#readers = readers;
    this.present = decodePresent(bytes, layout, head);
    this.dictionary = decodeDictionary(bytes, layout, head);
    this.#postingEnds = wordsAt(bytes, layout.postingEnds, head.valueCount);
    checkEnds(this.#postingEnds, head.postingBytes, true);
  }

  /** One wave. "data-damaged" or "format-too-new" for what was not written for such a field and so many rows. */
  static async open(
    field: AttributeField,
    rowCount: number,
    readers: AttributeReaders,
  ): Promise<AttributeIndex> {
    const bytes = await readers.attribute.read(0, readers.attribute.sizeBytes);
    const head = decodeAttributeHead(bytes, field, rowCount);
    if (readers.postings.sizeBytes !== head.postingBytes)
      throw attributeDamaged("has postings of another size");
    return new AttributeIndex(field, head, bytes, readers);
  }

  /** Rows that have one of the values. One wave. */
  async rowsWith(ranges: readonly OrdinalRange[]): Promise<RowSet> {
    const wanted = ranges.filter(({ first, end }) => first < end);
    const bytes = wanted.reduce((sum, { first, end }) => sum + this.#start(end) - this.#start(first), 0);
    // Where most values are wanted, the others are less to read. An array may have both.
    if (this.field.array || bytes * 2 <= this.#head.postingBytes) return await this.#union(wanted);
    return this.present.copy().subtract(await this.#union(this.#others(wanted)));
  }

  /** The values by row. One wave, the first time. */
  column(): Promise<Column> {
    this.#column ??= this.#readColumn();
    return this.#column;
  }

  #start(ordinal: number): number {
    return ordinal === 0 ? 0 : (this.#postingEnds[ordinal - 1] ?? 0);
  }

  #others(ranges: readonly OrdinalRange[]): readonly OrdinalRange[] {
    const others: OrdinalRange[] = [];
    let next = 0;
    for (const { first, end } of ranges) {
      if (next < first) others.push({ first: next, end: first });
      next = end;
    }
    if (next < this.dictionary.length) others.push({ first: next, end: this.dictionary.length });
    return others;
  }

  async #union(ranges: readonly OrdinalRange[]): Promise<RowSet> {
    const rows = RowSet.empty(this.#head.rowCount);
    if (ranges.length === 0) return rows;
    const parts = await this.#readers.postings.readMany(
      ranges.map(({ first, end }) => ({
        offset: this.#start(first),
        length: this.#start(end) - this.#start(first),
      })),
    );
    for (const [i, { first, end }] of ranges.entries()) {
      const part = parts[i] ?? new Uint8Array(0);
      const offset = this.#start(first);
      for (let ordinal = first; ordinal < end; ordinal++)
        addPosting(part.subarray(this.#start(ordinal) - offset, this.#start(ordinal + 1) - offset), rows);
    }
    return rows;
  }

  async #readColumn(): Promise<Column> {
    const { column } = this.#readers;
    const { rowCount, elementCount, valueCount } = this.#head;
    const width = ordinalBytes(valueCount);
    const endBytes = this.field.array ? rowCount * 4 : 0;
    const elements = this.field.array ? elementCount : rowCount;
    if (column.sizeBytes !== endBytes + elements * width)
      throw attributeDamaged("has a column of another size");
    const bytes = await column.read(0, column.sizeBytes);
    const ordinals = ordinalsAt(bytes, endBytes, elements, width);
    if (!this.field.array) return new ScalarColumn(this.dictionary, ordinals);
    const ends = wordsAt(bytes, 0, rowCount);
    checkEnds(ends, elementCount, false);
    return new ArrayColumn(this.dictionary, ordinals, ends, this.present);
  }
}

class ScalarColumn implements Column {
  readonly #dictionary: readonly Scalar[];
  readonly #ordinals: ArrayLike<number>;

  constructor(dictionary: readonly Scalar[], ordinals: ArrayLike<number>) {
    this.#dictionary = dictionary;
    this.#ordinals = ordinals;
  }

  valueAt(row: number): AttributeValue | undefined {
    const ordinal = this.#ordinals[row] ?? 0;
    return ordinal === 0 ? undefined : valueOfOrdinal(this.#dictionary, ordinal - 1);
  }
}

class ArrayColumn implements Column {
  readonly #dictionary: readonly Scalar[];
  readonly #ordinals: ArrayLike<number>;
  readonly #ends: Uint32Array;
  readonly #present: RowSet;

  constructor(
    dictionary: readonly Scalar[],
    ordinals: ArrayLike<number>,
    ends: Uint32Array,
    present: RowSet,
  ) {
    this.#dictionary = dictionary;
    this.#ordinals = ordinals;
    this.#ends = ends;
    this.#present = present;
  }

  valueAt(row: number): AttributeValue | undefined {
    if (!this.#present.has(row)) return undefined;
    const values: Scalar[] = [];
    const end = this.#ends[row] ?? 0;
    for (let i = row === 0 ? 0 : (this.#ends[row - 1] ?? 0); i < end; i++)
      values.push(valueOfOrdinal(this.#dictionary, this.#ordinals[i] ?? 0));
    return values;
  }
}

function valueOfOrdinal(dictionary: readonly Scalar[], ordinal: number): Scalar {
  const value = dictionary[ordinal];
  if (value === undefined) throw attributeDamaged("has a value that is not in its dictionary");
  return value;
}

function decodePresent(bytes: Uint8Array, layout: AttributeLayout, { rowCount }: AttributeHead): RowSet {
  const words = wordsAt(bytes, layout.present, Math.ceil(rowCount / 32));
  const used = rowCount & 31;
  if (used !== 0 && (words.at(-1) ?? 0) >>> used !== 0)
    throw attributeDamaged("names rows that the unit does not have");
  return RowSet.fromWords(rowCount, words);
}

function decodeDictionary(
  bytes: Uint8Array,
  layout: AttributeLayout,
  head: AttributeHead,
): readonly Scalar[] {
  const { type, valueCount, textBytes } = head;
  const values =
    type === "string" || type === "uuid"
      ? decodeTexts(bytes, layout.dictionary, valueCount, textBytes)
      : decodeNumbers(bytes, layout.dictionary, valueCount, type);
  for (let i = 1; i < values.length; i++) {
    const [before, value] = [values[i - 1] as Scalar, values[i] as Scalar];
    if (!((compareScalars(before, value) ?? 0) < 0)) throw attributeDamaged("has a dictionary out of order");
  }
  return values;
}

function decodeTexts(bytes: Uint8Array, offset: number, count: number, textBytes: number): Scalar[] {
  const ends = wordsAt(bytes, offset, count);
  checkEnds(ends, textBytes, false);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const first = offset + count * 4;
  try {
    return Array.from(ends, (end, i) =>
      decoder.decode(bytes.subarray(first + (ends[i - 1] ?? 0), first + end)),
    );
  } catch {
    throw attributeDamaged("has a text that is none");
  }
}

function decodeNumbers(bytes: Uint8Array, offset: number, count: number, type: AttributeType): Scalar[] {
  const width = dictionaryEntryBytes(type);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, count * width);
  return Array.from({ length: count }, (_, i) => {
    if (type === "bool") return view.getUint8(i) === 1;
    if (type === "float") return finite(view.getFloat64(i * 8, true));
    const value = view.getBigInt64(i * 8, true);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  });
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw attributeDamaged("has a number that is none");
  return value;
}

function wordsAt(bytes: Uint8Array, offset: number, count: number): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, count * 4);
  return Uint32Array.from({ length: count }, (_, i) => view.getUint32(i * 4, true));
}

function ordinalsAt(bytes: Uint8Array, offset: number, count: number, width: 1 | 2 | 4): ArrayLike<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, count * width);
  if (width === 1) return bytes.subarray(offset, offset + count);
  if (width === 2) return Uint16Array.from({ length: count }, (_, i) => view.getUint16(i * 2, true));
  return Uint32Array.from({ length: count }, (_, i) => view.getUint32(i * 4, true));
}

/** Ends of parts that lie one after another and are `total` long together. */
function checkEnds(ends: Uint32Array, total: number, nonEmpty: boolean): void {
  let before = 0;
  for (const end of ends) {
    if (end < before || (nonEmpty && end === before)) throw attributeDamaged("has parts that overlap");
    before = end;
  }
  if (before !== total) throw attributeDamaged("has parts of another size");
}
