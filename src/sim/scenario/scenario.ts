import { createPrng } from "../../base/index.ts";
import { drawFaults, type PlannedFault } from "../faults/plan.ts";
import { drawNamespaceClients, drawNamespaceSettings } from "../namespaces/scenario.ts";
import { drawClients, type PlannedClient } from "../workload/plan.ts";
import { drawRotations, type PlannedRotations } from "../workload/rotation-plan.ts";
import { drawVersionedClients } from "../workload/versioned-plan.ts";
import { drawSettings, type ScenarioSettings } from "./settings.ts";

/**
 * A run as data: what is set, what clients will do, what will go wrong and when. Everything comes from the seed, each part from a generator of its
 * own. What is left out of a scenario (by the minimizer) does not change the rest.
 */
export interface Scenario {
  readonly seed: string;
  readonly settings: ScenarioSettings;
  readonly faults: readonly PlannedFault[];
  readonly clients: readonly PlannedClient[];
  readonly rotations?: PlannedRotations;
}

export function drawScenario(seed: string | number): Scenario {
  const prng = createPrng(`scenario ${seed}`);
  const settings = {
    ...drawSettings(prng.fork("settings")),
    namespaces: drawNamespaceSettings(prng.fork("namespaces")),
  };
  return {
    seed: String(seed),
    settings,
    faults: drawFaults(prng.fork("faults"), settings),
    clients: [
      ...drawClients(prng.fork("clients"), settings),
      ...drawVersionedClients(prng.fork("versions"), settings),
      ...drawNamespaceClients(prng.fork("namespace clients"), settings),
    ],
    rotations: drawRotations(prng.fork("rotations"), settings),
  };
}

/** What is kept of a scenario; undefined: all of it. */
export interface Narrowing {
  /** Ids of faults. */
  readonly faults?: readonly number[] | undefined;
  /** Ids of operations. */
  readonly operations?: readonly number[] | undefined;
  readonly safetyMs?: number | undefined;
}

export function narrowed(scenario: Scenario, { faults, operations, safetyMs }: Narrowing): Scenario {
  const keptFaults = faults && new Set(faults);
  const keptOperations = operations && new Set(operations);
  return {
    ...scenario,
    settings: safetyMs === undefined ? scenario.settings : { ...scenario.settings, safetyMs },
    faults: keptFaults ? scenario.faults.filter(({ id }) => keptFaults.has(id)) : scenario.faults,
    clients: keptOperations
      ? scenario.clients.map((client) => ({
          ...client,
          operations: client.operations.filter(({ id }) => keptOperations.has(id)),
        }))
      : scenario.clients,
  };
}
