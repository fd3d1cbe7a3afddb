/** Which known bugs the simulated cluster notices by itself, and after how many seeds. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Mutation } from "./mutation.ts";

/** What the seeds 1, 2, 3 ... said of a known bug. */
export type Simulated =
  | { readonly kind: "caught"; readonly seeds: number; readonly checker: string; readonly why: string }
  | { readonly kind: "missed" }
  /** The simulated cluster does not contain the code. */
  | { readonly kind: "not-loaded" }
  /** The process ended without saying anything. */
  | { readonly kind: "hung" }
  /** It took too long: it may stand still, or the machine is busy. Says nothing about the bug. */
  | { readonly kind: "timed-out" };

const PROGRAM = fileURLToPath(new URL("./simulate-one.ts", import.meta.url));
/** Of one bug, for all its seeds; some make a run that never ends. */
const TIMEOUT_MS = 600_000;
const TEXT_CHARACTERS = 120;

export async function simulate(mutation: Mutation, seeds: number): Promise<Simulated> {
  try {
    const run = promisify(execFile)(process.execPath, [PROGRAM, mutation.name, String(seeds)], {
      timeout: TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    const { stdout } = await run;
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Simulated;
  } catch (error) {
    const wasKilled = error instanceof Error && "killed" in error && error.killed === true;
    return { kind: wasKilled ? "timed-out" : "hung" };
  }
}

/** A row of the table in docs/internals/mutations.md. */
export function simulatedRow({ name, known = "" }: Mutation, seeds: number, simulated: Simulated): string {
  const cells = [name, known, ...found(seeds, simulated)];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
}

function found(seeds: number, simulated: Simulated): readonly [string, string] {
  switch (simulated.kind) {
    case "caught":
      return [
        String(simulated.seeds),
        `${simulated.checker}: ${simulated.why}`.slice(0, TEXT_CHARACTERS).replace(/[\ud800-\udbff]$/, ""),
      ];
    case "missed":
      return [`more than ${seeds}`, ""];
    case "not-loaded":
      return ["-", "not part of the simulated cluster"];
    case "hung":
      return ["1", "the process ended without a verdict"];
    case "timed-out":
      return ["?", `no verdict within ${TIMEOUT_MS / 1000} s`];
  }
}
