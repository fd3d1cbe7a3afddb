import type { RangeReader } from "../../ports.ts";
import { codeRowBytes, decodeList, type ListCodes, type QueryLevels } from "../format/codes.ts";
import type { ListTree } from "../format/tree.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { Candidates } from "./candidates.ts";
import type { ChosenList } from "./choose-lists.ts";

/** How many standard deviations of an estimate its error is taken to be: of RaBitQ's bounds, the one that its authors use. */
const DEVIATIONS = 1.9;
/** What f32 arithmetic may lose of |q - c|². */
const ROUNDING = 1e-6;

export interface ListScan {
  readonly reader: RangeReader;
  readonly tree: ListTree;
  readonly kernels: VectorKernels;
  /** Where the codes begin. */
  readonly start: number;
  readonly levels: QueryLevels;
}

export interface ScannedList extends ChosenList {
  /** The positions of its allowed vectors, ascending. */
  readonly positions: Uint32Array;
}

/** Reads the lists in one wave and estimates the distances of their allowed vectors. */
export async function scanLists(scan: ListScan, lists: readonly ScannedList[]): Promise<Candidates> {
  const { reader, tree, start, kernels, levels } = scan;
  const rowBytes = codeRowBytes(tree.space.dimensions);
  const blocks = await reader.readMany(
    lists.map(({ list }) => ({
      offset: start + tree.listFirst[list]! * rowBytes,
      length: (tree.listFirst[list + 1]! - tree.listFirst[list]!) * rowBytes,
    })),
  );
  const decoded = blocks.map((block) => decodeList(block, block.length / rowBytes));
  const count = lists.reduce((sum, { positions }) => sum + positions.length, 0);
  // One call of the kernel for all lists: with a filter each of them has few.
  const sums = new Int32Array(count);
  kernels.scanCodes(levels.planes, gatherCodes(scan, lists, decoded, count), sums);
  const found = new Candidates(count);
  let from = 0;
  lists.forEach((list, i) => {
    const end = from + list.positions.length;
    addEstimates(scan, list, { ...decoded[i]!, sums: sums.subarray(from, end) }, found);
    from = end;
  });
  return found;
}

function gatherCodes(
  { tree }: ListScan,
  lists: readonly ScannedList[],
  decoded: readonly ListCodes[],
  count: number,
): Uint8Array {
  const codeBytes = tree.space.dimensions / 8;
  const gathered = new Uint8Array(count * codeBytes);
  let end = 0;
  lists.forEach(({ list, positions }, i) => {
    const { codes } = decoded[i]!;
    if (positions.length * codeBytes === codes.length) {
      gathered.set(codes, end);
      end += codes.length;
      return;
    }
    const first = tree.listFirst[list]!;
    for (const position of positions) {
      const at = (position - first) * codeBytes;
      for (let byte = 0; byte < codeBytes; byte++) gathered[end++] = codes[at + byte]!;
    }
  });
  return gathered;
}

function addEstimates(
  { tree, levels }: ListScan,
  { list, positions, squaredDistance }: ScannedList,
  { base, slope, spread, sums }: ListCodes & { readonly sums: Int32Array },
  found: Candidates,
): void {
  const first = tree.listFirst[list]!;
  const distance = Math.sqrt(squaredDistance);
  // A level is off by up to half a step, evenly.
  const levelSpread = levels.step * Math.sqrt(tree.space.dimensions / 12);
  for (let i = 0; i < positions.length; i++) {
    const at = positions[i]! - first;
    const alongSigns = levels.step * sums[i]! - levels.sum;
    const key = squaredDistance + base[at]! - slope[at]! * alongSigns;
    const [ofCode, ofLevels] = [spread[at]! * distance, slope[at]! * levelSpread];
    const deviation = Math.sqrt(ofCode * ofCode + ofLevels * ofLevels);
    found.add(positions[i]!, key, DEVIATIONS * deviation + ROUNDING * squaredDistance);
  }
}
