/**
 * What a namespace is by its definition: documents by their ids, what a batch makes of them, what a query finds among them. Everything is a value of JSON, and nothing of
 * it comes from the engine that is judged by it.
 */

/** Numbers come before strings. */
export type PlainId = string | number;
export type PlainAttributes = Readonly<Record<string, string | number>>;

export interface PlainDocument {
  readonly id: PlainId;
  readonly attributes: PlainAttributes;
  /** Words with one space between them. */
  readonly words: string;
  /** Small whole numbers: distances between them are exact. */
  readonly point: readonly number[];
}

/** "Absent": the document does not have the attribute. */
export interface PlainFilter {
  readonly field: string;
  readonly operator: "Gte" | "Lt" | "Eq" | "Absent";
  readonly value: string | number;
}

/** Null takes an attribute away. */
export type PlainChanges = Readonly<Record<string, string | number | null>>;

export interface PlainBatch {
  readonly upserts: readonly PlainDocument[];
  readonly patches: readonly { readonly id: PlainId; readonly attributes: PlainChanges }[];
  readonly deletes: readonly PlainId[];
  readonly deleteByFilter?: PlainFilter;
  readonly patchByFilter?: { readonly filter: PlainFilter; readonly attributes: PlainChanges };
  /** "newer": the new row has a greater `n` than the old one. */
  readonly condition?: "insert-only" | "update-only" | "newer";
}

export type PlainQuery = { readonly filter?: PlainFilter; readonly limit: number } & (
  | { readonly kind: "order"; readonly direction: "asc" | "desc" }
  | { readonly kind: "nearest"; readonly point: readonly number[] }
  /** Everything that has the word; in which order is not said. */
  | { readonly kind: "word"; readonly word: string }
);

export type PlainDocuments = ReadonlyMap<PlainId, PlainDocument>;

export interface PlainCounts {
  readonly upserted: number;
  readonly patched: number;
  readonly deleted: number;
}

export function compareIds(left: PlainId, right: PlainId): number {
  if (typeof left === typeof right) return left < right ? -1 : left > right ? 1 : 0;
  return typeof left === "number" ? -1 : 1;
}

export function inOrder(documents: PlainDocuments): readonly PlainDocument[] {
  return [...documents.values()].sort((a, b) => compareIds(a.id, b.id));
}

/** Equal for equal documents. */
export function keyOfDocument({ id, attributes, words, point }: PlainDocument): string {
  return JSON.stringify([id, Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)), words, point]);
}

/** The documents after a batch, and what its writer is told. The parts take effect in the order in which they stand here; conditions and filters look at the rows before it. */
export function applyBatch(
  before: PlainDocuments,
  batch: PlainBatch,
): { readonly documents: PlainDocuments; readonly counts: PlainCounts } {
  const { deleteByFilter, patchByFilter, upserts, patches, deletes } = batch;
  const after = new Map(before);
  const counts = { upserted: 0, patched: 0, deleted: 0 };
  for (const one of deleteByFilter === undefined ? [] : filtered(before, deleteByFilter)) {
    after.delete(one.id);
    counts.deleted++;
  }
  for (const one of patchByFilter === undefined ? [] : filtered(before, patchByFilter.filter)) {
    if (!after.has(one.id)) continue;
    after.set(one.id, patched(one, patchByFilter!.attributes));
    counts.patched++;
  }
  for (const one of upserts) {
    if (!holds(batch, before.get(one.id), one)) continue;
    after.set(one.id, one);
    counts.upserted++;
  }
  for (const { id, attributes } of patches) {
    const old = after.get(id);
    if (old === undefined || !holds(batch, before.get(id), patched(old, attributes))) continue;
    after.set(id, patched(old, attributes));
    counts.patched++;
  }
  for (const id of deletes) {
    if (!holds(batch, before.get(id), undefined)) continue;
    after.delete(id);
    counts.deleted++;
  }
  return { documents: after, counts };
}

/** Ids of the documents that a query finds, in its order. */
export function answerOf(documents: PlainDocuments, query: PlainQuery): readonly PlainId[] {
  const all = query.filter === undefined ? [...documents.values()] : filtered(documents, query.filter);
  const byId = all.sort((a, b) => compareIds(a.id, b.id));
  return found(byId, query)
    .slice(0, query.limit)
    .map(({ id }) => id);
}

function found(byId: readonly PlainDocument[], query: PlainQuery): readonly PlainDocument[] {
  switch (query.kind) {
    case "order": {
      const sign = query.direction === "asc" ? 1 : -1;
      return byId.toSorted((a, b) => sign * compareValues(a.attributes["n"], b.attributes["n"]));
    }
    case "nearest":
      return byId.toSorted((a, b) => distance(a.point, query.point) - distance(b.point, query.point));
    case "word":
      return byId.filter(({ words }) => words.split(" ").includes(query.word));
  }
}

/** Every document of these namespaces has a number there. */
function compareValues(left: string | number | undefined, right: string | number | undefined): number {
  return Number(left) - Number(right);
}

function distance(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, at) => sum + (value - right[at]!) ** 2, 0);
}

function filtered(documents: PlainDocuments, filter: PlainFilter): PlainDocument[] {
  return [...documents.values()].filter(({ attributes }) => passes(attributes[filter.field], filter));
}

function passes(value: string | number | undefined, { operator, value: operand }: PlainFilter): boolean {
  if (operator === "Absent" || value === undefined) return operator === "Absent" && value === undefined;
  if (operator === "Eq") return value === operand;
  return operator === "Lt" ? value < operand : value >= operand;
}

function patched(document: PlainDocument, changes: PlainChanges): PlainDocument {
  const attributes: Record<string, string | number> = { ...document.attributes };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete attributes[name];
    else attributes[name] = value;
  }
  return { ...document, attributes };
}

function holds(
  { condition }: PlainBatch,
  old: PlainDocument | undefined,
  next: PlainDocument | undefined,
): boolean {
  if (condition === undefined) return true;
  switch (condition) {
    case "insert-only":
      return old === undefined;
    case "update-only":
      return old !== undefined;
    case "newer":
      return (
        old !== undefined && next !== undefined && Number(old.attributes["n"]) < Number(next.attributes["n"])
      );
  }
}
