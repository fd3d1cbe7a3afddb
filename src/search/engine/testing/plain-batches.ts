/** Random batches, and what a batch makes of the documents by its definition. */

import { type Prng, toHex } from "../../../base/index.ts";
import type { Filter } from "../../filter/filter.ts";
import { documentPredicate } from "../../filter/match-document.ts";
import { compareIds, type Document, type DocumentId, patchDocument } from "../../model/document.ts";
import { encodeDocument } from "../../model/encode-document.ts";
import type { WriteBatch } from "../../model/write-batch.ts";
import { randomDocument } from "../../testing/random-documents.ts";

export type Documents = ReadonlyMap<DocumentId, Document>;

const noFilter: Pick<WriteBatch, "upserts" | "patches" | "deletes"> = {
  upserts: [],
  patches: [],
  deletes: [],
};

export function randomFilter(prng: Prng): Filter {
  const year = prng.between(-5, 20);
  const filters: readonly Filter[] = [
    { kind: "compare", field: "year", operator: prng.pick(["lt", "gte", "eq"]), value: year },
    { kind: "in", field: "color", values: ["red", "blue"] },
    { kind: "not", filter: { kind: "exists", field: "price" } },
    { kind: "compare", field: "sold", operator: "eq", value: true },
  ];
  const one = prng.pick(filters);
  return prng.chance(0.3) ? { kind: "and", filters: [one, prng.pick(filters)] } : one;
}

function document(prng: Prng, id: DocumentId, nowMs: number): Document {
  const { expiresAtMs: _, ...drawn } = randomDocument(prng, id);
  return prng.chance(0.15) ? { ...drawn, expiresAtMs: nowMs + prng.between(1, 400_000) } : drawn;
}

export function randomIds(prng: Prng, count: number): DocumentId[] {
  const all: DocumentId[] = Array.from({ length: 30 }, (_, at) => (at % 2 === 0 ? BigInt(at) : `id-${at}`));
  return prng.shuffle(all).slice(0, count);
}

export function randomBatch(prng: Prng, nowMs: number): WriteBatch {
  const [some, patched, deleted] = [prng.between(1, 6), prng.below(3), prng.below(3)];
  const chosen = randomIds(prng, some + patched + deleted);
  const kind = prng.pick(["plain", "plain", "plain", "patch", "filters", "condition"]);
  const upserts = chosen.slice(0, some).map((id) => document(prng, id, nowMs));
  if (kind === "plain") return { ...noFilter, upserts, deletes: chosen.slice(some, some + deleted) };
  const patches = chosen.slice(some, some + patched).map((id) => {
    const { vectors, sparse, text, attributes } = document(prng, id, nowMs);
    return { id, vectors, sparse, text, attributes: new Map([...attributes, ["color", null]]) };
  });
  const deletes = chosen.slice(some + patched);
  if (kind === "patch") return { upserts, patches, deletes };
  if (kind === "condition") {
    const condition: Filter = prng.pick<Filter>([
      { kind: "exists", field: "id" },
      { kind: "not", filter: { kind: "exists", field: "id" } },
      { kind: "compare-new", field: "year", operator: "lt", newField: "year" },
    ]);
    // A delete has no new row that the condition could speak of.
    return { upserts, patches, deletes: condition.kind === "compare-new" ? [] : deletes, condition };
  }
  const set = { vectors: new Map(), sparse: new Map(), text: new Map(), attributes: new Map([["year", 77]]) };
  return {
    ...noFilter,
    deleteByFilter: randomFilter(prng),
    patchByFilter: { filter: randomFilter(prng), set },
  };
}

/** Those that have not expired, in the order of their ids. */
export function live(documents: Documents, nowMs: number): Document[] {
  return [...documents.values()]
    .filter(({ expiresAtMs }) => expiresAtMs === undefined || expiresAtMs > nowMs)
    .sort((a, b) => compareIds(a.id, b.id));
}

/** What a write makes of the documents. */
export function applied(documents: Documents, batch: WriteBatch, nowMs: number): Documents {
  const before = new Map(live(documents, nowMs).map((one) => [one.id, one]));
  const after = new Map(documents);
  const matches = (filter: Filter) => documentPredicate(filter, () => false);
  const gone = new Set<DocumentId>();
  if (batch.deleteByFilter !== undefined) {
    for (const one of before.values()) if (matches(batch.deleteByFilter)(one)) gone.add(one.id);
    for (const id of gone) after.delete(id);
  }
  if (batch.patchByFilter !== undefined) {
    for (const one of before.values()) {
      if (gone.has(one.id) || !matches(batch.patchByFilter.filter)(one)) continue;
      after.set(one.id, patchDocument(one, batch.patchByFilter.set));
    }
  }
  const holds = batch.condition === undefined ? () => true : matches(batch.condition);
  for (const one of batch.upserts) if (holds(before.get(one.id), one)) after.set(one.id, one);
  for (const patch of batch.patches) {
    const old = before.get(patch.id);
    if (old === undefined) continue;
    const next = patchDocument(old, patch);
    if (holds(old, next)) after.set(patch.id, next);
  }
  for (const id of batch.deletes) if (holds(before.get(id))) after.delete(id);
  return after;
}

export const encoded = (documents: readonly (Document | undefined)[]) =>
  documents.map((one) => (one === undefined ? undefined : toHex(encodeDocument(one))));
