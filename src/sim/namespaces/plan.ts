import type { Prng } from "../../base/index.ts";
import type { PlainBatch, PlainDocument, PlainFilter, PlainId, PlainQuery } from "./documents.ts";
import { GROWING } from "./requests.ts";

/** What is done to a namespace. `pick`: which of those that are there, as a part of all of them. */
export type NamespaceAction =
  | { readonly kind: "write"; readonly batch: PlainBatch; readonly isForKnownVersion: boolean }
  | { readonly kind: "fetch"; readonly ids: readonly PlainId[]; readonly moment: Moment }
  | { readonly kind: "query"; readonly query: PlainQuery; readonly moment: Moment }
  | { readonly kind: "export"; readonly limit: number; readonly moment: Moment }
  | { readonly kind: "branch" | "compact" | "delete" };

/** A number: the past, as a part of all versions that are known. */
export type Moment = "strong" | "eventual" | number;

export interface NamespaceOperation {
  readonly kind: "namespace";
  readonly pick: number;
  readonly action: NamespaceAction;
}

const WEIGHTS: readonly (readonly [NamespaceAction["kind"], number])[] = [
  ["write", 12],
  ["fetch", 4],
  ["query", 5],
  ["export", 3],
  ["branch", 1.5],
  ["compact", 0.5],
  ["delete", 0.7],
];

const IDS = 24;
const COLORS = ["red", "green", "blue"];
const WORDS = ["ash", "birch", "cedar", "elm", "fir"];
const DIMENSIONS = 4;
const GREATEST_NUMBER = 20;
/** As many as there ever are. */
const ALL = 100;

/** `isFirst`: there is nothing to read yet. */
export function drawNamespaceAction(prng: Prng, isFirst: boolean): NamespaceAction {
  const kind = isFirst ? "write" : pickKind(prng);
  switch (kind) {
    case "write":
      return { kind, batch: drawBatch(prng), isForKnownVersion: prng.chance(0.15) };
    case "fetch":
      return { kind, ids: drawIds(prng, 6), moment: drawMoment(prng) };
    case "query":
      return { kind, query: drawQuery(prng), moment: drawMoment(prng) };
    case "export":
      return { kind, limit: prng.pick([5, ALL]), moment: drawMoment(prng) };
    default:
      return { kind };
  }
}

function pickKind(prng: Prng): NamespaceAction["kind"] {
  let left = prng.unit() * WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of WEIGHTS) {
    left -= weight;
    if (left < 0) return kind;
  }
  return "write";
}

function drawMoment(prng: Prng): Moment {
  const draw = prng.unit();
  if (draw < 0.65) return "strong";
  return draw < 0.8 ? "eventual" : prng.unit();
}

function drawIds(prng: Prng, count: number): PlainId[] {
  const all = Array.from({ length: IDS }, (_, at): PlainId => (at % 2 === 0 ? at : `id-${at}`));
  return prng.shuffle(all).slice(0, count);
}

function drawBatch(prng: Prng): PlainBatch {
  const kind = prng.pick(["plain", "plain", "plain", "patch", "filters", "condition"] as const);
  const [upserted, patched, deleted] = [prng.between(1, 6), prng.below(4), prng.below(3)];
  const ids = drawIds(prng, upserted + patched + deleted);
  const upserts = ids.slice(0, upserted).map((id) => drawDocument(prng, id));
  const deletes = ids.slice(upserted + patched);
  if (kind === "plain") return { upserts, patches: [], deletes };
  const patches = ids
    .slice(upserted, upserted + patched)
    .map((id) => ({ id, attributes: drawChanges(prng) }));
  if (kind === "patch") return { upserts, patches, deletes };
  if (kind === "condition") {
    const condition = prng.pick(["insert-only", "update-only", "newer"] as const);
    // What is deleted has no new row that is newer.
    return { upserts, patches, deletes: condition === "newer" ? [] : deletes, condition };
  }
  return {
    upserts: upserts.slice(1),
    patches,
    deletes: [],
    deleteByFilter: drawFilter(prng),
    patchByFilter: { filter: drawFilter(prng), attributes: drawChanges(prng) },
  };
}

function drawDocument(prng: Prng, id: PlainId): PlainDocument {
  return {
    id,
    attributes: {
      n: prng.below(GREATEST_NUMBER),
      mark: prng.uint32(),
      ...(prng.chance(0.7) && { color: prng.pick(COLORS) }),
      ...(prng.chance(0.1) && { [prng.pick(GROWING)]: prng.below(GREATEST_NUMBER) }),
    },
    words: prng.shuffle(WORDS).slice(0, prng.between(1, 3)).join(" "),
    point: Array.from({ length: DIMENSIONS }, () => prng.between(-4, 4)),
  };
}

function drawChanges(prng: Prng): Record<string, string | number | null> {
  return {
    n: prng.below(GREATEST_NUMBER),
    ...(prng.chance(0.5) && { color: prng.chance(0.3) ? null : prng.pick(COLORS) }),
  };
}

function drawFilter(prng: Prng): PlainFilter {
  const n = prng.below(GREATEST_NUMBER);
  return prng.pick<PlainFilter>([
    { field: "n", operator: "Lt", value: n },
    { field: "n", operator: "Gte", value: n },
    { field: "n", operator: "Eq", value: n },
    { field: "color", operator: "Eq", value: prng.pick(COLORS) },
    { field: "color", operator: "Absent", value: "" },
  ]);
}

function drawQuery(prng: Prng): PlainQuery {
  const filter = prng.chance(0.5) ? { filter: drawFilter(prng) } : {};
  switch (prng.pick(["order", "nearest", "word"] as const)) {
    case "order":
      return { kind: "order", direction: prng.pick(["asc", "desc"]), limit: prng.pick([3, ALL]), ...filter };
    case "nearest": {
      const point = Array.from({ length: DIMENSIONS }, () => prng.between(-4, 4));
      return { kind: "nearest", point, limit: prng.pick([3, ALL]), ...filter };
    }
    case "word":
      return { kind: "word", word: prng.pick(WORDS), limit: ALL, ...filter };
  }
}
