import type { ListCodes, QueryLevels } from "../format/codes.ts";
import type { ListTree } from "../format/tree.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { Scratch } from "../scratch.ts";
import type { CandidateArrays, Candidates } from "./candidates.ts";
import type { ResidentCodes } from "./list-codes.ts";
import type { NearLists } from "./near-lists.ts";
import type { AllowedPositions } from "./row-places.ts";

/** How many standard deviations of an estimate its error is taken to be: of RaBitQ's bounds, the one that its authors use. */
const DEVIATIONS = 1.9;
/** What f32 arithmetic, and centroids in bytes, may lose of |q - c|². */
const ROUNDING = 2e-4;

/** Of `scanLists`, which does not wait. */
const [SUMS, GATHERED] = [new Scratch(), new Scratch()];

export interface ListScan {
  readonly tree: ListTree;
  readonly kernels: VectorKernels;
  readonly codes: ResidentCodes;
  readonly levels: QueryLevels;
  readonly allowed: AllowedPositions | undefined;
}

/** Estimates the distances of the allowed vectors in the lists from place `from` up to `end`, whose codes are loaded. */
export function scanLists(
  scan: ListScan,
  near: NearLists,
  { from, end }: { readonly from: number; readonly end: number },
  found: Candidates,
): void {
  const parts: ScannedList[] = [];
  let count = 0;
  for (let place = from; place < end; place++) {
    const part = partOf(scan, near, place);
    parts.push(part);
    count += part.count;
  }
  // One call of the kernel for all lists: with a filter each of them has few.
  const sums = SUMS.int32s(count);
  scan.kernels.scanCodes(scan.levels.planes, gatherCodes(scan, parts, count), sums);
  found.add(count, (into) => {
    let at = 0;
    let sum = 0;
    for (const part of parts) {
      sum += estimate(scan, part, { at, sums, ...into });
      at += part.count;
    }
    return sum;
  });
}

interface ScannedList {
  readonly codes: ListCodes;
  readonly first: number;
  readonly count: number;
  readonly squaredDistance: number;
  /** The positions of its allowed vectors; undefined: all of them. */
  readonly positions: Uint32Array | undefined;
}

function partOf({ tree, codes, allowed }: ListScan, near: NearLists, place: number): ScannedList {
  const list = near.lists[place]!;
  const [first, end] = [tree.listFirst[list]!, tree.listFirst[list + 1]!];
  const count = near.matching[place]!;
  const positions = count === end - first ? undefined : allowed?.inRange(first, end);
  return {
    codes: codes.at(list),
    first,
    count,
    squaredDistance: near.squaredDistances[place]!,
    positions,
  };
}

function gatherCodes({ tree }: ListScan, parts: readonly ScannedList[], count: number): Uint8Array {
  const words = tree.space.dimensions / 32;
  const gathered = GATHERED.uint32s(count * words);
  let end = 0;
  for (const { codes: ofList, first, positions } of parts) {
    const { codes } = ofList;
    if (positions === undefined) {
      gathered.set(codes, end);
      end += codes.length;
      continue;
    }
    for (let i = 0; i < positions.length; i++) {
      let at = (positions[i]! - first) * words;
      for (const last = at + words; at < last; at++) gathered[end++] = codes[at]!;
    }
  }
  return new Uint8Array(gathered.buffer, 0, gathered.byteLength);
}

interface EstimateRun extends CandidateArrays {
  /** Where the list begins in all of these arrays. */
  readonly at: number;
  readonly sums: Int32Array;
}

/** Of one list. The sum of what was written. */
function estimate(
  { tree, levels }: ListScan,
  { codes: { base, slope, spread }, first, count, positions: chosen, squaredDistance }: ScannedList,
  { at, sums, positions, keys, errors }: EstimateRun,
): number {
  const { step, sum: levelSum } = levels;
  const distance = Math.sqrt(squaredDistance);
  // A level is off by up to half a step, evenly.
  const levelSpread = step * Math.sqrt(tree.space.dimensions / 12);
  const rounding = ROUNDING * squaredDistance;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const row = chosen === undefined ? i : chosen[i]! - first;
    const slopeOfRow = slope[row]!;
    const key = squaredDistance + base[row]! - slopeOfRow * (step * sums[at + i]! - levelSum);
    const [ofCode, ofLevels] = [spread[row]! * distance, slopeOfRow * levelSpread];
    const error = DEVIATIONS * Math.sqrt(ofCode * ofCode + ofLevels * ofLevels) + rounding;
    positions[at + i] = first + row;
    keys[at + i] = key;
    errors[at + i] = error;
    total += key + error;
  }
  return total;
}
