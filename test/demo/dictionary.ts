/** WordNet as a namespace: its schema, its documents, and vectors for them. */
import { createPrng } from "../../src/base/index.ts";
import type { Document, Schema } from "../../src/client/index.ts";
import { LatentVectors } from "./latent-vectors.ts";
import { trainingTexts, type WordNetEntry, wordNet } from "./wordnet.ts";

export const VECTOR_DIMENSIONS = 128;

export const DICTIONARY_SCHEMA: Schema = {
  vectors: { meaning: { dimensions: VECTOR_DIMENSIONS, metric: "cosine" } },
  text: { words: { weight: 2 }, gloss: {} },
  attributes: { part: "string", topic: "string", synonyms: "int" },
};

export interface Dictionary {
  readonly size: number;
  readonly documents: Iterable<Document>;
  vectorOf(text: string): readonly number[] | undefined;
}

/** The same entries for the same count: drawn by chance, from a seed. */
export function dictionary(count: number, onIteration: (done: number, of: number) => void): Dictionary {
  const all = wordNet();
  const texts = trainingTexts(all);
  const chosen = createPrng("dictionary")
    .shuffle([...all.keys()])
    .slice(0, count);
  const textOf = (at: number) => texts[at] ?? "";
  const latent = LatentVectors.train(chosen.map(textOf), { dimensions: VECTOR_DIMENSIONS, onIteration });
  // Four digits of a number of at most 1 are more than the angles between texts mean.
  const vectorOf = (text: string) => {
    const vector = latent.vectorOf(text);
    return vector && Array.from(vector, (value) => Math.round(value * 1e4) / 1e4);
  };
  return {
    size: chosen.length,
    vectorOf,
    documents: chosen.values().map((at) => documentOf(all[at]!, vectorOf(textOf(at)))),
  };
}

function documentOf(entry: WordNetEntry, vector: readonly number[] | undefined): Document {
  const { id, part, topic, words, gloss } = entry;
  return {
    id,
    ...(vector !== undefined && { vectors: { meaning: vector } }),
    text: { words: words.join(", "), gloss },
    attributes: { part, topic, synonyms: words.length },
  };
}
