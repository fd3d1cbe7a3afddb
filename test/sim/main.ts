/**
 * The simulator on the command line: `make sim ARGS="--seeds 1000 --from 1 --jobs 2"`, `make sim ARGS="--seed 123"`. docs/internals/sim.md is the
 * manual.
 */
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { minimize, type Narrowing, type RunReport, runSeed, Totals } from "../../src/sim/index.ts";

const USAGE = `usage: make sim ARGS="..."
  --seed S                    one run, with the tail of its trace when it fails
  --verbose                   ... with all of its trace
  --minimize                  ... and then a smaller run that fails in the same way
  --faults 1,2  --operations 3,4  --safety-ms 5000
                              ... keeping only these faults and operations, and this much time
  --seeds N --from S          N runs, seeds S to S+N-1 (default: 200 from 1)
  --jobs J                    on so many threads (default 1)
`;
/** Seeds that a thread is given at a time. */
const BATCH = 8;
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
  const end = from + Number(values.seeds);
  const begunMs = performance.now();
  const totals = new Totals();
  let next = from;
  const worker = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL("./worker.ts", import.meta.url));
      const feed = (): void => {
        const seeds = Array.from({ length: Math.min(BATCH, end - next) }, () => next++);
        if (seeds.length > 0) thread.postMessage(seeds);
        else void thread.terminate().then(() => resolve(), reject);
      };
      thread.on("error", reject);
      thread.on("message", (reports: readonly RunReport[]) => {
        for (const report of reports) {
          totals.add(report);
          if (report.failure !== undefined) process.stdout.write(`${describeFailure(report)}\n`);
        }
        feed();
      });
      feed();
    });
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  process.stdout.write(`${totals.describe(performance.now() - begunMs)}\n`);
  return totals.failed === 0 ? 0 : 1;
}
