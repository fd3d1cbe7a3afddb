import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { cleanEnvironment } from "../support/clean-environment.ts";
import type { Lane } from "./lanes.ts";
import { readOutcomes, type TestOutcome } from "./outcomes.ts";

/** Of one test, in seconds. */
const TEST_TIMEOUT_SECONDS = 120;
const MINUTE_MS = 60_000;
const PACKAGES = [
  "boto3",
  "botocore",
  "pytest",
  "pytest-xdist",
  "pytest-timeout",
  "PyYAML",
  "munch",
  "gevent",
  "isodate",
  "requests",
  "pytz",
  "httplib2",
  "lxml",
];
const NEEDED =
  "import boto3, pytest, xdist, pytest_timeout, munch, isodate, requests, pytz, httplib2, lxml, yaml";

export interface SuiteRun {
  /** A checkout of ceph/s3-tests. */
  readonly checkout: string;
  readonly python: string;
  readonly configurationFile: string;
  /** Beside the usual variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the report of the run is written. */
  readonly directory: string;
  readonly workers: number;
  readonly lane: Lane;
  /** Passed on to pytest. */
  readonly pytestArgs: readonly string[];
}

/** Runs one lane, its progress on this process's output. Throws when pytest did not get as far as a report, or took longer than the lane may. */
export async function runLane(run: SuiteRun): Promise<readonly TestOutcome[]> {
  const report = resolve(run.directory, `${run.lane.name}.xml`);
  const isParallel = run.workers > 1 && run.lane.isSerial !== true;
  const parallel = isParallel ? ["-n", String(run.workers)] : [];
  const names = run.lane.names === undefined ? [] : ["-k", run.lane.names];
  const args = [
    ...[
      "-m",
      "pytest",
      "-q",
      "--tb=short",
      "-p",
      "no:cacheprovider",
      "--timeout",
      String(TEST_TIMEOUT_SECONDS),
    ],
    ...[`--junitxml=${report}`, ...parallel, "-m", run.lane.markers, ...names],
    ...run.pytestArgs,
    ...run.lane.files,
  ];
  const child = spawn(run.python, args, {
    cwd: run.checkout,
    env: cleanEnvironment({
      S3TEST_CONF: run.configurationFile,
      AWS_EC2_METADATA_DISABLED: "true",
      PYTHONDONTWRITEBYTECODE: "1",
      // The suite switches verification off for a certificate that nobody trusts, and is warned at every request.
      PYTHONWARNINGS: "ignore",
      PYENV_ROOT: process.env["PYENV_ROOT"],
      ...run.environment,
    }),
    stdio: ["ignore", "inherit", "inherit"],
  });
  const giveUp = setTimeout(() => child.kill("SIGKILL"), run.lane.limitMinutes * MINUTE_MS);
  const code = await new Promise((done, reject) => {
    child.once("error", reject);
    child.once("close", done);
  }).finally(() => clearTimeout(giveUp));
  // 0: all passed, 1: some failed, 5: nothing was selected.
  if (code === 5) return [];
  if (code !== 0 && code !== 1) {
    throw new Error(
      `pytest ended with ${code ?? `a kill after ${run.lane.limitMinutes} minutes`} in lane ${run.lane.name}`,
    );
  }
  return readOutcomes(readFileSync(report, "utf8"));
}

/**
 * A Python that can run the suite: the one that was asked for, else the machine's own when it has the packages, else one in a cache folder
 * into which the current packages are installed. Throws when none can be had.
 */
export function findPython(asked: string | undefined): string {
  if (asked !== undefined) return asked;
  const cached = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "skerry/s3-tests-python");
  const python = join(cached, "bin/python3");
  if (existsSync(python) && works(python)) return python;
  if (works("python3")) return "python3";
  console.log(`conformance: installing the suite's Python packages into ${cached}`);
  mkdirSync(cached, { recursive: true });
  execute("python3", ["-m", "venv", cached]);
  execute(python, ["-m", "pip", "install", "--quiet", ...PACKAGES]);
  return python;
}

function works(python: string): boolean {
  return spawnSync(python, ["-c", NEEDED], { stdio: "ignore" }).status === 0;
}

function execute(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
}
