import { SearchError, type SearchErrorDetails } from "../errors.ts";

/** Everything in a request that can grow, with its greatest value. The name of a limit stands in the refusal. */
export const LIMITS = {
  nameCharacters: 63,
  fieldNameCharacters: 64,
  schemaFields: 512,
  vectorFields: 8,
  dimensions: 16_384,
  idBytes: 256,
  documentBytes: 1_048_576,
  documentFields: 256,
  sparseEntries: 4_096,
  textBytes: 524_288,
  stringBytes: 8_192,
  arrayElements: 1_024,
  batchDocuments: 10_000,
  batchBytes: 33_554_432,
  /** Of the documents that a write changes, as they are afterwards. */
  changedBytes: 33_554_432,
  /** That the filters of a write change; a larger change is made in several. */
  filteredDocuments: 50_000,
  filterDepth: 32,
  filterNodes: 1_024,
  filterValues: 10_000,
  patternBytes: 256,
  patternStates: 1_024,
  /** Of the patterns of one filter together: so many looks a character of each value may take. */
  filterPatternStates: 8_192,
  /** At states that the patterns of one filter may take over all values of all units: some seconds. */
  filterPatternLooks: 1_000_000_000,
  fuzzyDistance: 2,
  topK: 1_000,
  legs: 8,
  legCandidates: 10_000,
  queries: 16,
  queryTextBytes: 8_192,
  /** Terms times fields of one text. */
  queryTerms: 4_096,
  /** Where a text has each of them everywhere, a phrase takes words times places. In scripts without spaces a character is a word. */
  phraseWords: 256,
  orderKeys: 8,
  aggregations: 32,
  groupKeys: 4,
  groups: 10_000,
  facets: 16,
  facetValues: 1_000,
  facetDistinct: 100_000,
  expressionNodes: 64,
  diversifyPerValue: 1_000,
  highlightFragments: 16,
  highlightCharacters: 1_024,
  cursorBytes: 524_288,
  fetchDocuments: 1_000,
  /** Of the documents in one answer, over all of its queries. */
  answerBytes: 33_554_432,
  deadlineMs: 30_000,
} as const;

export type LimitName = keyof typeof LIMITS;

/** Throws "limit-exceeded" when `given` is over the limit. */
export function checkLimit(name: LimitName, given: number, details: SearchErrorDetails = {}): void {
  const most = LIMITS[name];
  if (given <= most) return;
  const where = details.path === undefined ? "" : ` at ${details.path}`;
  throw new SearchError("limit-exceeded", `${name} is at most ${most}, not ${given}${where}`, {
    ...details,
    limit: name,
    most,
    given,
  });
}
