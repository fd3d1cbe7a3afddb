/**
 * Sparse vectors of one unit, compared by their dot product: an inverted index over dimensions whose blocks say how great their elements are. The
 * answer is that of comparing all rows, number for number.
 *
 * - `build` makes the sections of a field, `merge` those of several units together, `open` searches them by range: the head in one wave, then two
 *   waves a query.
 */

export { SparseIndexBuilder } from "./build.ts";
export { mergeSparseIndexes } from "./merge.ts";
export { openSparseIndex } from "./open.ts";
export {
  SPARSE_SECTIONS,
  type SparseHit,
  type SparseIndex,
  type SparseIndexReaders,
  type SparseIndexSections,
  type SparseSearchRequest,
  type SparseSearchResult,
  type SparseSection,
} from "./ports.ts";
