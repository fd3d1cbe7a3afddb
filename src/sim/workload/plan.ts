import type { Prng } from "../../base/index.ts";
import type { NamespaceOperation } from "../namespaces/plan.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import type { VersionedOperation } from "./versioned-plan.ts";

/** What decides whether a write happens. "last seen" is the ETag that this client saw last for the key. */
export type Condition = "none" | "if-absent" | "if-last-seen";

/** Keys are counted from 0. */
export type Operation =
  | { readonly kind: "put"; readonly key: number; readonly sizeBytes: number; readonly condition: Condition }
  | {
      readonly kind: "multipart";
      readonly key: number;
      readonly partBytes: readonly number[];
      /** Given up instead of completed. */
      readonly isAborted: boolean;
    }
  | { readonly kind: "copy"; readonly from: number; readonly to: number }
  | { readonly kind: "delete"; readonly key: number; readonly condition: Condition }
  | { readonly kind: "delete-many"; readonly keys: readonly number[] }
  | { readonly kind: "get"; readonly key: number }
  /** Both ends as parts of the size. */
  | { readonly kind: "range"; readonly key: number; readonly from: number; readonly to: number }
  | { readonly kind: "head"; readonly key: number }
  | { readonly kind: "list"; readonly limit: number }
  | VersionedOperation
  | NamespaceOperation;

export type PlannedOperation = Operation & {
  /** Unique in the run. */
  readonly id: number;
  /** Before it begins, after the one before has ended. */
  readonly waitMs: number;
  /** Which of the running nodes is asked, as a part of all. */
  readonly node: number;
};

export interface PlannedClient {
  readonly client: number;
  readonly operations: readonly PlannedOperation[];
}

type Kind = Exclude<Operation["kind"], "versioned" | "namespace">;

const WEIGHTS: readonly (readonly [Kind, number])[] = [
  ["put", 10],
  ["multipart", 2],
  ["copy", 3],
  ["delete", 4],
  ["delete-many", 1],
  ["get", 8],
  ["range", 2],
  ["head", 3],
  ["list", 2],
];

const GREATEST_PARTS = 3;
/** As `EngineTuning.minimumPartBytes` in the simulated cluster. */
export const MINIMUM_PART_BYTES = 600;

export function drawClients(prng: Prng, settings: ScenarioSettings): readonly PlannedClient[] {
  let nextId = 0;
  const weights = WEIGHTS.map(([kind, weight]) => [kind, weight * prng.pick([0, 0.5, 1, 3])] as const);
  const isIdle = weights.every(([, weight]) => weight === 0);
  return Array.from({ length: settings.clients }, (_, client) => {
    const own = prng.fork(`client ${client}`);
    const operations = Array.from({ length: settings.operationsPerClient }, (): PlannedOperation => {
      const operation = drawOperation(own, pickKind(own, isIdle ? WEIGHTS : weights), settings);
      const waitMs = Math.round(own.unit() * 2 * settings.thinkMs);
      return { ...operation, id: nextId++, waitMs, node: own.unit() };
    });
    return { client, operations };
  });
}

function pickKind(prng: Prng, weights: readonly (readonly [Kind, number])[]): Kind {
  let left = prng.unit() * weights.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of weights) {
    left -= weight;
    if (left < 0) return kind;
  }
  return "get";
}

function drawOperation(prng: Prng, kind: Kind, settings: ScenarioSettings): Operation {
  const key = prng.below(settings.keys);
  switch (kind) {
    case "put":
      return { kind, key, sizeBytes: drawSize(prng, settings), condition: drawCondition(prng) };
    case "multipart": {
      const parts = prng.between(1, GREATEST_PARTS);
      const partBytes = Array.from({ length: parts }, () => MINIMUM_PART_BYTES + prng.below(3000));
      return { kind, key, partBytes, isAborted: prng.chance(0.15) };
    }
    case "copy":
      return { kind, from: key, to: prng.below(settings.keys) };
    case "delete":
      return { kind, key, condition: prng.chance(0.3) ? "if-last-seen" : "none" };
    case "delete-many":
      return {
        kind,
        keys: Array.from({ length: settings.keys }, (_, index) => index).filter(() => prng.chance(0.5)),
      };
    case "range":
      return { kind, key, from: prng.unit(), to: prng.unit() };
    case "get":
    case "head":
      return { kind, key };
    case "list":
      return { kind, limit: prng.pick([1, 3, 1000]) };
  }
}

function drawCondition(prng: Prng): Condition {
  return prng.pick(["none", "none", "if-absent", "if-last-seen"] as const);
}

/** Nothing, inline, one chunk, or several, with the borders in between. */
function drawSize(prng: Prng, { inlineBytes, chunkBytes }: ScenarioSettings): number {
  const most = Math.min(4 * chunkBytes, 20_000);
  switch (prng.below(6)) {
    case 0:
      return prng.pick([0, 1, inlineBytes, inlineBytes + 1]);
    case 1:
      return prng.between(1, Math.max(1, inlineBytes));
    case 2:
      return prng.pick([chunkBytes - 1, chunkBytes, chunkBytes + 1]);
    default:
      return prng.between(inlineBytes + 1, Math.max(inlineBytes + 1, most));
  }
}
