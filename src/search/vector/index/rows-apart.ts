import { codeRowBytes, decodeList, encodeList } from "../format/codes.ts";
import { hasMiddle } from "../format/head.ts";
import { encodeMiddle, MIDDLE_HEAD_BYTES, middleRowBytes, type TakenAway } from "../format/middle.ts";
import type { StoredLists } from "./list-search.ts";

/** What another processor, or another release, may round differently: a share of the lengths, or of the squared lengths. */
const ROUNDING = 1e-3;
/** The spread is the root of a small difference. */
const SPREAD_ROUNDING = 0.03;

/** Positions whose codes or bytes are not those that their full vectors and their list give. A list at a time; `pass` is awaited before each. */
export async function positionsApart(
  stored: StoredLists,
  pass: () => Promise<void>,
): Promise<readonly number[]> {
  const { listFirst } = stored.tree;
  const apart: number[] = [];
  for (let list = 0; list + 1 < listFirst.length; list++) {
    await pass();
    const [first, end] = [listFirst[list]!, listFirst[list + 1]!];
    const isApart = await comparedList(stored, list, { first, count: end - first });
    for (let row = 0; row < end - first; row++) if (isApart(row)) apart.push(first + row);
  }
  return apart;
}

async function comparedList(
  { reader, kernels, head, layout, full, tree }: StoredLists,
  list: number,
  { first, count }: { readonly first: number; readonly count: number },
): Promise<(row: number) => boolean> {
  const { dimensions } = tree.space;
  const [codeBytes, middleBytes] = [
    codeRowBytes(dimensions),
    hasMiddle(head) ? middleRowBytes(dimensions) : 0,
  ];
  const [codes, middle] = await reader.readMany([
    { offset: layout.codes + first * codeBytes, length: count * codeBytes },
    { offset: layout.middle + first * middleBytes, length: count * middleBytes },
  ]);
  const vectors = await full.at(Uint32Array.from({ length: count }, (_, row) => first + row));
  const norms = new Float32Array(count);
  if (head.field.metric === "dot") kernels.squaredNormRows(vectors, head.field.dimensions, norms);
  const entered = tree.space.enter(vectors);
  const centroid = tree.lists.subarray(list * dimensions, (list + 1) * dimensions);
  const compared = { entered, centroid, norms, shifts: tree.space.shifts(vectors, head.field.element) };
  const hasCodes = comparedCodes(compared, codes!);
  const hasBytes = middleBytes === 0 ? () => true : comparedBytes(compared, middle!);
  return (row) => !hasCodes(row) || !hasBytes(row);
}

/** Vectors of a list in the space of the index. */
interface EnteredList extends TakenAway {
  readonly entered: Float32Array;
  readonly centroid: Float32Array;
}

/** Whether the codes of a row are those of its vector. */
function comparedCodes(list: EnteredList, block: Uint8Array): (row: number) => boolean {
  const { entered, centroid, norms } = list;
  const dimensions = centroid.length;
  const wanted = decodeList(encodeList(entered, centroid, list), norms.length);
  const found = decodeList(block, norms.length);
  const words = dimensions / 32;
  return (row) => {
    const squares = squaresOf(list, row);
    const length = Math.sqrt(squares);
    const isNear = (of: "base" | "slope" | "spread", most: number) =>
      Math.abs(found[of][row]! - wanted[of][row]!) <= most;
    if (!isNear("base", ROUNDING * squares) || !isNear("slope", ROUNDING * length)) return false;
    if (!isNear("spread", SPREAD_ROUNDING * wanted.slope[row]! + ROUNDING * length)) return false;
    for (let word = 0; word < words; word++) {
      const differing = found.codes[row * words + word]! ^ wanted.codes[row * words + word]!;
      for (let bit = 0; differing >>> bit !== 0; bit++) {
        const i = word * 32 + bit;
        // The sign of what is almost nothing may be either.
        const relative = Math.abs(entered[row * dimensions + i]! - centroid[i]!);
        if ((differing >>> bit) & 1 && relative > ROUNDING * length) return false;
      }
    }
    return true;
  };
}

/** Whether the bytes of a row are those of its vector. */
function comparedBytes(list: EnteredList, records: Uint8Array): (row: number) => boolean {
  const { entered, centroid } = list;
  const wanted = encodeMiddle(entered, centroid.length, list);
  const rowBytes = middleRowBytes(centroid.length);
  const [found, expected] = [viewOf(records), viewOf(wanted)];
  return (row) => {
    const start = row * rowBytes;
    const squares = squaresOf(list, row);
    const isNear = (at: number, most: number) =>
      Math.abs(found.getFloat32(at, true) - expected.getFloat32(at, true)) <= most;
    if (!isNear(start, ROUNDING * expected.getFloat32(start, true)) || !isNear(start + 4, ROUNDING * squares))
      return false;
    for (let at = start + MIDDLE_HEAD_BYTES; at < start + rowBytes; at++)
      if (Math.abs(found.getInt8(at) - expected.getInt8(at)) > 1) return false;
    return true;
  };
}

/** What the numbers of a row are made of, squared and added. */
function squaresOf({ entered, centroid, norms }: EnteredList, row: number): number {
  let sum = norms[row]!;
  for (let i = 0; i < centroid.length; i++)
    sum += entered[row * centroid.length + i]! ** 2 + centroid[i]! ** 2;
  return sum;
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
