import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestOutcome } from "./outcomes.ts";
import type { Transport } from "./skerry-node.ts";

/** Outcomes of whole lanes, so that a long run can be cut off and gone on with. */
export interface LaneResults {
  /** Undefined: the lane has not been run to its end. */
  read(transport: Transport, lane: string): readonly TestOutcome[] | undefined;
  write(transport: Transport, lane: string, outcomes: readonly TestOutcome[]): void;
}

/** In files of a folder; without one nothing is kept. */
export function laneResults(folder: string | undefined): LaneResults {
  if (folder === undefined) return { read: () => undefined, write: () => {} };
  mkdirSync(folder, { recursive: true });
  const fileOf = (transport: Transport, lane: string): string => join(folder, `${transport}-${lane}.json`);
  return {
    read: (transport, lane) => {
      const file = fileOf(transport, lane);
      return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as TestOutcome[]) : undefined;
    },
    write: (transport, lane, outcomes) => {
      writeFileSync(fileOf(transport, lane), `${JSON.stringify(outcomes, undefined, 1)}\n`);
    },
  };
}
