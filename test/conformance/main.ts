/**
 * `make conformance`: ceph/s3-tests against the built program, over HTTP and over TLS.
 *
 *   make conformance S3TESTS=/path/to/s3-tests
 *   make conformance S3TESTS=... ARGS="--transport http --lane core -- -k versioning -x"
 *   make conformance S3TESTS=... ARGS="--results /var/tmp/s3-tests"      goes on where it was cut off: lanes whose results are there are not run again
 *
 * The suite is no part of this repository. What fails is compared with known-failures.txt: a failure that is not listed and an entry
 * that passes both fail the run.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { areaOf } from "./areas.ts";
import { compare, readKnownFailures } from "./known-failures.ts";
import { LANES, type Lane } from "./lanes.ts";
import type { Outcome, TestOutcome } from "./outcomes.ts";
import { laneResults } from "./results.ts";
import { findPython, runLane } from "./run-suite.ts";
import { startSuiteNode, type Transport } from "./skerry-node.ts";
import { suiteConfiguration } from "./suite-configuration.ts";

const KNOWN_FAILURES = join(import.meta.dirname, "known-failures.txt");
const LIFECYCLE_DAY_SECONDS = 10;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: "string", default: process.env["S3TESTS"] ?? "" },
    transport: { type: "string", default: "http,tls" },
    lane: { type: "string", default: LANES.map((lane) => lane.name).join(",") },
    workers: { type: "string", default: "2" },
    /** Keeps the outcomes of every lane in this folder. */
    results: { type: "string" },
    python: { type: "string" },
    /** Another build of the program. */
    program: { type: "string" },
    /** Prints every failure with its first line, and judges nothing. */
    explore: { type: "boolean", default: false },
  },
});

if (values.suite === "") {
  console.error("conformance: set S3TESTS to a checkout of https://github.com/ceph/s3-tests");
  process.exit(2);
}
const known = readKnownFailures(readFileSync(KNOWN_FAILURES, "utf8"));
const python = findPython(values.python);
let bad = false;
for (const transport of values.transport.split(",")) {
  if (transport !== "http" && transport !== "tls")
    throw new Error(`--transport is http or tls: ${transport}`);
  const outcomes = await runOver(transport);
  printTable(transport, outcomes);
  if (values.explore) printFailures(outcomes);
  else bad = !judge(transport, outcomes) || bad;
}
process.exit(bad ? 1 : 0);

async function runOver(transport: Transport): Promise<readonly TestOutcome[]> {
  const results = laneResults(values.results);
  const outcomes: TestOutcome[] = [];
  for (const lane of LANES.filter(({ name }) => values.lane.split(",").includes(name))) {
    const kept = results.read(transport, lane.name);
    console.log(
      `\nconformance: lane ${lane.name} over ${transport}${kept === undefined ? "" : ", as it was kept"}`,
    );
    const ofLane = kept ?? (await runOn(lane, transport));
    if (kept === undefined) results.write(transport, lane.name, ofLane);
    outcomes.push(...ofLane);
  }
  return outcomes;
}

/** On a node of its own: no lane finds what another one left. */
async function runOn(lane: Lane, transport: Transport): Promise<readonly TestOutcome[]> {
  const directory = mkdtempSync(join(tmpdir(), "skerry-conformance-"));
  const node = await startSuiteNode({
    directory: join(directory, "node"),
    transport,
    environment: {
      SKERRY_LIFECYCLE_DAY_SECONDS: String(LIFECYCLE_DAY_SECONDS),
      SKERRY_LIFECYCLE_ALLOW_SHORT_DAYS: "true",
    },
    program: values.program,
    memberPolicy: lane.memberPolicy,
  });
  let isDone = false;
  try {
    const configurationFile = join(directory, "s3tests.conf");
    const { member } = node;
    writeFileSync(
      configurationFile,
      suiteConfiguration({ node, member, transport, lifecycleDaySeconds: LIFECYCLE_DAY_SECONDS }),
      { mode: 0o600 },
    );
    const outcomes = await runLane({
      checkout: values.suite,
      python,
      configurationFile,
      environment: node.clientEnvironment,
      directory,
      workers: Number(values.workers),
      lane,
      pytestArgs: positionals,
    });
    isDone = true;
    return outcomes;
  } finally {
    await node.stop();
    if (isDone) rmSync(directory, { recursive: true, force: true });
    else console.error(`conformance: the node's log is in ${directory}/node/node.log`);
  }
}

function printTable(transport: Transport, outcomes: readonly TestOutcome[]): void {
  const rows = new Map<string, Record<Outcome, number>>();
  const total: Record<Outcome, number> = { passed: 0, failed: 0, skipped: 0 };
  for (const { test, outcome } of outcomes) {
    const area = areaOf(test);
    const row = rows.get(area) ?? { passed: 0, failed: 0, skipped: 0 };
    rows.set(area, row);
    row[outcome] += 1;
    total[outcome] += 1;
  }
  console.log(`\n${`over ${transport}`.padEnd(34)}  passed  failed  skipped`);
  const line = (name: string, row: Record<Outcome, number>): void =>
    console.log(
      `${name.padEnd(34)}  ${String(row.passed).padStart(6)}  ${String(row.failed).padStart(6)}  ${String(row.skipped).padStart(7)}`,
    );
  for (const [area, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) line(area, row);
  line("total", total);
}

function printFailures(outcomes: readonly TestOutcome[]): void {
  for (const { test, outcome, message } of outcomes) {
    if (outcome === "failed") console.log(`FAILED ${test}  ${message.slice(0, 200)}`);
  }
}

function judge(transport: Transport, outcomes: readonly TestOutcome[]): boolean {
  const { newFailures, passingNow } = compare(outcomes, known, transport);
  for (const { test, message } of newFailures) {
    console.log(`NEW FAILURE over ${transport}: ${test}  ${message.slice(0, 200)}`);
  }
  for (const { test } of passingNow) {
    console.log(`PASSES over ${transport} and must leave known-failures.txt: ${test}`);
  }
  return newFailures.length === 0 && passingNow.length === 0;
}
