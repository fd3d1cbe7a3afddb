import type { Prng } from "../../base/index.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";

/** A part of the runs encrypts half of what it writes. */
const ENCRYPTED = 0.25;
const GREATEST_ROTATIONS = 3;

/** When the key of encrypted objects is rotated, in milliseconds from when clients begin. Undefined: nothing is encrypted. */
export type PlannedRotations = readonly number[] | undefined;

export function drawRotations(prng: Prng, { safetyMs }: ScenarioSettings): PlannedRotations {
  if (!prng.chance(ENCRYPTED)) return undefined;
  return Array.from({ length: prng.between(1, GREATEST_ROTATIONS) }, () => prng.below(safetyMs));
}

/** Whether an operation of an encrypting run encrypts. */
export function isEncrypted(rotations: PlannedRotations, operationId: number): boolean {
  return rotations !== undefined && operationId % 2 === 0;
}
