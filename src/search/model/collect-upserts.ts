import type { AttributeValue, Document } from "./document.ts";
import { documentBytes } from "./fit-document.ts";
import { checkLimit } from "./limits.ts";
import { parseDocument } from "./parse-document.ts";
import type { WriteBatch } from "./write-batch.ts";

/** An element of an array takes so many bytes in memory, however little it counts as a value. */
const ELEMENT_BYTES = 8;

/** Documents that come one after the other, as one batch: it holds no more of them than a batch may have. */
export class UpsertCollector {
  readonly #upserts: Document[] = [];
  #bytes = 0;

  /** Takes one document in its plain form. Refuses what `parseBatch` refuses, and what goes beyond `batchDocuments` or `batchBytes`. */
  add(plain: unknown): void {
    checkLimit("batchDocuments", this.#upserts.length + 1);
    const document = parseDocument(plain, `upserts[${this.#upserts.length}]`);
    this.#bytes += heldBytes(document);
    checkLimit("batchBytes", this.#bytes);
    this.#upserts.push(document);
  }

  batch(): WriteBatch {
    return { upserts: this.#upserts, patches: [], deletes: [] };
  }
}

/** As `documentBytes`, with what elements of arrays take beyond that. */
function heldBytes(document: Document): number {
  let bytes = documentBytes(document);
  for (const value of document.attributes.values()) bytes += elementBytes(value);
  return bytes;
}

function elementBytes(value: AttributeValue): number {
  if (typeof value !== "object") return 0;
  let bytes = 0;
  for (const element of value) {
    if (typeof element === "boolean") bytes += ELEMENT_BYTES - 1;
    if (typeof element === "string") bytes += Math.max(0, ELEMENT_BYTES - element.length);
  }
  return bytes;
}
