/** A text query after analysis: what it says of each field in terms of that field's analyzer. `parseTextQuery` makes it. */
export interface TextQuery {
  readonly fields: readonly TextQueryField[];
  readonly clauses: readonly TextClause[];
}

export interface TextQueryField {
  readonly name: string;
  /** `analyzerName` of the settings that the query was analyzed with. An index that was built with others refuses it. */
  readonly analyzer: string;
  readonly weight: number;
  readonly k1: number;
  readonly b: number;
}

/** A document matches when every "must" matches, no "must-not" does, and, where there is no "must", at least one "should". */
export interface TextClause {
  readonly occur: "should" | "must" | "must-not";
  /** How often the query says it: a factor of its score. */
  readonly count: number;
  readonly match: TokenMatch | PhraseMatch;
}

/** One token, in any of the fields. */
export interface TokenMatch {
  readonly kind: "token";
  /** By field, in the order of `TextQuery.fields`; undefined where the field's analyzer leaves the token out. */
  readonly terms: readonly (string | undefined)[];
  readonly expansion: Expansion;
}

/** Which terms a token stands for beside itself. */
export type Expansion =
  | { readonly kind: "none" }
  /** Every term that begins with what was typed so far; by field. */
  | { readonly kind: "prefix"; readonly beginnings: readonly string[] }
  /** Every term within so many insertions, deletions, substitutions and swaps of neighbours, in code points. */
  | { readonly kind: "fuzzy"; readonly distance: number };

/** Several tokens in their order, in any one of the fields. */
export interface PhraseMatch {
  readonly kind: "phrase";
  /** By field, in the order of `TextQuery.fields`. Empty: the field does not match. */
  readonly tokens: readonly (readonly PhraseToken[])[];
  /** How many places the tokens may be moved in all to lie as in the phrase. */
  readonly slop: number;
}

export interface PhraseToken {
  readonly term: string;
  /** In the phrase; words that the analyzer leaves out keep their place. */
  readonly position: number;
}
