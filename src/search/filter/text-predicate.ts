import type { Schema } from "../model/schema.ts";
import type { Analyzer, Token } from "../text/analyzer/analyzer.ts";
import { analyzerOf, type TextClause } from "../text/index.ts";
import type { TextPredicate } from "./match-document.ts";
import { textFilterQuery } from "./text-filter-query.ts";

/** Filters on tokens for one text at a time: what an index answers for many (a test compares the two). */
export function textPredicate(schema: Schema): TextPredicate {
  return (filter, text) => {
    const settings = schema.text.get(filter.field);
    if (settings === undefined) return false;
    const { clauses } = textFilterQuery(filter, schema);
    const tokens = tokensByTerm(analyzerOf(settings), text);
    const matches = (clause: TextClause) => matchesClause(clause, tokens);
    const must = clauses.filter(({ occur }) => occur === "must");
    return must.length > 0 ? must.every(matches) : clauses.some(matches);
  };
}

function tokensByTerm(analyzer: Analyzer, text: string): ReadonlyMap<string, readonly Token[]> {
  return Map.groupBy(analyzer.analyze(text), ({ term }) => term);
}

function matchesClause({ match }: TextClause, tokens: ReadonlyMap<string, readonly Token[]>): boolean {
  if (match.kind === "phrase") return matchesPhrase(match.tokens[0] ?? [], tokens);
  const [term] = match.terms;
  if (term !== undefined && tokens.has(term)) return true;
  if (match.expansion.kind !== "prefix") return false;
  const [beginning] = match.expansion.beginnings;
  return beginning !== undefined && [...tokens.keys()].some((known) => known.startsWith(beginning));
}

/** Whether the terms stand anywhere as far from each other as in the phrase. */
function matchesPhrase(
  phrase: readonly { readonly term: string; readonly position: number }[],
  tokens: ReadonlyMap<string, readonly Token[]>,
): boolean {
  const places = new Map<string, ReadonlySet<number>>();
  for (const { term } of phrase)
    if (!places.has(term)) places.set(term, new Set(tokens.get(term)?.map(({ position }) => position)));
  // The rarest first: most places are given up at the second.
  const [first, ...others] = phrase
    .map(({ term, position }) => ({ position, places: places.get(term)! }))
    .sort((left, right) => left.places.size - right.places.size);
  if (first === undefined) return false;
  return first.places
    .values()
    .some((place) => others.every((other) => other.places.has(place - first.position + other.position)));
}
