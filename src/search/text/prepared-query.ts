import { assert } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import type { RowSet } from "../rows/row-set.ts";
import { expansionBudget, lookupsOf } from "./expansion.ts";
import { findTerms, type KnownTerms } from "./known-terms.ts";
import type {
  PreparedTextQuery,
  TextFieldStatistics,
  TextSearchRequest,
  TextSearchResult,
  TextStatistics,
} from "./ports.ts";
import type { TextQuery } from "./query.ts";
import { rankRows } from "./rank.ts";
import { type FieldPlace, Selection } from "./selection.ts";
import type { TermLookup, TermSource } from "./term-source.ts";

export async function prepareQuery(source: TermSource, query: TextQuery): Promise<PreparedTextQuery> {
  const places = fieldPlaces(source, query);
  const known = await findTerms(source, queryLookups(query, places, expansionBudget(query)));
  return {
    statistics: statisticsOf(source, places, known),
    search: (request) => search({ source, query, places, known }, request),
  };
}

/** The rows that match, whatever their scores. */
export async function matchingRows(
  source: TermSource,
  query: TextQuery,
  pass?: () => Promise<void>,
): Promise<RowSet> {
  const places = fieldPlaces(source, query);
  const known = await findTerms(source, queryLookups(query, places, Number.POSITIVE_INFINITY));
  const selection = new Selection(query, places);
  selection.selectAll(known);
  await selection.load(source);
  await selection.findPhrases(pass);
  return selection.matchingRows(source.rowCount);
}

interface Prepared {
  readonly source: TermSource;
  readonly query: TextQuery;
  readonly places: readonly FieldPlace[];
  readonly known: KnownTerms;
}

async function search(
  { source, query, places, known }: Prepared,
  { statistics, k, allowed, leastScore = 0, pass }: TextSearchRequest,
): Promise<TextSearchResult> {
  assert(allowed.size === source.rowCount, "search.text-rows-of-the-index");
  const selection = new Selection(query, places);
  await selection.select(source, known, statistics);
  await selection.load(source);
  const totalPostings = selection.totalPostings;
  if (k === 0) return { hits: [], scoredPostings: 0, totalPostings };
  await selection.findPhrases(pass);
  const rows = selection.narrow(allowed);
  const scorers = selection.scorers(statistics);
  return { ...(await rankRows({ scorers, k, allowed: rows, leastScore, pass })), totalPostings };
}

/** Where the query's fields are in the index. A field that the index does not have matches nothing in it. */
function fieldPlaces(source: TermSource, query: TextQuery): readonly FieldPlace[] {
  return query.fields.flatMap(({ name, analyzer }, inQuery) => {
    const inIndex = source.fields.findIndex((field) => field.name === name);
    const field = source.fields[inIndex];
    if (field === undefined) return [];
    if (field.analyzer !== analyzer)
      throw new SearchError(
        "failed-precondition",
        `field "${name}" was indexed by analyzer ${field.analyzer}, the query is of ${analyzer}`,
        { field: name },
      );
    return [{ inQuery, inIndex }];
  });
}

function queryLookups(query: TextQuery, places: readonly FieldPlace[], most: number): readonly TermLookup[] {
  return query.clauses.flatMap(({ match }) =>
    places.flatMap((place): readonly TermLookup[] => {
      if (match.kind === "token") return lookupsOf(match, place, most);
      const tokens = match.tokens[place.inQuery] ?? [];
      return tokens.map(({ term }) => ({ kind: "exact", field: place.inIndex, term }));
    }),
  );
}

function statisticsOf(source: TermSource, places: readonly FieldPlace[], known: KnownTerms): TextStatistics {
  const fields = new Map<string, TextFieldStatistics>();
  for (const { inIndex } of places) {
    const { name, documents, tokens } = source.fields[inIndex]!;
    const counts = [...(known.entries[inIndex]?.values() ?? [])].map(
      ({ term, count }) => [term, count] as const,
    );
    fields.set(name, { documents, tokens, documentFrequencies: new Map(counts) });
  }
  return { fields };
}
