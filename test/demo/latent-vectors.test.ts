import { describe, expect, it } from "vitest";
import { LatentVectors } from "./latent-vectors.ts";

const TEXTS = [
  "a ship sails the sea",
  "a boat sails the sea",
  "a ship crosses the harbour",
  "a boat crosses the harbour",
  "sea and harbour",
  "bread baked in an oven",
  "cake baked in an oven",
  "bread with flour",
  "cake with flour",
  "an oven and flour",
];

const cosine = (a: Float32Array | undefined, b: Float32Array | undefined) =>
  a?.reduce((sum, value, at) => sum + value * (b?.[at] ?? 0), 0) ?? Number.NaN;

describe("latent vectors", () => {
  const latent = LatentVectors.train(TEXTS, { dimensions: 2, leastTexts: 2 });

  it("bring words together that never meet but keep the same company", () => {
    expect(cosine(latent.vectorOf("ship"), latent.vectorOf("boat"))).toBeGreaterThan(0.9);
    expect(cosine(latent.vectorOf("bread"), latent.vectorOf("cake"))).toBeGreaterThan(0.9);
    expect(cosine(latent.vectorOf("ship"), latent.vectorOf("bread"))).toBeLessThan(0.1);
  });

  it("have length 1, or are not there", () => {
    const vector = latent.vectorOf("a boat in the harbour");
    expect(cosine(vector, vector)).toBeCloseTo(1, 5);
    expect(latent.vectorOf("nothing known")).toBeUndefined();
    expect(latent.vectorOf("")).toBeUndefined();
  });

  it("are the same for the same texts and seed", () => {
    const again = LatentVectors.train(TEXTS, { dimensions: 2, leastTexts: 2 });
    expect(again.vectorOf("ship sea")).toEqual(latent.vectorOf("ship sea"));
  });

  it("refuse more dimensions than the texts have", () => {
    expect(() => LatentVectors.train(["a ship", "a ship"], { dimensions: 2, leastTexts: 1 })).toThrow(
      /dimensions/,
    );
  });
});
