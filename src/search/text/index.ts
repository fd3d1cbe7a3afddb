/**
 * Full text of one unit: analyzers, the inverted index and its search by BM25.
 *
 * - `settings`: how a field is cut into terms. `query`: a query after analysis. `ports`: what an index answers.
 * - `statistics`: what BM25 knows of a snapshot is added up over its units, so that scores do not depend on how documents lie in units.
 *
 * How a query runs: `parseTextQuery` once; `prepare` on every unit (one wave: the dictionary); `addTextStatistics`; `search` on every
 * unit (one wave: the postings).
 */

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
export type { AnalyzerSettings, TextFieldSettings } from "./settings.ts";
export { addTextStatistics } from "./statistics.ts";
