/**
 * `make bench`: PUT and GET through the S3 gateway on one node and on three, and commits through Raft, beside the machine's own limits.
 *
 *   make bench                                  everything
 *   make bench ARGS="--only bare"               a bare node:http server under the same load: the ceiling of the language
 *   make bench ARGS="--only list --keys 10000,100000,1000000"   pages of lists
 *   make bench ARGS="--only s3 --nodes 1 --sizes 4KiB --clients 64 --seconds 5 --rounds 3"
 *   make bench ARGS="--threads 0"               with so many gateway threads a node (s3.threads); default: as skerry dev has them
 *   make bench ARGS="--peer http://127.0.0.1:9600 --peer-pid 4711"   another S3 server in the same run, with the keys in
 *                                               PEER_ACCESS_KEY and PEER_SECRET_KEY; a bucket "bench" is made there
 *
 * Each figure is the median of the rounds, after a warm-up: the compiler has done its part only after some ten thousand requests. Everything runs on one machine and shares its cores: the nodes and the load generator.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { TestCluster } from "../support/test-cluster.ts";
import { measureLimits, printLimits } from "./limits.ts";
import { benchLists } from "./list.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { benchRaft } from "./raft.ts";
import type { Credentials } from "./sigv4.ts";

const BUCKET = "bench";
const SIZES: Readonly<Record<string, number>> = {
  "4KiB": 4096,
  "64KiB": 65_536,
  "1MiB": 1_048_576,
  "64MiB": 67_108_864,
};
/** Bytes that the keys of one size hold together, at most. */
const DATA_SET_BYTES = 1024 ** 3;
const MAX_KEYS = 2000;
/** Of /proc/<pid>/stat, a second. */
const CLOCK_TICKS = 100;

const HEADINGS =
  "  size    clients  operation   requests/s      MB/s    p50 ms    p99 ms  CPU us/req  errors";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    nodes: { type: "string", default: "1,3" },
    sizes: { type: "string", default: Object.keys(SIZES).join(",") },
    clients: { type: "string", default: "1,16,64" },
    seconds: { type: "string", default: "4" },
    "warm-up": { type: "string", default: "4" },
    keys: { type: "string", default: "10000,100000,1000000" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string" },
    directory: { type: "string" },
    peer: { type: "string" },
    "peer-pid": { type: "string" },
  },
});

printLimits(await measureLimits(values.directory));
if (values.only === undefined || values.only === "s3" || values.only === "bare") await benchBare();
if (values.only === undefined || values.only === "s3") {
  for (const nodes of numbers(values.nodes)) await benchS3(nodes);
  if (values.peer !== undefined) await benchPeer(values.peer);
}
if (values.only === undefined || values.only === "list") {
  await benchLists(numbers(values.keys), values.directory);
}
if (values.only === undefined || values.only === "raft") {
  await benchRaft({ seconds: Number(values.seconds), rounds: Number(values.rounds) });
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}

/** Who answers the requests. */
interface Served {
  readonly endpoints: readonly string[];
  readonly credentials: Credentials;
  /** Whose processor time counts; none: it is not known. */
  readonly pids: readonly number[];
}

/** What Node does under the same load when nothing is signed, kept or looked up. */
async function benchBare(): Promise<void> {
  const server = spawn(process.execPath, [new URL("bare-http.ts", import.meta.url).pathname], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const [port] = (await once(server.stdout, "data")) as [Buffer];
    console.log(
      "\na bare node:http server: PUT computes the MD5 and keeps nothing, GET sends the same bytes",
    );
    await benchAll({
      endpoints: [`http://127.0.0.1:${String(port).trim()}`],
      credentials: { accessKey: "any", secretKey: "any", region: "us-east-1" },
      pids: pidsOf([server]),
    });
  } finally {
    server.stdin.end();
    await once(server, "exit");
  }
}

async function benchS3(nodes: number): Promise<void> {
  const ofNode = Math.max(0, Math.floor(availableParallelism() / nodes) - 1);
  const SKERRY_S3_THREADS = values.threads ?? String(ofNode);
  const cluster = await TestCluster.start({
    nodes,
    environment: { SKERRY_LOG_LEVEL: "warn", SKERRY_S3_THREADS },
  });
  try {
    await cluster.s3(cluster.node(1)).send(new CreateBucketCommand({ Bucket: BUCKET }));
    const threads = `s3.threads ${SKERRY_S3_THREADS}`;
    console.log(
      `\nS3, ${nodes} ${nodes === 1 ? "node" : "nodes"}, ${threads}${nodes > 1 ? " (requests go round)" : ""}`,
    );
    await benchAll({
      endpoints: cluster.nodes.map((node) => `http://127.0.0.1:${node.s3Port}`),
      credentials: { accessKey: cluster.accessKey, secretKey: cluster.secretKey, region: "us-east-1" },
      pids: pidsOf(cluster.nodes.map((node) => node.process)),
    });
    for (const node of cluster.nodes) printMemory(node.number, node.process?.pid);
  } finally {
    await cluster.stop();
  }
}

/** A server that somebody else has started. */
async function benchPeer(endpoint: string): Promise<void> {
  const accessKey = process.env.PEER_ACCESS_KEY ?? "";
  const secretKey = process.env.PEER_SECRET_KEY ?? "";
  const region = "us-east-1";
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET })).catch((error: Error) => {
    if (error.name !== "BucketAlreadyOwnedByYou") throw error;
  });
  console.log(`\nthe S3 server at ${endpoint}`);
  const pid = values["peer-pid"];
  await benchAll({
    endpoints: [endpoint],
    credentials: { accessKey, secretKey, region },
    pids: pid === undefined ? [] : [Number(pid)],
  });
}

function pidsOf(processes: readonly (ChildProcess | undefined)[]): number[] {
  return processes.flatMap((child) => child?.pid ?? []);
}

async function benchAll(served: Served): Promise<void> {
  console.log(HEADINGS);
  for (const name of values.sizes.split(",")) {
    for (const clients of numbers(values.clients)) {
      for (const operation of ["PUT", "GET"] as const) await benchOne(served, { name, clients, operation });
    }
  }
}

async function benchOne(
  served: Served,
  what: { readonly name: string; readonly clients: number; readonly operation: "PUT" | "GET" },
): Promise<void> {
  const sizeBytes = SIZES[what.name];
  if (sizeBytes === undefined) throw new Error(`--sizes takes ${Object.keys(SIZES).join(", ")}`);
  const keys = Math.min(MAX_KEYS, Math.floor(DATA_SET_BYTES / sizeBytes));
  const load = (durationMs: number) =>
    runLoad({
      endpoints: served.endpoints,
      credentials: served.credentials,
      bucket: BUCKET,
      operation: what.operation,
      sizeBytes,
      clients: what.clients,
      durationMs,
      keys,
      // Reads ask only for what is there.
      fill: what.operation === "GET",
    });
  if (Number(values["warm-up"]) > 0) await load(Number(values["warm-up"]) * 1000);
  const results: LoadResult[] = [];
  const cpuBefore = cpuSeconds(served);
  for (let round = 0; round < Number(values.rounds); round++)
    results.push(await load(Number(values.seconds) * 1000));
  const cpu = cpuSeconds(served) - cpuBefore;
  const requests = results.reduce((sum, result) => sum + result.requests, 0);
  results.sort((a, b) => a.perSecond - b.perSecond);
  const median = results[Math.floor(results.length / 2)];
  if (median === undefined) return;
  const cells = [
    what.name.padEnd(8),
    String(what.clients).padStart(6),
    what.operation.padStart(11),
    median.perSecond.toFixed(median.perSecond < 100 ? 1 : 0).padStart(13),
    (median.bytesPerSecond / 1e6).toFixed(1).padStart(10),
    median.p50Ms.toFixed(2).padStart(10),
    median.p99Ms.toFixed(2).padStart(10),
    (served.pids.length === 0 ? "-" : ((cpu * 1e6) / requests).toFixed(0)).padStart(12),
    String(results.reduce((sum, result) => sum + result.errors, 0)).padStart(8),
  ];
  console.log(`  ${cells.join("")}`);
}

/** Of all nodes together, in seconds: what a request costs, whatever else the machine does. */
function cpuSeconds({ pids }: Served): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
  }, 0);
}

function printMemory(number: number, pid: number | undefined): void {
  if (pid === undefined) return;
  const status = readStatus(pid);
  console.log(`  node ${number}: peak resident memory ${(Number(status / 1024)).toFixed(0)} MiB`);
}

function readStatus(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1] ?? 0);
}
