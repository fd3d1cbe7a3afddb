import { expect, it } from "vitest";
import type { Container } from "./container.ts";
import { keptBytes } from "./kept-bytes.ts";

const WHOLE_BYTES = 1_000_000;
const ROWS = 7;

/** A segment with one field of vectors. */
function containerOf(dimensions: number): Container {
  const sections = [{ kind: "vector", field: "v", reader: { sizeBytes: WHOLE_BYTES } }];
  const schema = { vectors: new Map([["v", { dimensions }]]) };
  return { rowCount: ROWS, schema, sections: () => sections } as unknown as Container;
}

// It is the size of an entry of a cache, which takes whole numbers only.
it.each([1, 3, 4, 20, 100, 384])("is a whole number of bytes with vectors of %d dimensions", (dimensions) => {
  const bytes = keptBytes(containerOf(dimensions));
  expect(bytes).toBeGreaterThanOrEqual(ROWS * (dimensions / 8));
  expect(bytes).toBeLessThan(WHOLE_BYTES);
  expect(Number.isSafeInteger(bytes)).toBe(true);
});
