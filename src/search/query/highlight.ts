import type { Document } from "../model/document.ts";
import type { Schema } from "../model/schema.ts";
import type { Token } from "../text/analyzer/analyzer.ts";
import { analyzerOf, type TextQuery } from "../text/index.ts";
import type { Highlight, Query } from "./query.ts";
import { textQueryOf } from "./text-query.ts";

/** Fragments of a document's texts, by field; fields without a match have none. */
export type Highlighter = (document: Document) => ReadonlyMap<string, readonly string[]>;

/** The fields that a query's highlights are of: those that it names, else those of its text legs. */
export function highlightedFields({ highlight, legs }: Query, schema: Schema): readonly string[] {
  if (highlight === undefined) return [];
  if (highlight.fields !== undefined) return highlight.fields;
  const fields = new Set<string>();
  for (const leg of legs)
    if (leg.kind === "text") for (const name of (leg.fields ?? schema.text).keys()) fields.add(name);
  return [...fields];
}

/** Shows where the terms of the text legs stand. The texts are put into the fragments as they are: who shows them as HTML escapes them. */
export function highlighter(query: Query, schema: Schema): Highlighter | undefined {
  const { highlight, legs } = query;
  if (highlight === undefined) return undefined;
  const queries = legs.flatMap((leg) => (leg.kind === "text" ? [textQueryOf(leg, schema)] : []));
  const fields = highlightedFields(query, schema).map((name) => ({
    name,
    matches: matcherOf(name, queries),
  }));
  return (document) => {
    const found = new Map<string, readonly string[]>();
    for (const { name, matches } of fields) {
      const [text, settings] = [document.text.get(name), schema.text.get(name)];
      if (text === undefined || settings === undefined) continue;
      const tokens = analyzerOf(settings)
        .analyze(text)
        .filter(({ term }) => matches(term));
      if (tokens.length > 0) found.set(name, fragmentsOf(text, tokens, highlight));
    }
    return found;
  };
}

/** Whether a term of the field is one that a query asks for. */
function matcherOf(field: string, queries: readonly TextQuery[]): (term: string) => boolean {
  const terms = new Set<string>();
  const beginnings = new Set<string>();
  for (const { fields, clauses } of queries) {
    const place = fields.findIndex(({ name }) => name === field);
    for (const { occur, match } of place < 0 || clauses.length === 0 ? [] : clauses) {
      if (occur === "must-not") continue;
      if (match.kind === "phrase") for (const { term } of match.tokens[place] ?? []) terms.add(term);
      else {
        const term = match.terms[place];
        if (term !== undefined) terms.add(term);
        const beginning = match.expansion.kind === "prefix" ? match.expansion.beginnings[place] : undefined;
        if (beginning !== undefined) beginnings.add(beginning);
      }
    }
  }
  // There are thousands of them, but few lengths.
  const lengths = [...new Set(Array.from(beginnings, ({ length }) => length))];
  return (term) => terms.has(term) || lengths.some((length) => beginnings.has(term.slice(0, length)));
}

interface Window {
  readonly start: number;
  readonly end: number;
  readonly tokens: readonly Token[];
}

/** The windows with the most matches, in the order of the text. `tokens`: the matches, whose ends ascend as their starts do. Looks at each once or twice. */
export function fragmentsOf(text: string, tokens: readonly Token[], highlight: Highlight): readonly string[] {
  const windows: Window[] = [];
  // A gram of a script without spaces ends in the middle of the next one.
  let [next, from] = [0, 0];
  for (let first = tokens[next]; first !== undefined; first = tokens[next]) {
    const start = wholeCharacters(
      text,
      Math.max(from, first.start - Math.floor(highlight.fragmentCharacters / 4)),
    );
    const most = wholeCharacters(
      text,
      Math.max(first.end, Math.min(text.length, start + highlight.fragmentCharacters)),
    );
    let after = next + 1;
    while ((tokens[after]?.end ?? Number.POSITIVE_INFINITY) <= most) after++;
    const inside = tokens.slice(next, after);
    // A match that would be cut in two begins the next window.
    const cut = tokens[after]?.start ?? most;
    const end = Math.min(most, Math.max(cut, inside.at(-1)?.end ?? cut));
    windows.push({ start, end, tokens: inside });
    next = after;
    from = end;
  }
  return windows
    .sort((a, b) => b.tokens.length - a.tokens.length || a.start - b.start)
    .slice(0, highlight.fragments)
    .sort((a, b) => a.start - b.start)
    .map((window) => marked(text, window, highlight));
}

function marked(text: string, { start, end, tokens }: Window, { before, after }: Highlight): string {
  let shown = "";
  let at = start;
  for (const token of tokens) {
    if (token.start < at) continue;
    shown += `${text.slice(at, token.start)}${before}${text.slice(token.start, token.end)}${after}`;
    at = token.end;
  }
  return shown + text.slice(at, end);
}

/** Not between the halves of a character. */
function wholeCharacters(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000 ? at - 1 : at;
}
