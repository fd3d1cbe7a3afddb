import type { Prng } from "../../base/index.ts";
import type { AttributeValue, Document, DocumentId, Scalar } from "../model/document.ts";
import { type AttributeType, DEFAULT_TEXT_FIELD, type Schema } from "../model/schema.ts";

/** One field of every kind, type and shape. */
export const EVERY_FIELD: Schema = {
  vectors: new Map([
    ["vector", { dimensions: 4, metric: "cosine", element: "f32" }],
    ["far", { dimensions: 3, metric: "euclidean", element: "f32" }],
  ]),
  sparse: new Map([["terms", {}]]),
  text: new Map([
    ["title", { ...DEFAULT_TEXT_FIELD, weight: 2 }],
    ["body", DEFAULT_TEXT_FIELD],
  ]),
  attributes: new Map([
    ["color", { type: "string", array: false, filterable: true }],
    ["tags", { type: "string", array: true, filterable: true }],
    ["year", { type: "int", array: false, filterable: true }],
    ["sizes", { type: "int", array: true, filterable: true }],
    ["price", { type: "float", array: false, filterable: true }],
    ["ratings", { type: "float", array: true, filterable: true }],
    ["sold", { type: "bool", array: false, filterable: true }],
    ["flags", { type: "bool", array: true, filterable: true }],
    ["seen", { type: "datetime", array: false, filterable: true }],
    ["owner", { type: "uuid", array: false, filterable: true }],
    ["note", { type: "string", array: false, filterable: false }],
  ]),
};

const COLORS = ["red", "green", "blue", "bluegreen", "Blue", "", "rot", "\u{1f600}", "\uffee", "bl*ue"];
const WORDS = ["harbour", "skerry", "seal", "tide", "rock", "lighthouse", "storm", "boat", "island", "gull"];

/** A document that has about half of the fields; few different values, so that they meet. */
export function randomDocument(random: Prng, id: DocumentId, schema: Schema = EVERY_FIELD): Document {
  const attributes = new Map<string, AttributeValue>();
  for (const [name, field] of schema.attributes) {
    if (random.chance(0.35)) continue;
    const one = () => randomScalar(random, field.type);
    attributes.set(name, field.array ? Array.from({ length: random.below(4) }, one) : one());
  }
  const vectors = new Map<string, Float32Array>();
  for (const [name, { dimensions }] of schema.vectors)
    if (random.chance(0.8)) vectors.set(name, randomVector(random, dimensions));
  const sparse = new Map();
  for (const name of schema.sparse.keys()) if (random.chance(0.7)) sparse.set(name, randomSparse(random));
  const text = new Map<string, string>();
  for (const name of schema.text.keys())
    if (random.chance(0.8)) text.set(name, randomText(random, random.between(1, 12)));
  const expires = random.chance(0.1) ? { expiresAtMs: random.between(1, 2000) } : {};
  return { id, vectors, sparse, text, attributes, ...expires };
}

export function randomId(random: Prng): DocumentId {
  return random.chance(0.5) ? BigInt(random.below(1000)) : `id-${random.below(1000)}`;
}

export function randomScalar(random: Prng, type: AttributeType): Scalar {
  switch (type) {
    case "string":
      return random.pick(COLORS);
    case "int":
      return random.chance(0.05) ? 2n ** 53n + BigInt(random.below(3)) : random.between(-5, 20);
    case "float":
      return random.chance(0.3)
        ? random.between(-3, 3)
        : random.between(-20, 20) / 4 + (random.chance(0.1) ? 1e-9 : 0);
    case "bool":
      return random.chance(0.5);
    case "datetime":
      return random.between(-3, 10) * 86_400_000;
    case "uuid":
      return `0000000${random.below(10)}-0000-4000-8000-00000000000${random.below(3)}`;
  }
}

/** Small whole numbers: sums are exact in every order, and ties are frequent. */
export function randomVector(random: Prng, dimensions: number): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, () => random.between(-3, 3));
  if (vector.every((value) => value === 0)) vector[0] = 1;
  return vector;
}

export function randomSparse(random: Prng): { indices: Uint32Array; values: Float32Array } {
  const indices = [1, 2, 3, 5, 8, 13, 4_000_000_000].filter(() => random.chance(0.4));
  return {
    indices: Uint32Array.from(indices),
    values: Float32Array.from(indices, () => random.between(1, 8) / 4),
  };
}

export function randomText(random: Prng, words: number): string {
  return Array.from({ length: words }, () => random.pick(WORDS)).join(" ");
}
