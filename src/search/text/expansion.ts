import { compareKeys } from "../../base/index.ts";
import { EditDistance } from "./levenshtein.ts";
import type { TextStatistics } from "./ports.ts";
import type { TextQuery, TokenMatch } from "./query.ts";
import type { FoundTerms, TermEntry, TermLookup } from "./term-source.ts";

const MAX_EXPANSIONS = 64;
/** Terms in all fields of one search, after expansion: the sum of so many parts of a score is exact. */
const MAX_EXPANDED_TERMS = 4_096;

/** Terms that one token of the query stands for in one field when rows are ranked: those that most rows have. */
export function expansionBudget({ clauses, fields }: TextQuery): number {
  const lists = Math.max(clauses.length * fields.length, 1);
  return Math.max(1, Math.min(MAX_EXPANSIONS, Math.floor(MAX_EXPANDED_TERMS / lists)));
}

/** A term that a token stands for, with how near it is to what was asked for: 1 is the same. */
export interface ExpandedTerm {
  readonly term: string;
  readonly nearness: number;
  /** Rows of the snapshot. */
  readonly documents: number;
}

/** The most frequent first, ties by the order of terms. */
export function mostFrequent<T extends { readonly term: string }>(
  terms: readonly T[],
  countOf: (term: T) => number,
): T[] {
  return [...terms].sort(
    (left, right) => countOf(right) - countOf(left) || compareKeys(left.term, right.term),
  );
}

export function foundTerms(entries: readonly TermEntry[], most: number): FoundTerms {
  if (entries.length <= most) return { entries, cut: false };
  return { entries: mostFrequent(entries, ({ count }) => count).slice(0, most), cut: true };
}

/** What must be looked up in a field for a token. */
export function lookupsOf(
  match: TokenMatch,
  place: { readonly inQuery: number; readonly inIndex: number },
  most: number,
): readonly TermLookup[] {
  const field = place.inIndex;
  const term = match.terms[place.inQuery];
  const exact: TermLookup[] = term === undefined ? [] : [{ kind: "exact", field, term }];
  switch (match.expansion.kind) {
    case "none":
      return exact;
    case "prefix": {
      const beginning = match.expansion.beginnings[place.inQuery] ?? "";
      return [...exact, { kind: "prefix", field, beginning, most }];
    }
    case "fuzzy":
      return term === undefined
        ? []
        : [{ kind: "fuzzy", field, term, distance: match.expansion.distance, most }, ...exact];
  }
}

/** The terms that a token of the query stands for in a field, out of what the whole snapshot has: the same in every unit. */
export function expandedTerms(
  match: TokenMatch,
  query: TextQuery,
  { fieldOfQuery, statistics }: { readonly fieldOfQuery: number; readonly statistics: TextStatistics },
): readonly ExpandedTerm[] {
  const name = query.fields[fieldOfQuery]?.name ?? "";
  const known = statistics.fields.get(name)?.documentFrequencies ?? new Map<string, number>();
  const asked = match.terms[fieldOfQuery];
  const exact = asked === undefined ? 0 : (known.get(asked) ?? 0);
  const terms = exact === 0 || asked === undefined ? [] : [{ term: asked, nearness: 1, documents: exact }];
  if (match.expansion.kind === "none") return terms;
  const nearnessOf = nearness(match, fieldOfQuery);
  const others: ExpandedTerm[] = [];
  for (const [term, documents] of known) {
    const near = term === asked || documents === 0 ? undefined : nearnessOf(term);
    if (near !== undefined) others.push({ term, nearness: near, documents });
  }
  const ordered = mostFrequent(others, ({ documents }) => documents);
  return [...terms, ...ordered].slice(0, expansionBudget(query));
}

/** How near a term is to the token: the share of it that was typed, or that was typed right. Undefined: the token does not stand for it. */
export function nearness(match: TokenMatch, fieldOfQuery: number): (term: string) => number | undefined {
  const asked = match.terms[fieldOfQuery];
  const { expansion } = match;
  switch (expansion.kind) {
    case "none":
      return (term) => (term === asked ? 1 : undefined);
    case "prefix": {
      const beginning = expansion.beginnings[fieldOfQuery] ?? "";
      const isTyped = (term: string) => term.startsWith(beginning);
      return (term) => (term === asked ? 1 : isTyped(term) ? share(beginning, term) : undefined);
    }
    case "fuzzy": {
      if (asked === undefined) return () => undefined;
      const distances = new EditDistance(asked, expansion.distance);
      return (term) => {
        const distance = distances.distanceTo(term);
        return distance === undefined ? undefined : 1 / (1 + distance);
      };
    }
  }
}

function share(beginning: string, term: string): number {
  return [...beginning].length / [...term].length;
}
