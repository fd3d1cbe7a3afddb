import { concatBytes } from "../../base/index.ts";
import type { Scalar } from "../model/document.ts";
import type { AttributeField, AttributeType } from "../model/schema.ts";
import type { RowSet } from "../rows/row-set.ts";
import { dictionaryEntryBytes, encodeAttributeHead, ordinalBytes } from "./attribute-layout.ts";
import { encodePosting } from "./postings.ts";

/** What the unit stores of an attribute: read whole at its first use, by range, and whole for order and aggregation. */
export interface AttributeSections {
  readonly attribute: Uint8Array;
  readonly postings: Uint8Array;
  readonly column: Uint8Array;
}

export interface AttributeContent {
  readonly field: AttributeField;
  readonly present: RowSet;
  /** Different values, ascending. */
  readonly dictionary: readonly Scalar[];
  /** By value: the rows that have it, ascending. */
  readonly rows: readonly (readonly number[])[];
  /** By row: places of its values in the dictionary. */
  readonly column: readonly (readonly number[])[];
}

export function encodeAttribute({
  field,
  present,
  dictionary,
  rows,
  column,
}: AttributeContent): AttributeSections {
  const postings = rows.map((ofValue) => encodePosting(ofValue, present.size));
  const { entries, texts } = encodeDictionary(dictionary, field.type);
  const elementCount = column.reduce((sum, ordinals) => sum + ordinals.length, 0);
  const all = concatBytes(postings);
  const head = encodeAttributeHead({
    type: field.type,
    array: field.array,
    rowCount: present.size,
    valueCount: dictionary.length,
    elementCount,
    textBytes: texts.length,
    postingBytes: all.length,
  });
  return {
    attribute: concatBytes([head, encodeWords(present.words), entries, texts, encodeEnds(postings)]),
    postings: all,
    column: encodeColumn(field, column, dictionary.length),
  };
}

function encodeDictionary(dictionary: readonly Scalar[], type: AttributeType) {
  const width = dictionaryEntryBytes(type);
  const entries = new Uint8Array(dictionary.length * width);
  const view = new DataView(entries.buffer);
  if (type === "string" || type === "uuid") {
    const encoder = new TextEncoder();
    const parts = dictionary.map((value) => encoder.encode(String(value)));
    entries.set(encodeEnds(parts));
    return { entries, texts: concatBytes(parts) };
  }
  for (const [i, value] of dictionary.entries()) {
    if (type === "bool") entries[i] = value === true ? 1 : 0;
    else if (type === "float") view.setFloat64(i * 8, Number(value), true);
    else view.setBigInt64(i * 8, BigInt(value), true);
  }
  return { entries, texts: new Uint8Array(0) };
}

/** Where each part ends when they lie one after another. */
function encodeEnds(parts: readonly Uint8Array[]): Uint8Array {
  const ends = new Uint32Array(parts.length);
  let end = 0;
  for (const [i, part] of parts.entries()) {
    end += part.length;
    ends[i] = end;
  }
  return encodeWords(ends);
}

function encodeWords(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i] ?? 0, true);
  return bytes;
}

/** One value: an ordinal a row, from 1, 0 for none. Arrays: the end of each row's elements, then the ordinals of all, from 0. */
function encodeColumn(
  field: AttributeField,
  column: readonly (readonly number[])[],
  valueCount: number,
): Uint8Array {
  const width = ordinalBytes(valueCount);
  const elements = field.array
    ? column.flat()
    : column.map(([ordinal]) => (ordinal === undefined ? 0 : ordinal + 1));
  const bytes = new Uint8Array(elements.length * width);
  const view = new DataView(bytes.buffer);
  for (const [i, element] of elements.entries()) {
    if (width === 1) view.setUint8(i, element);
    else if (width === 2) view.setUint16(i * 2, element, true);
    else view.setUint32(i * 4, element, true);
  }
  if (!field.array) return bytes;
  const ends = new Uint32Array(column.length);
  let end = 0;
  for (const [row, ordinals] of column.entries()) {
    end += ordinals.length;
    ends[row] = end;
  }
  return concatBytes([encodeWords(ends), bytes]);
}
