import { SearchError } from "../../errors.ts";
import { LIMITS } from "../../model/limits.ts";
import type { Metric, VectorElement, VectorField } from "../../model/schema.ts";
import { ELEMENT_BYTES } from "../elements.ts";
import { codeRowBytes } from "./codes.ts";
import { damaged } from "./damaged.ts";
import { middleRowBytes } from "./middle.ts";
import { signBytes, spaceDimensions } from "./space.ts";

/**
 * The head of a vector index: everything that the places and sizes of its parts follow from. Drawn in docs/internals/search-vectors.md. No offset
 * stands in the file, so none can be wrong; that the parts add up to the file's size is checked when it is opened.
 */
export interface Head {
  readonly field: VectorField;
  readonly rowCount: number;
  readonly vectorCount: number;
  /** Zero: no lists, every search is exact. */
  readonly listCount: number;
  readonly groupCount: number;
  /** Vector i is row i. Otherwise the file has a map. */
  readonly rowsInOrder: boolean;
}

export const HEAD_BYTES = 64;
const MAGIC = 0x58_56_4b_53; // "SKVX"
const VERSION = 1;
const IN_ORDER = 1;

/** Rows of one unit: what a `RowSet` and a 32-bit number hold with room to spare. */
export const MOST_ROWS = 2 ** 30;

const METRIC_BYTE: Readonly<Record<Metric, number>> = { cosine: 1, dot: 2, euclidean: 3 };
const ELEMENT_BYTE: Readonly<Record<VectorElement, number>> = { f32: 1, f16: 2, i8: 3 };

export function encodeHead(head: Head): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint8(6, METRIC_BYTE[head.field.metric]);
  view.setUint8(7, ELEMENT_BYTE[head.field.element]);
  view.setUint32(8, head.field.dimensions, true);
  view.setUint32(12, head.rowCount, true);
  view.setUint32(16, head.vectorCount, true);
  view.setUint32(20, head.listCount, true);
  view.setUint32(24, head.groupCount, true);
  view.setUint32(28, head.rowsInOrder ? IN_ORDER : 0, true);
  return bytes;
}

/** Throws "data-damaged", or "format-too-new" for another version. */
export function decodeHead(bytes: Uint8Array): Head {
  if (bytes.length !== HEAD_BYTES) throw damaged("is shorter than its head");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) throw damaged("does not begin as one");
  const version = view.getUint16(4, true);
  if (version !== VERSION) {
    throw new SearchError("format-too-new", `a vector index has version ${version}, which is not known here`);
  }
  const metric = keyOf(METRIC_BYTE, view.getUint8(6));
  const element = keyOf(ELEMENT_BYTE, view.getUint8(7));
  const dimensions = view.getUint32(8, true);
  const [rowCount, vectorCount] = [view.getUint32(12, true), view.getUint32(16, true)];
  const [listCount, groupCount] = [view.getUint32(20, true), view.getUint32(24, true)];
  const flags = view.getUint32(28, true);
  const sound =
    dimensions >= 1 &&
    dimensions <= LIMITS.dimensions &&
    vectorCount <= rowCount &&
    rowCount <= MOST_ROWS &&
    listCount <= vectorCount &&
    groupCount <= listCount &&
    (listCount === 0) === (groupCount === 0) &&
    flags <= IN_ORDER &&
    bytes.subarray(32).every((byte) => byte === 0);
  if (!sound) throw damaged("has a head that contradicts itself");
  const field = { dimensions, metric, element };
  return { field, rowCount, vectorCount, listCount, groupCount, rowsInOrder: flags === IN_ORDER };
}

/** Where the parts lie, in bytes from the start of the file; a part ends where the next one begins. */
export interface Layout {
  readonly rowMap: number;
  readonly codes: number;
  readonly middle: number;
  readonly full: number;
  readonly tree: number;
  readonly end: number;
}

export function layoutOf(head: Head): Layout {
  const { field, vectorCount } = head;
  const dimensions = spaceDimensions(field.dimensions);
  const rowMap = HEAD_BYTES;
  const codes = rowMap + (head.rowsInOrder ? 0 : vectorCount * 4);
  const middle = codes + (head.listCount === 0 ? 0 : vectorCount * codeRowBytes(dimensions));
  const full = middle + (hasMiddle(head) ? vectorCount * middleRowBytes(dimensions) : 0);
  const tree = full + vectorCount * fullBytes(field);
  return { rowMap, codes, middle, full, tree, end: tree + treeBytes(head) };
}

/** Full vectors of bytes need no tier of bytes before them. */
export function hasMiddle(head: Head): boolean {
  return head.listCount > 0 && head.field.element !== "i8";
}

/** Bytes of one full vector. */
export function fullBytes(field: VectorField): number {
  return field.dimensions * ELEMENT_BYTES[field.element];
}

function keyOf<K extends string>(table: Readonly<Record<K, number>>, byte: number): K {
  for (const key of Object.keys(table) as K[]) if (table[key] === byte) return key;
  throw damaged("has a head that contradicts itself");
}

function treeBytes(head: Head): number {
  if (head.listCount === 0) return 0;
  const dimensions = spaceDimensions(head.field.dimensions);
  const numbers =
    head.field.dimensions +
    (head.groupCount + head.listCount) * dimensions +
    (head.groupCount + 1) +
    (head.listCount + 1) +
    head.listCount;
  return numbers * 4 + signBytes(dimensions);
}
