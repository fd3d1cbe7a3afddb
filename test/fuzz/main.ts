/**
 * `make fuzz`: runs the targets for a while each, or one of them.
 *
 *   make fuzz ARGS="--seconds 60 --target wal --seed 7"
 *
 * An input that breaks a target is made small, saved in `corpus/`, and printed with the command that runs it again.
 */

import { parseArgs } from "node:util";
import { growthOf, runTarget, saveInput } from "./run-target.ts";
import { TARGETS } from "./targets/index.ts";

const GROWTH_BYTES = 256 * 1024;
/** Four times the bytes may cost this many times as much before it is called quadratic, which would be sixteen. */
const MAX_GROWTH = 10;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    target: { type: "string" },
    seed: { type: "string", default: String(process.pid) },
  },
});

const { target: wanted, seed, seconds } = values;
const chosen = TARGETS.filter(({ name }) => wanted === undefined || name.includes(wanted));
if (chosen.length === 0) {
  console.error(`no target is called ${wanted}; there are ${TARGETS.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
let failures = 0;
let total = 0;
for (const target of chosen) {
  const limits = { seed, runs: Number.POSITIVE_INFINITY, cpuSeconds: Number(seconds) };
  const { runs, outcomes, failure } = await runTarget(target, limits);
  total += runs;
  console.log(
    `${target.name.padEnd(24)} ${String(runs).padStart(9)} inputs, ${outcomes.size} outcomes, seed ${seed}`,
  );
  if (failure !== undefined) {
    failures++;
    console.log(`  BROKEN: ${failure.reason}\n  input saved: ${saveInput(target, failure.input)}`);
  }
  for (const large of target.large ?? []) {
    const growth = await growthOf(target, large, GROWTH_BYTES);
    if (growth <= MAX_GROWTH) continue;
    failures++;
    console.log(`  SLOW: four times the bytes cost ${growth.toFixed(1)} times as much (${large.name})`);
  }
}
console.log(`${chosen.length} targets, ${total} inputs, ${failures} failures`);
process.exit(failures === 0 ? 0 : 1);
