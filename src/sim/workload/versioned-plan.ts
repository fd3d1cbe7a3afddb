import type { Prng } from "../../base/index.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import type { PlannedClient, PlannedOperation } from "./plan.ts";

/** What is done in a bucket with one key whose versions are kept. `pick` is which of the ids that were seen, as a part of all of them. */
export type VersionedAction =
  | { readonly kind: "enable" | "suspend" | "delete" | "get" | "list" }
  | { readonly kind: "put"; readonly sizeBytes: number }
  | { readonly kind: "get-version" | "delete-version"; readonly pick: number };

/** Buckets are counted from 0. */
export interface VersionedOperation {
  readonly kind: "versioned";
  readonly bucket: number;
  readonly action: VersionedAction;
}

const WEIGHTS: readonly (readonly [VersionedAction["kind"], number])[] = [
  ["enable", 2],
  ["suspend", 1],
  ["put", 9],
  ["delete", 4],
  ["get", 4],
  ["list", 5],
  ["get-version", 5],
  ["delete-version", 5],
];
/** Part of the runs whose clients keep versions too. */
const PROBABILITY = 0.35;
/** Behind the ids of all other operations. */
const FIRST_ID = 100_000;
const OPERATIONS_AT_LEAST = 6;
const OPERATIONS_AT_MOST = 20;

/** Clients of versioned buckets, drawn from a generator of their own: a run has them besides its others, or has none. */
export function drawVersionedClients(prng: Prng, settings: ScenarioSettings): readonly PlannedClient[] {
  if (!prng.chance(PROBABILITY)) return [];
  const buckets = prng.between(1, 2);
  let nextId = FIRST_ID;
  return Array.from({ length: prng.between(1, 3) }, (_, number) => {
    const own = prng.fork(`client ${number}`);
    const length = own.between(OPERATIONS_AT_LEAST, OPERATIONS_AT_MOST);
    const operations = Array.from({ length }, (_, at): PlannedOperation => {
      const isFirst = number < buckets && at === 0;
      const bucket = isFirst ? number : own.below(buckets);
      const action: VersionedAction =
        isFirst && own.chance(0.8) ? { kind: "enable" } : drawAction(own, settings);
      const waitMs = Math.round(own.unit() * 2 * settings.thinkMs);
      return { kind: "versioned", bucket, action, id: nextId++, waitMs, node: own.unit() };
    });
    return { client: settings.clients + number, operations };
  });
}

function drawAction(prng: Prng, { inlineBytes, chunkBytes }: ScenarioSettings): VersionedAction {
  const kind = pickKind(prng);
  switch (kind) {
    case "put":
      return { kind, sizeBytes: prng.between(8, Math.min(inlineBytes + 2 * chunkBytes, 8_000)) };
    case "get-version":
    case "delete-version":
      return { kind, pick: prng.unit() };
    default:
      return { kind };
  }
}

function pickKind(prng: Prng): VersionedAction["kind"] {
  let left = prng.unit() * WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of WEIGHTS) {
    left -= weight;
    if (left < 0) return kind;
  }
  return "list";
}
