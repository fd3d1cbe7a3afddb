import type { TermEntry, TermLookup, TermSource } from "./term-source.ts";

/** What the look-ups of a query found. */
export interface KnownTerms {
  /** By field of the index, by term. */
  readonly entries: readonly ReadonlyMap<string, TermEntry>[];
  /** Some token stands for more terms than were taken. */
  readonly cut: boolean;
}

export async function findTerms(source: TermSource, lookups: readonly TermLookup[]): Promise<KnownTerms> {
  const entries = source.fields.map(() => new Map<string, TermEntry>());
  const found = lookups.length === 0 ? [] : await source.find(lookups);
  for (const { entries: ofLookup } of found)
    for (const entry of ofLookup) entries[entry.field]?.set(entry.term, entry);
  return { entries, cut: found.some(({ cut }) => cut) };
}
