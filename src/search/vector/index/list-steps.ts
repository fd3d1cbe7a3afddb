import { levelsOf } from "../format/codes.ts";
import { fullBytes, hasMiddle } from "../format/head.ts";
import { middleRowBytes } from "../format/middle.ts";
import { ESTIMATED_FACTOR, type VectorSteps } from "../joint-search.ts";
import type { VectorAnswer } from "../vector-index.ts";
import { Candidates } from "./candidates.ts";
import type { ResidentCodes } from "./list-codes.ts";
import type { StoredLists } from "./list-search.ts";
import { type ListCentroids, type NearLists, nearLists } from "./near-lists.ts";
import { readRecords } from "./record-reader.ts";
import type { AllowedPositions } from "./row-places.ts";
import { type ListScan, scanLists } from "./scan-lists.ts";
import { scanMiddle } from "./scan-middle.ts";

export interface ListSearchInput {
  readonly query: Float32Array;
  readonly k: number;
  /** Undefined: all. */
  readonly allowed: AllowedPositions | undefined;
}

interface ListParts extends StoredLists {
  readonly centroids: ListCentroids;
  readonly codes: ResidentCodes;
}

/** Rows that lie apart are read with what lies around them, about so many bytes each. */
const READ_AROUND_BYTES = 4_096;
/** Rows that are compared without their codes at most. */
const MOST_DIRECT_ROWS = 8_192;
/** Waves that read codes: the middle tier and the full vectors take two more, and a search at most four. */
const CODE_WAVES = 2;

/** Of what the query is compared with next. */
type Chosen =
  /** The lists were looked into up to place `probed`. */
  | { readonly kind: "codes"; readonly near: NearLists; readonly found: Candidates; probed: number }
  /** All that are allowed, without a look at their codes. */
  | { readonly kind: "few"; readonly positions: Uint32Array };

/** One search through the lists of one index. */
export class ListSteps implements VectorSteps {
  readonly #matching: number;
  readonly #parts: ListParts;
  readonly #input: ListSearchInput;
  readonly #entered: Float32Array;
  readonly #scan: ListScan;
  #wanted = 0;
  #chosen: Chosen | undefined;
  #byBytes: Candidates | undefined;
  #survivors: Uint32Array = new Uint32Array(0);
  #codeWaves = 0;

  constructor(parts: ListParts, input: ListSearchInput) {
    const { tree, kernels, codes, head } = parts;
    this.#parts = parts;
    this.#input = input;
    this.#matching = input.allowed?.count ?? head.vectorCount;
    this.#entered = tree.space.enter(input.query);
    this.#scan = { tree, kernels, codes, levels: levelsOf(this.#entered), allowed: input.allowed };
  }

  /** The nearest lists first, then as much again. */
  async look(): Promise<void> {
    this.#chosen ??= this.#choose();
    const chosen = this.#chosen;
    if (chosen.kind === "few") return;
    const { near, found, probed: from } = chosen;
    const end = this.#nextPlace(chosen);
    if (await this.#parts.codes.load(near.lists.subarray(from, end))) this.#codeWaves++;
    scanLists(this.#scan, near, { from, end }, found);
    chosen.probed = end;
  }

  #choose(): Chosen {
    const { tree, kernels, centroids, head } = this.#parts;
    const { k, allowed } = this.#input;
    const { listFirst } = tree;
    const isFiltered = this.#matching < head.vectorCount;
    this.#wanted = wantedCandidates(k, this.#matching, isFiltered);
    const near = nearLists({
      centroids,
      kernels,
      query: this.#entered,
      matching: (list) => {
        const [first, end] = [listFirst[list]!, listFirst[list + 1]!];
        return allowed === undefined ? end - first : allowed.countRange(first, end);
      },
      wanted: this.#wanted,
    });
    const positions = this.#cheaperDirectly(near);
    return positions === undefined
      ? { kind: "codes", near, found: new Candidates(), probed: 0 }
      : { kind: "few", positions };
  }

  /** All allowed positions, when reading their records costs less than reading the codes of lists of which few match. */
  #cheaperDirectly(near: NearLists): Uint32Array | undefined {
    const { head, tree, codes } = this.#parts;
    const { allowed } = this.#input;
    if (allowed === undefined || allowed.count > MOST_DIRECT_ROWS) return undefined;
    const missing = codes.missingBytes(near.lists.subarray(0, placesFor(near, 0, this.#wanted)));
    const recordBytes = hasMiddle(head) ? middleRowBytes(tree.space.dimensions) : fullBytes(head.field);
    if (allowed.count * (recordBytes + READ_AROUND_BYTES) >= missing) return undefined;
    return allowed.inRange(0, head.vectorCount);
  }

  #nextPlace({ near, found, probed }: Chosen & { readonly kind: "codes" }): number {
    return placesFor(near, probed, probed === 0 ? this.#wanted : found.count);
  }

  estimates(): Float32Array {
    return this.#chosen?.kind === "codes"
      ? this.#chosen.found.estimates(ESTIMATED_FACTOR * this.#input.k)
      : NO_KEYS;
  }

  /** As long as the further half of what was seen still has some of the best: how near the lists are says little when a filter leaves only what is far away. */
  wantsMore(estimate: number): boolean {
    const chosen = this.#chosen;
    if (chosen?.kind !== "codes" || chosen.probed >= chosen.near.lists.length) return false;
    const { near, found, probed } = chosen;
    if (found.count >= MOST_FACTOR * this.#wanted) return false;
    if (!found.hasBelow(estimate, found.count >>> 1, TAIL_SHARE * ESTIMATED_FACTOR * this.#input.k))
      return false;
    const next = near.lists.subarray(probed, this.#nextPlace(chosen));
    return this.#codeWaves < CODE_WAVES || this.#parts.codes.missingBytes(next) === 0;
  }

  bounds(): Float32Array {
    const found = this.#byBytes ?? (this.#chosen?.kind === "codes" ? this.#chosen.found : undefined);
    return found?.bounds(this.#input.k) ?? NO_KEYS;
  }

  async narrow(bound: number): Promise<void> {
    const { head, kernels } = this.#parts;
    const chosen = this.#chosen;
    if (chosen === undefined) return;
    this.#survivors =
      chosen.kind === "few" ? chosen.positions : chosen.found.survivors(bound, mostAfterCodes(this.#input.k));
    if (!hasMiddle(head)) return;
    const records = await this.#middle(this.#survivors);
    this.#byBytes = scanMiddle(kernels, this.#entered, this.#survivors, records);
  }

  #middle(positions: Uint32Array): Promise<Uint8Array> {
    const { reader, tree, layout } = this.#parts;
    const records = { reader, start: layout.middle, recordBytes: middleRowBytes(tree.space.dimensions) };
    return readRecords(records, positions);
  }

  async finish(bound: number): Promise<VectorAnswer> {
    const { query, k } = this.#input;
    const compared = this.#survivors.length;
    const survivors = this.#byBytes?.survivors(bound, mostAfterMiddle(k)) ?? this.#survivors;
    const answer = await this.#parts.full.searchPositions({ query, k }, survivors);
    const isByCodes = this.#chosen?.kind === "codes";
    return {
      hits: answer.hits,
      candidates: this.#chosen?.kind === "codes" ? this.#chosen.found.count : compared,
      reranked: survivors.length,
      listsProbed: this.#chosen?.kind === "codes" ? this.#chosen.probed : 0,
      exhaustive: false,
      waves: (isByCodes ? this.#codeWaves : 0) + (this.#byBytes === undefined ? 0 : 1) + answer.waves,
    };
  }
}

const NO_KEYS = new Float32Array(0);

/** Up to which place lists from place `from` on hold `count` allowed vectors, or all. */
function placesFor({ matching }: NearLists, from: number, count: number): number {
  let [place, held] = [from, 0];
  while (place < matching.length && held < count) held += matching[place++]!;
  return place;
}

/** Times the wanted candidates that are looked at before the search ends anyway. */
const MOST_FACTOR = 6;
/** Of the best, what the further half of what was seen may have without the search going on. */
const TAIL_SHARE = 0.02;

/**
 * Candidates whose codes are compared at first: they grow with the square root of what could match, as the lists that a ball around the query touches
 * do. A filter that fits only a corner far from the query spreads its best rows over more lists. Vectors that hardly cluster need thousands even among few
 * (of 10,000 by latent semantic analysis, 1,600 hold 0.93 of the best ten, 3,200 hold 0.96). Measured with test/bench/vectors.ts and test/bench/search.
 */
function wantedCandidates(k: number, matching: number, filtered: boolean): number {
  const perRoot = filtered ? 40 : 26;
  const least = filtered ? 0 : Math.min(3_200, Math.ceil(matching / 3));
  return Math.max(1_000, least, Math.ceil(perRoot * Math.sqrt(matching * Math.max(1, k / 10))), 4 * k);
}

function mostAfterCodes(k: number): number {
  return 16 * k + 600;
}

function mostAfterMiddle(k: number): number {
  return 2 * k + 100;
}
