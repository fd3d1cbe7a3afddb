/** Real text with vectors of it: the entries of WordNet, 384 dimensions by latent semantic analysis; and numbers to filter by, drawn from a seed. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createPrng } from "../../../src/base/index.ts";
import { LatentVectors } from "../../demo/latent-vectors.ts";
import { trainingTexts, WORDNET_PACKAGE, type WordNetEntry, wordNet } from "../../demo/wordnet.ts";

export const DIMENSIONS = 384;
/** Iterations of the training: enough for vectors that differ as texts do; more would move the last directions only. */
const ITERATIONS = 2;
/** The attribute `number` is drawn from this many. */
export const NUMBERS = 1000;

export interface Row {
  readonly id: number;
  readonly words: string;
  readonly gloss: string;
  /** 0 to NUMBERS - 1, each as likely: "below 100" is one row in ten. */
  readonly number: number;
  readonly vector: Float32Array;
}

export interface Corpus {
  readonly rows: readonly Row[];
  /** Entries that are not among the rows. */
  readonly queries: readonly Row[];
}

/** `count` entries and `queries` others, in an order of chance that is the same for every count. */
export function corpus(count: number, queries: number): Corpus {
  const entries = wordNet();
  const vectors = vectorsOf(entries);
  const prng = createPrng("corpus");
  const all = prng
    .shuffle([...entries.keys()])
    .map((at) => ({ at, vector: vectors.subarray(at * DIMENSIONS, (at + 1) * DIMENSIONS) }))
    .filter(({ vector }) => vector.some((value) => value !== 0))
    .map(({ at, vector }, id): Row => {
      const { words, gloss } = entries[at]!;
      return { id, words: words.join(", "), gloss, number: prng.below(NUMBERS), vector };
    });
  if (count + queries > all.length) throw new Error(`WordNet has ${all.length} entries`);
  return { rows: all.slice(queries, queries + count), queries: all.slice(0, queries) };
}

/** Trained once, then kept in the cache folder of this user: 181 MB. */
function vectorsOf(entries: readonly WordNetEntry[]): Float32Array {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "skerry/vectors");
  const file = join(cache, `${WORDNET_PACKAGE}-latent-${DIMENSIONS}-${ITERATIONS}.f32`);
  if (!existsSync(file)) train(entries, file);
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function train(entries: readonly WordNetEntry[], file: string): void {
  console.log(`training ${DIMENSIONS} dimensions on ${entries.length} glosses, once ...`);
  const texts = trainingTexts(entries);
  const latent = LatentVectors.train(texts, { dimensions: DIMENSIONS, iterations: ITERATIONS });
  const vectors = new Float32Array(entries.length * DIMENSIONS);
  for (const [at, text] of texts.entries()) {
    const vector = latent.vectorOf(text);
    if (vector !== undefined) vectors.set(vector, at * DIMENSIONS);
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, new Uint8Array(vectors.buffer));
  renameSync(`${file}.new`, file);
}

/** Made-up rows like these: each a mix of a real vector and a part of two others. For sizes that WordNet does not have. */
export function madeUp(real: readonly Row[], count: number, seed: string): Row[] {
  const prng = createPrng(seed);
  return Array.from({ length: count }, (_, id) => {
    const [a, b, c] = [prng.pick(real), prng.pick(real), prng.pick(real)];
    const [u, v] = [prng.unit() * 0.6, (prng.unit() - 0.5) * 0.4];
    const mixed = a.vector.map((value, at) => value + u * b.vector[at]! + v * c.vector[at]!);
    const length = Math.sqrt(mixed.reduce((sum, value) => sum + value * value, 0));
    const vector = mixed.map((value) => value / length);
    return { id, words: a.words, gloss: `${a.gloss} ${b.words}`, number: prng.below(NUMBERS), vector };
  });
}

/** Three to five words of an entry's gloss: what somebody who half remembers it would type. */
export function wordsOf({ gloss, id }: Row): string {
  const words = gloss.match(/[a-z]{3,}/g) ?? ["word"];
  return createPrng(`words-${id}`).shuffle(words).slice(0, 4).join(" ");
}
