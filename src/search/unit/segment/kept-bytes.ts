import type { Container } from "./container.ts";

/** Sections that are only ever read in parts, and not kept. */
const READ_IN_PARTS: ReadonlySet<string> = new Set([
  "documents",
  "postings",
  "sparse-postings",
  "text-terms",
  "text-postings",
  "text-positions",
]);

/** Vectors of a list, about (docs/internals/search-vectors.md). */
const LIST_ROWS = 96;

/** What an open segment keeps of its file at most, about; a whole number. */
export function keptBytes(container: Container): number {
  let bytes = 0;
  for (const { kind, field, reader } of container.sections()) {
    if (READ_IN_PARTS.has(kind)) continue;
    const dimensions = kind === "vector" ? container.schema.vectors.get(field)?.dimensions : undefined;
    const whole = reader.sizeBytes;
    bytes += dimensions === undefined ? whole : Math.min(whole, container.rowCount * vectorBytes(dimensions));
  }
  return bytes;
}

/** Of one vector, in whole bytes: its code, its place in the map of rows, and its share of the centroids, which are there as floats and as bytes. */
function vectorBytes(dimensions: number): number {
  return Math.ceil(12 + dimensions / 8 + 4 + (5 * dimensions) / LIST_ROWS);
}
