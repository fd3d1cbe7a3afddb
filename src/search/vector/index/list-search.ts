import type { RangeReader } from "../../ports.ts";
import type { RowSet } from "../../rows/row-set.ts";
import { levelsOf } from "../format/codes.ts";
import { type Head, hasMiddle, type Layout } from "../format/head.ts";
import { middleRowBytes } from "../format/middle.ts";
import type { ListTree } from "../format/tree.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import type { VectorAnswer } from "../vector-index.ts";
import type { Candidates } from "./candidates.ts";
import { type CentroidNorms, type ChosenList, centroidNorms, chooseLists } from "./choose-lists.ts";
import type { FullVectors } from "./full-vectors.ts";
import { readRecords } from "./record-reader.ts";
import type { RowPlaces } from "./row-places.ts";
import { scanLists } from "./scan-lists.ts";
import { scanMiddle } from "./scan-middle.ts";

export interface ListSearchOptions {
  readonly reader: RangeReader;
  readonly kernels: VectorKernels;
  readonly head: Head;
  readonly layout: Layout;
  readonly places: RowPlaces;
  readonly full: FullVectors;
  readonly tree: ListTree;
}

export interface ListSearchInput {
  readonly query: Float32Array;
  readonly k: number;
  readonly allowed: RowSet | undefined;
  /** How many vectors are allowed. */
  readonly matching: number;
}

/**
 * The search through the lists: the codes of the nearest lists, the bytes of those vectors that may still be among the best, the full vectors of
 * those that may be even then. Three waves.
 */
export class ListSearch {
  readonly #options: ListSearchOptions;

  readonly #norms: CentroidNorms;

  constructor(options: ListSearchOptions) {
    this.#options = options;
    this.#norms = centroidNorms(options.kernels, options.tree);
  }

  async search({ query, k, allowed, matching }: ListSearchInput): Promise<VectorAnswer> {
    const { tree, kernels, places, full } = this.#options;
    const entered = tree.space.enter(query);
    const lists = chooseLists({
      tree,
      norms: this.#norms,
      kernels,
      query: entered,
      matching: (list) => places.count(allowed, tree.listFirst[list]!, tree.listFirst[list + 1]!),
      wanted: wantedCandidates(k, matching, matching < this.#options.head.vectorCount),
    });
    const found = await this.#estimate(entered, lists, allowed);
    let survivors = found.survivors(k, mostAfterCodes(k));
    let waves = 1;
    if (hasMiddle(this.#options.head)) {
      const records = await this.#middle(survivors);
      survivors = scanMiddle(kernels, entered, survivors, records).survivors(k, mostAfterMiddle(k));
      waves++;
    }
    const answer = await full.searchPositions(query, k, survivors);
    return {
      hits: answer.hits,
      candidates: found.count,
      reranked: survivors.length,
      listsProbed: lists.length,
      exhaustive: false,
      waves: waves + answer.waves,
    };
  }

  #estimate(
    query: Float32Array,
    lists: readonly ChosenList[],
    allowed: RowSet | undefined,
  ): Promise<Candidates> {
    const { reader, tree, kernels, layout, places } = this.#options;
    const scanned = lists.map((list) => ({
      ...list,
      positions: places.positions(allowed, tree.listFirst[list.list]!, tree.listFirst[list.list + 1]!),
    }));
    return scanLists({ reader, tree, kernels, start: layout.codes, levels: levelsOf(query) }, scanned);
  }

  #middle(positions: Uint32Array): Promise<Uint8Array> {
    const { reader, tree, layout } = this.#options;
    const records = { reader, start: layout.middle, recordBytes: middleRowBytes(tree.space.dimensions) };
    return readRecords(records, positions);
  }
}

/**
 * Candidates whose codes are compared: they grow with the square root of what could match, as the lists that a ball around the query touches do. A
 * filter that fits only a corner far from the query spreads its best rows over more lists. Measured with test/bench/vectors.ts.
 */
function wantedCandidates(k: number, matching: number, filtered: boolean): number {
  const perRoot = filtered ? 24 : 16;
  return Math.max(1_000, Math.ceil(perRoot * Math.sqrt(matching * Math.max(1, k / 10))), 4 * k);
}

function mostAfterCodes(k: number): number {
  return 16 * k + 600;
}

function mostAfterMiddle(k: number): number {
  return 2 * k + 100;
}
