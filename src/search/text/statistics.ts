import type { TextFieldStatistics, TextStatistics } from "./ports.ts";

/** The statistics of several units together. */
export function addTextStatistics(parts: readonly TextStatistics[]): TextStatistics {
  const fields = new Map<string, TextFieldStatistics>();
  for (const part of parts) {
    for (const [name, added] of part.fields) {
      const before = fields.get(name);
      fields.set(name, before === undefined ? added : addField(before, added));
    }
  }
  return { fields };
}

function addField(left: TextFieldStatistics, right: TextFieldStatistics): TextFieldStatistics {
  const documentFrequencies = new Map(left.documentFrequencies);
  for (const [term, count] of right.documentFrequencies)
    documentFrequencies.set(term, (documentFrequencies.get(term) ?? 0) + count);
  return {
    documents: left.documents + right.documents,
    tokens: left.tokens + right.tokens,
    documentFrequencies,
  };
}
