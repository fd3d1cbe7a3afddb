/**
 * A process of its own with one known bug in it: runs seeds of the simulated cluster until one fails, and prints what came of it as one line of JSON.
 *
 *   node test/mutations/simulate-one.ts NAME SEEDS
 */

import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { MUTATIONS } from "./list.ts";
import { mutated, pathOf } from "./mutation.ts";
import type { Simulated } from "./simulate.ts";

const [name, seeds] = process.argv.slice(2);
const mutation = MUTATIONS.find((each) => each.name === name);
if (mutation === undefined) throw new Error(`there is no mutation "${name}"`);

let wasLoaded = false;
registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    if (!url.startsWith("file:") || fileURLToPath(url) !== pathOf(mutation)) return loaded;
    wasLoaded = true;
    return { ...loaded, source: mutated(mutation, String(loaded.source)) };
  },
});

// Only now: what is imported above is loaded before the hook stands.
const { runSeed } = await import("../../src/sim/index.ts");

process.stdout.write(`${JSON.stringify(await firstFailure(Number(seeds)))}\n`);

async function firstFailure(end: number): Promise<Simulated> {
  if (!wasLoaded) return { kind: "not-loaded" };
  for (let seed = 1; seed <= end; seed++) {
    const { failure } = await runSeed(seed);
    if (failure === undefined) continue;
    const why = failure.message.split("\n")[0] ?? "";
    return { kind: "caught", seeds: seed, checker: failure.checker, why };
  }
  return { kind: "missed" };
}
