import { LRUCache } from "lru-cache";
import { damaged } from "../../packed/byte-reader.ts";
import type { ByteRange, RangeReader } from "../../ports.ts";
import { foundTerms } from "../expansion.ts";
import { EditDistance } from "../levenshtein.ts";
import type { TextIndexReaders } from "../ports.ts";
import type { FoundTerms, LoadedTerms, TermEntry, TermLookup, TermSource } from "../term-source.ts";
import { readTerms, type SegmentTerm } from "./dictionary-block.ts";
import { compareTerms, type TextHead } from "./head.ts";
import { readPostings } from "./posting-blocks.ts";

/** Blocks of the dictionary that are kept decoded, about 10 KiB each. */
const KEPT_BLOCKS = 128;

/** The terms of an index that is read by ranges. */
export class SegmentTerms implements TermSource {
  readonly rowCount: number;
  readonly fields: TermSource["fields"];
  readonly #head: TextHead;
  readonly #readers: TextIndexReaders;
  readonly #lengthCodes = new Map<number, Uint8Array>();
  readonly #decoded = new LRUCache<number, readonly SegmentTerm[]>({ max: KEPT_BLOCKS });

  constructor(head: TextHead, readers: TextIndexReaders) {
    this.rowCount = head.rowCount;
    this.fields = head.fields;
    this.#head = head;
    this.#readers = readers;
  }

  async find(lookups: readonly TermLookup[]): Promise<readonly FoundTerms[]> {
    const wanted = lookups.map((lookup) => this.#blocksOf(lookup));
    const blocks = [...new Set(wanted.flat())].sort((left, right) => left - right);
    const terms = await this.#termsOf(blocks);
    return lookups.map((lookup, i) => {
      const matches = matcherOf(lookup);
      const entries = wanted[i]!.flatMap((block) => terms.get(block)!.filter(matches));
      return foundTerms(entries, lookup.kind === "exact" ? 1 : lookup.most);
    });
  }

  /** Those that were asked for lately are not read and decoded again. */
  async #termsOf(blocks: readonly number[]): Promise<ReadonlyMap<number, readonly SegmentTerm[]>> {
    const known = new Map(blocks.map((block) => [block, this.#decoded.get(block)]));
    const missing = blocks.filter((block) => known.get(block) === undefined);
    const bytes = await readRanges(
      this.#readers.terms,
      missing.map((block) => this.#rangeOf(block)),
    );
    const terms = new Map<number, readonly SegmentTerm[]>();
    for (const [i, block] of missing.entries()) {
      const read = readTerms(bytes[i]!, this.#head.blocks[block]!, this.rowCount);
      this.#decoded.set(block, read);
      terms.set(block, read);
    }
    for (const [block, read] of known) if (read !== undefined) terms.set(block, read);
    return terms;
  }

  async load(entries: readonly TermEntry[], withPositions: boolean): Promise<LoadedTerms> {
    const terms = entries as readonly SegmentTerm[];
    const { postings, positions } = this.#readers;
    const [lists, places, lengthCodes] = await Promise.all([
      readRanges(
        postings,
        terms.map((term) => within(term.postingsAt, term.postingsBytes, this.#head.postingsBytes)),
      ),
      withPositions
        ? readRanges(
            positions,
            terms.map((term) => within(term.positionsAt, term.positionsBytes, this.#head.positionsBytes)),
          )
        : [],
      this.#loadLengthCodes(new Set(terms.map(({ field }) => field))),
    ]);
    return {
      lengthCodes,
      lists: terms.map(({ field, count }, i) =>
        readPostings({
          count,
          rowCount: this.rowCount,
          postings: lists[i]!,
          lengthCodes: lengthCodes[field]!,
          ...(withPositions ? { positions: places[i]! } : {}),
        }),
      ),
    };
  }

  async #loadLengthCodes(fields: ReadonlySet<number>): Promise<readonly (Uint8Array | undefined)[]> {
    const missing = [...fields].filter((field) => !this.#lengthCodes.has(field));
    const ranges = missing.map((field) => ({ offset: field * this.rowCount, length: this.rowCount }));
    const read = await readRanges(this.#readers.lengths, ranges);
    for (const [i, field] of missing.entries()) this.#lengthCodes.set(field, read[i]!);
    return this.fields.map((_, field) => this.#lengthCodes.get(field));
  }

  #rangeOf(block: number): ByteRange {
    const { blocks, termsBytes } = this.#head;
    const offset = blocks[block]!.termsAt;
    return { offset, length: (blocks[block + 1]?.termsAt ?? termsBytes) - offset };
  }

  /** The blocks in which the terms that are looked up lie, if they are there. */
  #blocksOf(lookup: TermLookup): readonly number[] {
    const { field } = lookup;
    switch (lookup.kind) {
      case "exact": {
        const block = this.#blockAt(field, lookup.term);
        return block < 0 ? [] : [block];
      }
      case "prefix":
        return this.#blocksFrom(field, lookup.beginning, (term) => term.startsWith(lookup.beginning));
      case "fuzzy": {
        const distances = new EditDistance(lookup.term, lookup.distance);
        return this.#blocksFrom(field, "", () => true).filter((block) =>
          distances.canBegin(this.#sharedBeginning(block)),
        );
      }
    }
  }

  /** The block that `term` would be in: the last one that begins at or before it, or -1. */
  #blockAt(field: number, term: string): number {
    const { blocks } = this.#head;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareTerms(blocks[middle]!, { field, term }) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The block that `from` would be in and those after it of the same field as long as their first terms go on. */
  #blocksFrom(field: number, from: string, goesOn: (firstTerm: string) => boolean): readonly number[] {
    const { blocks } = this.#head;
    const first = this.#blockAt(field, from);
    const found = first < 0 ? [] : [first];
    for (let block = first + 1; block < blocks.length; block++) {
      const { field: its, term } = blocks[block]!;
      if (its !== field || !goesOn(term)) break;
      found.push(block);
    }
    return found;
  }

  /** What all terms of a block begin with: those between two terms share what the two share. */
  #sharedBeginning(block: number): string {
    const { blocks } = this.#head;
    const [first, next] = [blocks[block]!, blocks[block + 1]];
    if (next === undefined || next.field !== first.field) return "";
    const [left, right] = [[...first.term], [...next.term]];
    let shared = 0;
    while (shared < left.length && left[shared] === right[shared]) shared++;
    return left.slice(0, shared).join("");
  }
}

function readRanges(reader: RangeReader, ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
  return ranges.length === 0 ? Promise.resolve([]) : reader.readMany(ranges);
}

function within(offset: number, length: number, sizeBytes: number): ByteRange {
  if (offset + length > sizeBytes) throw damaged("a list lies outside its section");
  return { offset, length };
}

function matcherOf(lookup: TermLookup): (entry: TermEntry) => boolean {
  const { field } = lookup;
  switch (lookup.kind) {
    case "exact":
      return (entry) => entry.field === field && entry.term === lookup.term;
    case "prefix":
      return (entry) => entry.field === field && entry.term.startsWith(lookup.beginning);
    case "fuzzy": {
      const distances = new EditDistance(lookup.term, lookup.distance);
      return (entry) => entry.field === field && distances.distanceTo(entry.term) !== undefined;
    }
  }
}
