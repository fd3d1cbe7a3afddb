import { assert } from "../../base/index.ts";
import { RowSet } from "../rows/row-set.ts";
import { arrayPostings } from "./array-postings.ts";
import { inverseDocumentFrequency, inverseNorms } from "./bm25.ts";
import { expandedTerms, nearness } from "./expansion.ts";
import { findTerms, type KnownTerms } from "./known-terms.ts";
import { phrasePostings } from "./phrase.ts";
import type { TextStatistics } from "./ports.ts";
import { BLOCK_ROWS, type PostingList } from "./posting-list.ts";
import type { PhraseMatch, TextClause, TextQuery, TextQueryField, TokenMatch } from "./query.ts";
import type { Scorer } from "./rank.ts";
import type { LoadedTerms, TermEntry, TermLookup, TermSource } from "./term-source.ts";

/** A field of the query in the index. */
export interface FieldPlace {
  readonly inQuery: number;
  readonly inIndex: number;
}

/** What a clause asks of one field of the index. */
interface Part {
  readonly clause: TextClause;
  readonly place: FieldPlace;
  /** For a token: the terms that it stands for. For a phrase: its terms in their order. */
  readonly terms: readonly { readonly entry: TermEntry; readonly nearness: number }[];
  /** For an expanded token: the rows that its most frequent term has in the snapshot. */
  readonly documents: number;
}

/** The terms of one index that a query needs, their postings once loaded, and what follows from them. */
export class Selection {
  readonly #query: TextQuery;
  readonly #places: readonly FieldPlace[];
  #parts: readonly Part[] = [];
  readonly #lists = new Map<TermEntry, PostingList>();
  #lengthCodes: LoadedTerms["lengthCodes"] = [];
  readonly #phrases = new Map<Part, PostingList>();

  constructor(query: TextQuery, places: readonly FieldPlace[]) {
    this.#query = query;
    this.#places = places;
  }

  /** Takes what ranking needs: the same terms in every unit of the snapshot. */
  async select(source: TermSource, known: KnownTerms, statistics: TextStatistics): Promise<void> {
    const expansions = this.#eachToken((match, place) =>
      expandedTerms(match, this.#query, { fieldOfQuery: place.inQuery, statistics }),
    );
    const missing: TermLookup[] = [];
    for (const [{ place }, terms] of expansions)
      for (const { term } of terms)
        if (known.cut && !known.entries[place.inIndex]?.has(term))
          missing.push({ kind: "exact", field: place.inIndex, term });
    const more = await findTerms(source, missing);
    const entryOf = (field: number, term: string) =>
      known.entries[field]?.get(term) ?? more.entries[field]?.get(term);
    this.#parts = [
      ...[...expansions].map(([{ clause, place }, terms]) => ({
        clause,
        place,
        documents: terms.reduce((most, { documents }) => Math.max(most, documents), 0),
        terms: terms.flatMap((term) => {
          const entry = entryOf(place.inIndex, term.term);
          return entry === undefined ? [] : [{ entry, nearness: term.nearness }];
        }),
      })),
      ...this.#phraseParts(known),
    ];
  }

  /** Takes all that matches. */
  selectAll(known: KnownTerms): void {
    const tokens = this.#eachToken((match, place) => {
      const near = nearness(match, place.inQuery);
      const entries = [...(known.entries[place.inIndex]?.values() ?? [])];
      return entries.filter(({ term }) => near(term) !== undefined);
    });
    this.#parts = [
      ...[...tokens].map(([{ clause, place }, entries]) => ({
        clause,
        place,
        documents: 0,
        terms: entries.map((entry) => ({ entry, nearness: 1 })),
      })),
      ...this.#phraseParts(known),
    ];
  }

  async load(source: TermSource): Promise<void> {
    const entries = [...new Set(this.#parts.flatMap(({ terms }) => terms.map(({ entry }) => entry)))];
    const withPositions = this.#parts.some(({ clause }) => clause.match.kind === "phrase");
    const { lists, lengthCodes } = await source.load(entries, withPositions);
    for (const [i, entry] of entries.entries()) this.#lists.set(entry, lists[i]!);
    this.#lengthCodes = lengthCodes;
  }

  /** Finds where the phrases stand: before rows or scorers are asked for. `pass` is awaited between slices of work. */
  async findPhrases(pass?: () => Promise<void>): Promise<void> {
    for (const part of this.#parts)
      if (part.clause.match.kind === "phrase")
        this.#phrases.set(part, await this.#findPhrase(part, part.clause.match, pass));
  }

  get totalPostings(): number {
    let total = 0;
    for (const { count } of this.#lists.values()) total += count;
    return total;
  }

  /** The rows that match the query. */
  matchingRows(rowCount: number): RowSet {
    const optional = this.#clauses("should");
    const required = this.#clauses("must");
    const rows = required.length > 0 ? RowSet.full(rowCount) : RowSet.empty(rowCount);
    if (required.length === 0) for (const clause of optional) rows.uniteWith(this.#rowsOf(clause, rowCount));
    return this.#restrict(rows);
  }

  /** The rows of `allowed` that no required or forbidden clause rules out. */
  narrow(allowed: RowSet): RowSet {
    const ruled = this.#query.clauses.some(({ occur }) => occur !== "should");
    return ruled ? this.#restrict(allowed.copy()) : allowed;
  }

  scorers(statistics: TextStatistics): readonly Scorer[] {
    return this.#parts.flatMap((part) => {
      if (part.clause.occur === "must-not") return [];
      const field = this.#query.fields[part.place.inQuery]!;
      const { documents, tokens, documentFrequencies } = statistics.fields.get(field.name) ?? NO_STATISTICS;
      const norms = inverseNorms(field.k1, field.b, tokens / documents);
      const idfOf = (withTerm: number) => inverseDocumentFrequency(documents, withTerm);
      const scorer = (list: PostingList, idf: number, nearness: number): Scorer => ({
        list,
        weight: weightOf(field, part.clause) * idf * nearness,
        lengthCodes: this.#codesOf(part),
        inverseNorms: norms,
      });
      if (part.clause.match.kind === "phrase") {
        const idf = part.terms.reduce(
          (sum, { entry }) => sum + idfOf(documentFrequencies.get(entry.term) ?? entry.count),
          0,
        );
        return part.terms.length === 0 ? [] : [scorer(this.#phraseOf(part), idf, 1)];
      }
      const idf = idfOf(part.documents);
      return part.terms.map(({ entry, nearness }) => scorer(this.#lists.get(entry)!, idf, nearness));
    });
  }

  #eachToken<T>(
    choose: (match: TokenMatch, place: FieldPlace) => T,
  ): Map<{ readonly clause: TextClause; readonly place: FieldPlace }, T> {
    const chosen = new Map<{ readonly clause: TextClause; readonly place: FieldPlace }, T>();
    for (const clause of this.#query.clauses)
      if (clause.match.kind === "token")
        for (const place of this.#places) chosen.set({ clause, place }, choose(clause.match, place));
    return chosen;
  }

  /** A field that lacks one term of the phrase has no part. */
  #phraseParts(known: KnownTerms): Part[] {
    return this.#query.clauses.flatMap((clause) => {
      if (clause.match.kind !== "phrase") return [];
      const { tokens } = clause.match;
      return this.#places.flatMap((place) => {
        const asked = tokens[place.inQuery] ?? [];
        const terms = asked.flatMap(({ term }) => {
          const entry = known.entries[place.inIndex]?.get(term);
          return entry === undefined ? [] : [{ entry, nearness: 1 }];
        });
        return asked.length === 0 || terms.length < asked.length
          ? []
          : [{ clause, place, terms, documents: 0 }];
      });
    });
  }

  async #findPhrase(
    part: Part,
    { tokens, slop }: PhraseMatch,
    pass: (() => Promise<void>) | undefined,
  ): Promise<PostingList> {
    const asked = tokens[part.place.inQuery] ?? [];
    const parts = part.terms.map(({ entry }, i) => ({
      position: asked[i]!.position,
      list: this.#lists.get(entry)!,
    }));
    const arrays = await phrasePostings(parts, slop, pass);
    return arrayPostings(arrays, arrays.rows.length, this.#codesOf(part));
  }

  #phraseOf(part: Part): PostingList {
    const found = this.#phrases.get(part);
    assert(found !== undefined, "search.phrases-found-first");
    return found;
  }

  #codesOf({ place }: Part): Uint8Array {
    return this.#lengthCodes[place.inIndex] ?? new Uint8Array(0);
  }

  #clauses(occur: TextClause["occur"]): readonly TextClause[] {
    return this.#query.clauses.filter((clause) => clause.occur === occur);
  }

  /** Keeps the rows of `rows` that every required clause has and no forbidden one. */
  #restrict(rows: RowSet): RowSet {
    for (const clause of this.#clauses("must")) rows.intersectWith(this.#rowsOf(clause, rows.size));
    for (const clause of this.#clauses("must-not")) rows.subtract(this.#rowsOf(clause, rows.size));
    return rows;
  }

  #rowsOf(clause: TextClause, rowCount: number): RowSet {
    const rows = RowSet.empty(rowCount);
    for (const part of this.#parts) {
      if (part.clause !== clause) continue;
      if (clause.match.kind === "phrase") addRows(this.#phraseOf(part), rows);
      else for (const { entry } of part.terms) addRows(this.#lists.get(entry)!, rows);
    }
    return rows;
  }
}

const NO_STATISTICS = { documents: 0, tokens: 0, documentFrequencies: new Map<string, number>() };

function weightOf({ weight, k1 }: TextQueryField, { count }: TextClause): number {
  return weight * (k1 + 1) * count;
}

function addRows(list: PostingList, rows: RowSet): void {
  const block = new Uint32Array(BLOCK_ROWS);
  const frequencies = new Uint32Array(BLOCK_ROWS);
  for (let i = 0; i < list.blockCount; i++) {
    const count = list.decode(i, block, frequencies);
    for (let j = 0; j < count; j++) rows.add(block[j]!);
  }
}
