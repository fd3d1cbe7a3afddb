import type { RangeReader } from "../../ports.ts";
import type { Head, Layout } from "../format/head.ts";
import type { ListTree } from "../format/tree.ts";
import type { VectorSteps } from "../joint-search.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import type { FullVectors } from "./full-vectors.ts";
import { ResidentCodes } from "./list-codes.ts";
import { type ListSearchInput, ListSteps } from "./list-steps.ts";
import { type ListCentroids, listCentroids } from "./near-lists.ts";

/** The lists of an open index. */
export interface StoredLists {
  readonly reader: RangeReader;
  readonly kernels: VectorKernels;
  readonly head: Head;
  readonly layout: Layout;
  readonly full: FullVectors;
  readonly tree: ListTree;
}

/**
 * The search through the lists: the codes of the nearest lists, the bytes of those vectors that may still be among the best, the full vectors of
 * those that may be even then. Three waves, four when the lists have to be followed further; codes that were read once are not read again.
 */
export class ListSearch {
  readonly #options: StoredLists;
  readonly #centroids: ListCentroids;
  readonly #codes: ResidentCodes;

  constructor(options: StoredLists) {
    this.#options = options;
    this.#centroids = listCentroids(options.kernels, options.tree);
    this.#codes = new ResidentCodes(options.reader, options.tree, options.layout.codes);
  }

  /** The steps of one search. */
  begin(input: ListSearchInput): VectorSteps {
    return new ListSteps({ ...this.#options, centroids: this.#centroids, codes: this.#codes }, input);
  }
}
