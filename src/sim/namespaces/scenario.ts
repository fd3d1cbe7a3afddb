import type { Prng } from "../../base/index.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import type { PlannedClient, PlannedOperation } from "../workload/plan.ts";
import { drawNamespaceAction } from "./plan.ts";

/** Part of the runs whose clients work on namespaces too. */
const PROBABILITY = 0.25;
/** Behind the ids of all other operations, and behind all other clients. */
const FIRST_ID = 200_000;
const FIRST_CLIENT = 20;
const OPERATIONS_AT_LEAST = 8;
const OPERATIONS_AT_MOST = 24;

/** Small, so that short runs see namespaces flushed and merged, and leases run out. */
export interface NamespaceSettings {
  readonly flushAfterMs: number;
  readonly flushDocuments: number;
  readonly mergeSegments: number;
  readonly leaseMs: number;
  /** Budget of what a node holds of namespaces, in bytes: with little it forgets and reads again. */
  readonly memoryBytes: number;
  /** All are deleted in the end, and nothing may be left of them. */
  readonly isClearedAway: boolean;
}

/** Undefined: the run has no namespaces. Drawn from a generator of its own, so that the rest of the run does not depend on it. */
export function drawNamespaceSettings(prng: Prng): NamespaceSettings | undefined {
  if (!prng.chance(PROBABILITY)) return undefined;
  return {
    flushAfterMs: prng.pick([100, 400, 2000]),
    flushDocuments: prng.pick([5, 20, 1000]),
    mergeSegments: prng.pick([2, 3]),
    leaseMs: prng.pick([1500, 5000]),
    memoryBytes: prng.pick([1, 20_000, 1_000_000]),
    isClearedAway: prng.chance(0.5),
  };
}

export function drawNamespaceClients(
  prng: Prng,
  { namespaces, thinkMs }: Pick<ScenarioSettings, "namespaces" | "thinkMs">,
): readonly PlannedClient[] {
  if (namespaces === undefined) return [];
  let nextId = FIRST_ID;
  return Array.from({ length: prng.between(1, 2) }, (_, number) => {
    const own = prng.fork(`client ${number}`);
    const length = own.between(OPERATIONS_AT_LEAST, OPERATIONS_AT_MOST);
    const operations = Array.from({ length }, (_, at): PlannedOperation => {
      const action = drawNamespaceAction(own, at === 0);
      const waitMs = Math.round(own.unit() * 2 * thinkMs);
      return { kind: "namespace", pick: own.unit(), action, id: nextId++, waitMs, node: own.unit() };
    });
    return { client: FIRST_CLIENT + number, operations };
  });
}
