/**
 * The simulator on the command line: `make sim ARGS="--seeds 1000 --from 1 --jobs 2"`, `make sim ARGS="--seed 123"`. docs/internals/sim.md is the
 * manual.
 */
import { parseArgs } from "node:util";
import { minimize, type Narrowing, type RunReport, runSeed, Totals } from "../../src/sim/index.ts";
import { runFleet } from "./fleet.ts";

const USAGE = `usage: make sim ARGS="..."
  --seed S                    one run, with the tail of its trace when it fails
  --verbose                   ... with all of its trace
  --minimize                  ... and then a smaller run that fails in the same way
  --faults 1,2  --operations 3,4  --safety-ms 5000
                              ... keeping only these faults and operations, and this much time
  --seeds N --from S          N runs, seeds S to S+N-1 (default: 200 from 1)
  --jobs J                    on so many threads (default 1)
`;
/** A line says how far a run of many seeds is, after so many. */
const PROGRESS_SEEDS = 500;
/** Of a failure in the list of all, in characters. */
const LINE_CHARACTERS = 300;
const MINIMIZING_RUNS = 400;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    verbose: { type: "boolean" },
    minimize: { type: "boolean" },
    faults: { type: "string" },
    operations: { type: "string" },
    "safety-ms": { type: "string" },
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: "1" },
    help: { type: "boolean", short: "h" },
  },
});

if (values.help === true) process.stdout.write(USAGE);
else if (values.seed === undefined) process.exitCode = await runMany();
else process.exitCode = await runOne(values.seed);

async function runOne(seed: string): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const report = await runSeed(seed, {
    narrowing: narrowing(),
    ...(values.verbose === true && { onLine: print }),
  });
  const { virtualMs, events, operations, traceHash } = report;
  print(JSON.stringify(report.scenario.settings));
  print(
    `seed ${seed}: ${events} events, ${operations} operations, ${virtualMs.toFixed(0)} ms of virtual time, trace ${traceHash}`,
  );
  if (report.failure === undefined) {
    print("everything held");
    return 0;
  }
  if (values.verbose !== true) for (const line of report.failure.tail) print(line);
  print(describeFailure(report));
  if (values.minimize === true) await printMinimized(seed);
  return 1;
}

function narrowing(): Narrowing {
  const ids = (list: string | undefined): number[] | undefined =>
    list
      ?.split(",")
      .filter((id) => id !== "")
      .map(Number);
  const safetyMs = values["safety-ms"] === undefined ? undefined : Number(values["safety-ms"]);
  return { faults: ids(values.faults), operations: ids(values.operations), safetyMs };
}

async function printMinimized(seed: string): Promise<void> {
  const onProgress = (text: string): void => void process.stdout.write(`${text}\n`);
  const smaller = await minimize(seed, { maxRuns: MINIMIZING_RUNS, onProgress });
  if (smaller === undefined) return;
  const { faults, operations, safetyMs } = smaller.narrowing;
  const kept = `--faults ${faults?.join(",") || ","} --operations ${operations?.join(",") || ","} --safety-ms ${safetyMs}`;
  process.stdout.write(`minimized: make sim ARGS="--seed ${seed} ${kept} --verbose"\n`);
}

function describeFailure({ seed, failure }: RunReport): string {
  return `seed ${seed} FAILED: ${failure?.checker} at ${failure?.virtualMs.toFixed(3)} ms: ${failure?.message}\nreproduce: make sim ARGS="--seed ${seed}"`;
}

async function runMany(): Promise<number> {
  const from = Number(values.from);
  const seeds = Number(values.seeds);
  const begunMs = performance.now();
  const totals = new Totals();
  const failures: string[] = [];
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const fail = (what: string, seed: number | string): void => {
    say(what);
    failures.push(`${what.split("\n")[0]!.slice(0, LINE_CHARACTERS)}\n    make sim ARGS="--seed ${seed}"`);
  };
  await runFleet({
    from,
    end: from + seeds,
    jobs: Number(values.jobs),
    onReport: (report) => {
      totals.add(report);
      if (report.failure !== undefined) fail(describeFailure(report), report.seed);
      if (totals.runs % PROGRESS_SEEDS === 0)
        say(`${totals.runs} of ${seeds} seeds, ${failures.length} failed`);
    },
    onLost: (lost, error) => {
      for (const seed of lost) fail(`seed ${seed} NOT JUDGED: its thread ended: ${error.message}`, seed);
    },
  });
  const { user, system } = process.cpuUsage();
  say(totals.describe(performance.now() - begunMs));
  say(
    `processor time ${((user + system) / 1e6).toFixed(1)} s (${((user + system) / 1000 / seeds).toFixed(0)} ms a seed)`,
  );
  say(failures.length === 0 ? "everything held" : `${failures.length} FAILED:\n${failures.join("\n")}`);
  return failures.length === 0 ? 0 : 1;
}
