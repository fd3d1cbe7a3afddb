/** Real nodes, real faults, real clients. docs/internals/chaos.md says what it does and what it cannot do. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { missingAbilities } from "./abilities.ts";
import { type ChaosRun, runChaos } from "./run.ts";
import { FAULT_KINDS, type FaultKind } from "./schedule.ts";

const USAGE = `usage: make chaos ARGS="..."
  --seed S        of the first run (default: of the clock)
  --nodes N       three to five (default 3)
  --seconds T     of faults, each run (default 60)
  --runs R        with seeds S to S+R-1 (default 1)
  --faults A,B    only these of ${FAULT_KINDS.join(", ")}`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h", default: false },
    seed: { type: "string" },
    nodes: { type: "string", default: "3" },
    seconds: { type: "string", default: "60" },
    runs: { type: "string", default: "1" },
    faults: { type: "string", default: FAULT_KINDS.join(",") },
  },
});

if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const missing = missingAbilities();
if (missing.length > 0) {
  console.warn("SKIPPED: nothing of `make chaos` can be tested on this machine:");
  for (const line of missing) console.warn(`  ${line}`);
  process.exit(0);
}

const seed = Number(values.seed ?? Date.now() % 1_000_000);
const kinds = values.faults.split(",").map((name): FaultKind => {
  const kind = FAULT_KINDS.find((each) => each === name);
  if (kind === undefined) throw new Error(`there is no fault "${name}"; there are ${FAULT_KINDS.join(", ")}`);
  return kind;
});

let failed = 0;
for (let at = 0; at < Number(values.runs); at++) {
  const own = seed + at;
  const options = {
    seed: own,
    nodes: Number(values.nodes),
    durationMs: Number(values.seconds) * 1000,
    kinds,
  };
  console.log(
    `run ${at + 1}: make chaos ARGS="--seed ${own} --nodes ${options.nodes} --seconds ${values.seconds} --faults ${values.faults}"`,
  );
  const run = await runChaos(options, (line) => console.log(line));
  report(run);
  if (run.violations.length > 0) failed++;
}
console.log(failed === 0 ? "nothing was violated" : `${failed} of ${values.runs} runs FAILED`);
process.exitCode = failed === 0 ? 0 : 1;

function report(run: ChaosRun): void {
  for (const [what, value] of Object.entries(run.figures)) console.log(`  ${what.padEnd(28)} ${value}`);
  if (run.violations.length === 0) return;
  console.log(`${run.violations.length} VIOLATIONS; logs and history are in ${run.directory}`);
  writeFileSync(join(run.directory, "violations.txt"), run.violations.join("\n\n"));
  for (const violation of run.violations.slice(0, 20)) console.log(violation);
}
