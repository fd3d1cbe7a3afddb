import { SearchError } from "../errors.ts";
import { ATTRIBUTE_TYPES, type AttributeField, type AttributeType } from "../model/schema.ts";

/** The first bytes of the "attribute" section: drawn in docs/internals/search-segment.md. */
export interface AttributeHead {
  readonly type: AttributeType;
  readonly array: boolean;
  readonly rowCount: number;
  /** Different values. */
  readonly valueCount: number;
  /** Elements of the column: rows, or elements of all arrays. */
  readonly elementCount: number;
  /** Bytes of the dictionary's texts; 0 for numbers. */
  readonly textBytes: number;
  readonly postingBytes: number;
}

export const ATTRIBUTE_HEAD_BYTES = 32;
const MAGIC = 0x54_41_4b_53; // "SKAT"
const VERSION = 1;
const ARRAY = 1;

export function encodeAttributeHead(head: AttributeHead): Uint8Array {
  const bytes = new Uint8Array(ATTRIBUTE_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint8(6, ATTRIBUTE_TYPES.indexOf(head.type) + 1);
  view.setUint8(7, head.array ? ARRAY : 0);
  view.setUint32(8, head.rowCount, true);
  view.setUint32(12, head.valueCount, true);
  view.setUint32(16, head.elementCount, true);
  view.setUint32(20, head.textBytes, true);
  view.setUint32(24, head.postingBytes, true);
  return bytes;
}

/** "data-damaged" for what does not fit together or to the unit, "format-too-new" for another version. */
export function decodeAttributeHead(
  bytes: Uint8Array,
  field: AttributeField,
  rowCount: number,
): AttributeHead {
  if (bytes.length < ATTRIBUTE_HEAD_BYTES) throw attributeDamaged("is shorter than its head");
  const view = new DataView(bytes.buffer, bytes.byteOffset, ATTRIBUTE_HEAD_BYTES);
  if (view.getUint32(0, true) !== MAGIC) throw attributeDamaged("does not begin as one");
  const version = view.getUint16(4, true);
  if (version !== VERSION)
    throw new SearchError(
      "format-too-new",
      `an attribute index has version ${version}, which is not known here`,
    );
  const head: AttributeHead = {
    type: ATTRIBUTE_TYPES[view.getUint8(6) - 1] ?? field.type,
    array: view.getUint8(7) === ARRAY,
    rowCount: view.getUint32(8, true),
    valueCount: view.getUint32(12, true),
    elementCount: view.getUint32(16, true),
    textBytes: view.getUint32(20, true),
    postingBytes: view.getUint32(24, true),
  };
  const sound =
    view.getUint8(6) === ATTRIBUTE_TYPES.indexOf(field.type) + 1 &&
    view.getUint8(7) === (field.array ? ARRAY : 0) &&
    head.rowCount === rowCount &&
    head.valueCount <= head.elementCount &&
    (head.array || head.elementCount <= rowCount) &&
    view.getUint32(28, true) === 0 &&
    attributeLayout(head).end === bytes.length;
  if (!sound) throw attributeDamaged("has a head that contradicts itself or its unit");
  return head;
}

/** Where the parts of the "attribute" section lie. */
export interface AttributeLayout {
  readonly present: number;
  readonly dictionary: number;
  /** Bytes of each posting's end, after the dictionary. */
  readonly postingEnds: number;
  readonly end: number;
}

export function attributeLayout(head: AttributeHead): AttributeLayout {
  const present = ATTRIBUTE_HEAD_BYTES;
  const dictionary = present + Math.ceil(head.rowCount / 32) * 4;
  const postingEnds = dictionary + head.valueCount * dictionaryEntryBytes(head.type) + head.textBytes;
  return { present, dictionary, postingEnds, end: postingEnds + head.valueCount * 4 };
}

/** Of one value: the number, or the end of the text. */
export function dictionaryEntryBytes(type: AttributeType): number {
  switch (type) {
    case "bool":
      return 1;
    case "string":
    case "uuid":
      return 4;
    default:
      return 8;
  }
}

/** Bytes of an ordinal in the column, of `valueCount` ordinals and one that says that there is none. */
export function ordinalBytes(valueCount: number): 1 | 2 | 4 {
  return valueCount < 0xff ? 1 : valueCount < 0xffff ? 2 : 4;
}

export function attributeDamaged(what: string): SearchError {
  return new SearchError("data-damaged", `an attribute index ${what}`);
}
