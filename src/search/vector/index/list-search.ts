import type { RangeReader } from "../../ports.ts";
import { levelsOf } from "../format/codes.ts";
import { fullBytes, type Head, hasMiddle, type Layout } from "../format/head.ts";
import { middleRowBytes } from "../format/middle.ts";
import type { ListTree } from "../format/tree.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import type { VectorAnswer } from "../vector-index.ts";
import { Candidates } from "./candidates.ts";
import type { FullVectors } from "./full-vectors.ts";
import { ResidentCodes } from "./list-codes.ts";
import { type ListCentroids, listCentroids, type NearLists, nearLists } from "./near-lists.ts";
import { readRecords } from "./record-reader.ts";
import type { AllowedPositions } from "./row-places.ts";
import { scanLists } from "./scan-lists.ts";
import { scanMiddle } from "./scan-middle.ts";

export interface ListSearchOptions {
  readonly reader: RangeReader;
  readonly kernels: VectorKernels;
  readonly head: Head;
  readonly layout: Layout;
  readonly full: FullVectors;
  readonly tree: ListTree;
}

export interface ListSearchInput {
  readonly query: Float32Array;
  readonly k: number;
  /** Undefined: all. */
  readonly allowed: AllowedPositions | undefined;
}

/** Rows that lie apart are read with what lies around them, about so many bytes each. */
const READ_AROUND_BYTES = 4_096;
/** Rows that are compared without their codes at most. */
const MOST_DIRECT_ROWS = 8_192;
/** Waves that read codes: the middle tier and the full vectors take two more, and a search at most four. */
const CODE_WAVES = 2;

/**
 * The search through the lists: the codes of the nearest lists, the bytes of those vectors that may still be among the best, the full vectors of
 * those that may be even then. Three waves, four when the lists have to be followed further; codes that were read once are not read again.
 */
export class ListSearch {
  readonly #options: ListSearchOptions;
  readonly #centroids: ListCentroids;
  readonly #codes: ResidentCodes;

  constructor(options: ListSearchOptions) {
    this.#options = options;
    this.#centroids = listCentroids(options.kernels, options.tree);
    this.#codes = new ResidentCodes(options.reader, options.tree, options.layout.codes);
  }

  async search({ query, k, allowed }: ListSearchInput): Promise<VectorAnswer> {
    const { tree, kernels, full, head } = this.#options;
    const entered = tree.space.enter(query);
    const matching = allowed?.count ?? head.vectorCount;
    const wanted = wantedCandidates(k, matching, matching < head.vectorCount);
    const { listFirst } = tree;
    const near = nearLists({
      centroids: this.#centroids,
      kernels,
      query: entered,
      matching: (list) => {
        const [first, end] = [listFirst[list]!, listFirst[list + 1]!];
        return allowed === undefined ? end - first : allowed.countRange(first, end);
      },
      wanted,
    });
    const few = this.#cheaperDirectly(near, wanted, allowed);
    const chosen =
      few === undefined
        ? await this.#byCodes(entered, { k, near, wanted, allowed })
        : { survivors: few, candidates: few.length, listsProbed: 0, waves: 0 };
    let { survivors, waves } = chosen;
    if (hasMiddle(head)) {
      const records = await this.#middle(survivors);
      survivors = scanMiddle(kernels, entered, survivors, records).survivors(k, mostAfterMiddle(k));
      waves++;
    }
    const answer = await full.searchPositions({ query, k }, survivors);
    return {
      hits: answer.hits,
      candidates: chosen.candidates,
      reranked: survivors.length,
      listsProbed: chosen.listsProbed,
      exhaustive: false,
      waves: waves + answer.waves,
    };
  }

  /** All allowed positions, when reading their records costs less than reading the codes of lists of which few match. */
  #cheaperDirectly(
    near: NearLists,
    wanted: number,
    allowed: AllowedPositions | undefined,
  ): Uint32Array | undefined {
    const { head, tree } = this.#options;
    if (allowed === undefined || allowed.count > MOST_DIRECT_ROWS) return undefined;
    const missing = this.#codes.missingBytes(near.lists.subarray(0, placesFor(near, 0, wanted)));
    const recordBytes = hasMiddle(head) ? middleRowBytes(tree.space.dimensions) : fullBytes(head.field);
    if (allowed.count * (recordBytes + READ_AROUND_BYTES) >= missing) return undefined;
    return allowed.inRange(0, head.vectorCount);
  }

  /**
   * Looks into the nearest lists, and as long as the further half of what was seen still has some of the best, into as much again: how near the
   * lists are says little when a filter leaves only what is far away.
   */
  async #byCodes(
    query: Float32Array,
    { k, near, wanted, allowed }: CodeSearch,
  ): Promise<{ survivors: Uint32Array; candidates: number; listsProbed: number; waves: number }> {
    const { tree, kernels } = this.#options;
    const scan = { tree, kernels, codes: this.#codes, levels: levelsOf(query), allowed };
    const found = new Candidates();
    let [probed, waves] = [0, 0];
    for (let more = wanted; probed < near.lists.length; more = found.count) {
      const end = placesFor(near, probed, more);
      const lists = near.lists.subarray(probed, end);
      if (waves === CODE_WAVES && this.#codes.missingBytes(lists) > 0) break;
      if (await this.#codes.load(lists)) waves++;
      scanLists(scan, near, { from: probed, end }, found);
      probed = end;
      if (found.count >= MOST_FACTOR * wanted) break;
      if (found.bestFrom(found.count >>> 1, k) <= TAIL_SHARE * k) break;
    }
    const survivors = found.survivors(k, mostAfterCodes(k));
    return { survivors, candidates: found.count, listsProbed: probed, waves };
  }

  #middle(positions: Uint32Array): Promise<Uint8Array> {
    const { reader, tree, layout } = this.#options;
    const records = { reader, start: layout.middle, recordBytes: middleRowBytes(tree.space.dimensions) };
    return readRecords(records, positions);
  }
}

interface CodeSearch {
  readonly k: number;
  readonly near: NearLists;
  readonly wanted: number;
  readonly allowed: AllowedPositions | undefined;
}

/** Up to which place lists from place `from` on hold `count` allowed vectors, or all. */
function placesFor({ matching }: NearLists, from: number, count: number): number {
  let [place, held] = [from, 0];
  while (place < matching.length && held < count) held += matching[place++]!;
  return place;
}

/** Times the wanted candidates that are looked at before the search ends anyway. */
const MOST_FACTOR = 6;
/** Of the best k, what the further half of what was seen may have without the search going on. */
const TAIL_SHARE = 0.02;

/**
 * Candidates whose codes are compared at first: they grow with the square root of what could match, as the lists that a ball around the query touches
 * do. A filter that fits only a corner far from the query spreads its best rows over more lists. Vectors that hardly cluster need thousands even among few
 * (of 10,000 by latent semantic analysis, 1,600 hold 0.93 of the best ten, 3,200 hold 0.96). Measured with test/bench/vectors.ts and test/bench/search.
 */
function wantedCandidates(k: number, matching: number, filtered: boolean): number {
  const perRoot = filtered ? 40 : 16;
  const least = filtered ? 0 : Math.min(3_200, Math.ceil(matching / 3));
  return Math.max(1_000, least, Math.ceil(perRoot * Math.sqrt(matching * Math.max(1, k / 10))), 4 * k);
}

function mostAfterCodes(k: number): number {
  return 16 * k + 600;
}

function mostAfterMiddle(k: number): number {
  return 2 * k + 100;
}
