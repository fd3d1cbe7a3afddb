/** Rows of a full block. */
export const BLOCK_ROWS = 128;

/** The rows that have a term in a field, ascending, in blocks of 128 of which only the last may be short. All of it is in memory. */
export interface PostingList {
  readonly count: number;
  readonly blockCount: number;
  /** By block. */
  readonly lastRows: Uint32Array;
  /** Pairs of a frequency and a length code, such that each posting of the block has no greater frequency and no smaller code than one of them. */
  impactsOf(block: number): Impacts;
  /** Writes the block's rows and frequencies and says how many there are. "data-damaged" when they are not what a block may be. */
  decode(block: number, rows: Uint32Array, frequencies: Uint32Array): number;
  /** The positions of the block's postings one after the other, ascending within each. */
  positionsOf(block: number, frequencies: Uint32Array, count: number): Uint32Array;
}

export interface Impacts {
  readonly frequencies: ArrayLike<number>;
  readonly codes: ArrayLike<number>;
}

export function blocksOf(count: number): number {
  return Math.ceil(count / BLOCK_ROWS);
}

/** The pairs that no other pair of the block dominates, by falling frequency, at most `most`: beyond that neighbours are merged into their bound. */
export function impactsOf(
  frequencies: ArrayLike<number>,
  codes: ArrayLike<number>,
  most: number,
): { readonly frequencies: number[]; readonly codes: number[] } {
  const order = Array.from({ length: frequencies.length }, (_, i) => i);
  order.sort((left, right) => frequencies[right]! - frequencies[left]! || codes[left]! - codes[right]!);
  const kept = { frequencies: [] as number[], codes: [] as number[] };
  for (const i of order) {
    const best = kept.codes.at(-1);
    if (best !== undefined && codes[i]! >= best) continue;
    if (kept.codes.length === most) kept.codes[most - 1] = codes[i]!;
    else {
      kept.frequencies.push(frequencies[i]!);
      kept.codes.push(codes[i]!);
    }
  }
  return kept;
}
