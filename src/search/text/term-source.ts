import type { IndexedTextField } from "./ports.ts";
import type { PostingList } from "./posting-list.ts";

/** Where the terms and postings of an index come from: from ranges of its sections, or from memory. */
export interface TermSource {
  readonly rowCount: number;
  readonly fields: readonly IndexedTextField[];
  /** One wave. The answers are in the order of the look-ups. */
  find(lookups: readonly TermLookup[]): Promise<readonly FoundTerms[]>;
  /** One wave. In the order of the entries. Positions are read where they are asked for. */
  load(entries: readonly TermEntry[], withPositions: boolean): Promise<LoadedTerms>;
}

/** Which terms of a field are asked for. */
export type TermLookup = { readonly field: number } & (
  | { readonly kind: "exact"; readonly term: string }
  | { readonly kind: "prefix"; readonly beginning: string; readonly most: number }
  | { readonly kind: "fuzzy"; readonly term: string; readonly distance: number; readonly most: number }
);

export interface FoundTerms {
  /** The terms with the most rows, ties by term. */
  readonly entries: readonly TermEntry[];
  /** Whether there are more than `most`. */
  readonly cut: boolean;
}

/** A term of a field in one index. */
export interface TermEntry {
  /** In `fields`. */
  readonly field: number;
  readonly term: string;
  /** Rows. */
  readonly count: number;
}

export interface LoadedTerms {
  readonly lists: readonly PostingList[];
  /** By field of the index: the length code of each row. Only of the fields of the entries. */
  readonly lengthCodes: readonly (Uint8Array | undefined)[];
}
