/**
 * Full text of one unit: analyzers, the inverted index and its search by BM25.
 *
 * - `analyzer`: words of a text in any script, and what a language makes of them.
 * - `settings`: how a field is cut into terms. `query`: a query after analysis (`parse-query`). `ports`: what an index answers.
 * - `statistics`: what BM25 knows of a snapshot is added up over its units, so that scores do not depend on how documents lie in units.
 * - `memory-index`: the index of the memtable. `segment`: the index of a segment: building, merging, opening.
 * - `prepared-query`, `selection`, `expansion`, `phrase`: from clauses to posting lists. `rank`: the best rows without looking at all of them.
 *
 * How a query runs: `parseTextQuery` once; `prepare` on every unit (one wave: the dictionary); `addTextStatistics`; `search` on every
 * unit (one wave: the postings).
 */

export { analyzerOf } from "./analyzer/analyzer.ts";
export { MemoryTextIndex, STEP_WORDS, type TextFieldToIndex } from "./memory-index.ts";
export { parseTextQuery, type RequestedField, type TextQueryRequest } from "./parse-query.ts";
export {
  type IndexedTextField,
  type PreparedTextQuery,
  TEXT_SECTIONS,
  type TextFieldStatistics,
  type TextHit,
  type TextIndex,
  type TextIndexReaders,
  type TextIndexSections,
  type TextSearchRequest,
  type TextSearchResult,
  type TextSection,
  type TextStatistics,
} from "./ports.ts";
export type {
  Expansion,
  PhraseMatch,
  PhraseToken,
  TextClause,
  TextQuery,
  TextQueryField,
  TokenMatch,
} from "./query.ts";
export { runToEnd, TextIndexBuilder } from "./segment/build.ts";
export { type BuildSteps, type MergeRequest, mergeTextIndexes } from "./segment/merge.ts";
export { openTextIndex } from "./segment/open.ts";
export type { AnalyzerSettings, TextFieldSettings } from "./settings.ts";
export { addTextStatistics } from "./statistics.ts";
