/** Lists at several sizes of a bucket: what a page of 1,000 costs at its start, in its middle and at its end, with and without a delimiter. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { signRequest } from "../../src/s3/testing/sign.ts";
import { percentile } from "./limits.ts";

const BUCKET = "bench";
const KEYS_IN_DIRECTORY = 100;
const PAGE_KEYS = 1_000;
const PAGES = 40;
/** Of a walk over all keys. */
const MAX_WALK_PAGES = 200;
const CREDENTIALS = { accessKeyId: "SKBENCHACCESSKEY", secretAccessKey: "a-secret-for-benchmarks" };
/** Of /proc/<pid>/stat, a second. */
const CLOCK_TICKS = 100;

export async function benchLists(sizes: readonly number[], directory = tmpdir()): Promise<void> {
  for (const keys of sizes) {
    const data = mkdtempSync(join(directory, "skerry-list-"));
    try {
      await benchList(keys, data);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  }
}

async function benchList(keys: number, data: string): Promise<void> {
  const begun = performance.now();
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  const program = new URL("list-node.ts", import.meta.url).pathname;
  const parameters = [
    String(keys),
    String(KEYS_IN_DIRECTORY),
    join(data, "state"),
    accessKeyId,
    secretAccessKey,
  ];
  const node = spawn(process.execPath, [program, ...parameters], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const [port] = (await once(node.stdout, "data")) as [Buffer];
    const filled = `filled in ${((performance.now() - begun) / 1000).toFixed(0)} s`;
    const load = loadavg()[0]?.toFixed(1);
    console.log(
      `\nlists of ${keys.toLocaleString("en")} keys, ${KEYS_IN_DIRECTORY} in a directory (${filled}; load ${load})`,
    );
    await benchPages({ endpoint: `http://127.0.0.1:${String(port).trim()}`, node }, keys);
  } finally {
    node.stdin.end();
    await once(node, "exit");
  }
}

interface Served {
  readonly endpoint: string;
  readonly node: ChildProcess;
}

async function benchPages(served: Served, keys: number): Promise<void> {
  console.log("  page of 1,000          place     entries    p50 ms    p99 ms   CPU ms/page");
  const directories = Math.ceil(keys / KEYS_IN_DIRECTORY);
  for (const delimiter of ["", "/"]) {
    const entries = delimiter === "" ? keys : directories;
    for (const [place, first] of [
      ["start", 0],
      ["middle", Math.floor(entries / 2)],
      ["end", Math.max(0, entries - PAGE_KEYS)],
    ] as const) {
      const after = delimiter === "" ? keyAt(first) : `${directoryAt(first)}/\u{10ffff}`;
      await benchPage(served, { delimiter, place, after: first === 0 ? "" : after });
    }
  }
  await benchWalk(served);
}

const directoryAt = (number: number): string => `directory-${String(number - 1).padStart(7, "0")}`;

function keyAt(number: number): string {
  const last = number - 1;
  const directory = directoryAt(Math.floor(last / KEYS_IN_DIRECTORY) + 1);
  return `${directory}/object-${String(last).padStart(8, "0")}`;
}

async function benchPage(
  served: Served,
  { delimiter, place, after }: { readonly delimiter: string; readonly place: string; readonly after: string },
): Promise<void> {
  const query = { "list-type": "2", "max-keys": String(PAGE_KEYS), delimiter, "start-after": after };
  const times: number[] = [];
  let entries = "";
  await page(served, query);
  const cpuBefore = cpuSeconds(served.node);
  for (let round = 0; round < PAGES; round++) {
    const begun = performance.now();
    const answer = await page(served, query);
    times.push(performance.now() - begun);
    entries = /<KeyCount>(\d+)/.exec(answer)?.[1] ?? "none";
  }
  const cpuMs = ((cpuSeconds(served.node) - cpuBefore) * 1000) / PAGES;
  times.sort((a, b) => a - b);
  const cells = [
    (delimiter === "" ? "keys" : 'delimiter "/"').padEnd(21),
    place.padStart(7),
    entries.padStart(12),
    percentile(times, 0.5).toFixed(2).padStart(10),
    percentile(times, 0.99).toFixed(2).padStart(10),
    cpuMs.toFixed(2).padStart(14),
  ];
  console.log(`  ${cells.join("")}`);
}

/** From the first key on, page after page, as clients do. */
async function benchWalk(served: Served): Promise<void> {
  const cpuBefore = cpuSeconds(served.node);
  const begun = performance.now();
  let keys = 0;
  let token = "";
  for (let pages = 0; pages < MAX_WALK_PAGES; pages++) {
    const answer = await page(served, {
      "list-type": "2",
      "max-keys": String(PAGE_KEYS),
      ...(token !== "" && { "continuation-token": token }),
    });
    keys += Number(/<KeyCount>(\d+)/.exec(answer)?.[1] ?? 0);
    token = /<NextContinuationToken>([^<]*)/.exec(answer)?.[1] ?? "";
    if (token === "") break;
  }
  const seconds = (performance.now() - begun) / 1000;
  const cpu = cpuSeconds(served.node) - cpuBefore;
  console.log(
    `  a walk over ${keys.toLocaleString("en")} keys: ${Math.round(keys / seconds).toLocaleString("en")} keys/s; the node's CPU alone would allow ${Math.round(keys / cpu).toLocaleString("en")}`,
  );
}

async function page({ endpoint }: Served, query: Readonly<Record<string, string>>): Promise<string> {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  const target = `/${BUCKET}?${given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
  const { host, ...headers } = signRequest({
    method: "GET",
    target,
    headers: { host: new URL(endpoint).host },
    payloadHash: "UNSIGNED-PAYLOAD",
    credentials: CREDENTIALS,
    nowMs: Date.now(),
  }).headers;
  const response = await fetch(`${endpoint}${target}`, { headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${host} answers ${response.status}: ${text.slice(0, 300)}`);
  return text;
}

function cpuSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}
