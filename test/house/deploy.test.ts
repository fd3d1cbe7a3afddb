/** The promise: what deploy/ gives to operators fits the program of this repository: its metrics, its settings, its exit codes, its pages. */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClusterCa } from "../../src/cluster/index.ts";
import { createMetrics } from "../../src/observe/index.ts";
import { METRICS, type MetricDefinition } from "../../src/observe/metric-catalogue.ts";
import { createNodePlatform } from "../../src/platform/node/index.ts";
import { loadConfig } from "../../src/server/config/index.ts";
import { skerry } from "../support/program.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const ALERTS = read("deploy/prometheus/alerts.yml");
const UNIT = read("deploy/systemd/skerry.service");
const EXAMPLES = ["deploy/systemd/skerry.toml", "deploy/systemd/skerry-joining.toml"];
/** Labels that Prometheus gives, and the one of every histogram. */
const GIVEN_LABELS = ["job", "instance", "le"];
const METRIC = /\b(?:skerry|process|nodejs)_[a-z0-9_]+/g;
const SELECTOR = /\b(skerry_[a-z0-9_]+)\{([^}]*)\}/g;

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const DASHBOARD = JSON.parse(read("deploy/grafana/skerry.json")) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
};
const QUERIES = DASHBOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join("\n");

/** Name to kind, as /metrics shows it. */
async function exported(): Promise<ReadonlyMap<string, string>> {
  const { body } = await createMetrics({ process: true }).render();
  return new Map(
    [...body.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", kind = ""]) => [name, kind]),
  );
}

function withoutSuffix(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, "");
}

/** The part of a link behind the "#" that leads to a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

describe.each([
  ["alerts", ALERTS],
  ["dashboard", QUERIES],
])("the %s", (_, text) => {
  test("name metrics that a node exports", async () => {
    const kinds = await exported();
    const named = new Set([...text.matchAll(METRIC)].map(([name]) => name));
    expect(named.size).toBeGreaterThan(20);
    const unknown = [...named].filter(
      (name) => !kinds.has(name) && kinds.get(withoutSuffix(name)) !== "histogram",
    );
    expect(unknown).toEqual([]);
  });

  test("select by labels that these metrics have", () => {
    const definitions = new Map(
      Object.values<MetricDefinition>(METRICS).map((metric) => [metric.name, metric.labels]),
    );
    const wrong = [...text.matchAll(SELECTOR)].flatMap(([, name = "", selectors = ""]) => {
      const labels = definitions.get(name) ?? definitions.get(withoutSuffix(name)) ?? [];
      return [...selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)]
        .map(([, label = ""]) => label)
        .filter((label) => !labels.includes(label) && !GIVEN_LABELS.includes(label))
        .map((label) => `${name}{${label}}`);
    });
    expect(wrong).toEqual([]);
  });
});

test("every metric of the catalogue gets its values from somewhere", () => {
  const sources = globSync("src/**/*.ts", { cwd: ROOT })
    .filter((file) => !/\.test\.ts$|metric-catalogue\.ts$|shoal-names\.ts$/.test(file))
    .map(read)
    .join("\n");
  // Of the registry itself.
  const own = ["droppedSeries"];
  const unset = Object.keys(METRICS).filter(
    (name) => !own.includes(name) && !new RegExp(`metrics\\??\\.${name}\\b`, "i").test(sources),
  );
  expect(unset).toEqual([]);
});

test("every alert is tried by promtool's file, and leads to a section that is there", () => {
  const tried = read("deploy/prometheus/alerts.test.yml");
  const names = [...ALERTS.matchAll(/^ {6}- alert: (\w+)$/gm)].map(([, name = ""]) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !tried.includes(name))).toEqual([]);

  const runbooks = [...ALERTS.matchAll(/^ +runbook: (\S+)$/gm)].map(([, runbook = ""]) => runbook);
  expect(runbooks).toHaveLength(names.length);
  const missing = runbooks.filter((runbook) => {
    const [page = "", anchor] = runbook.split("#");
    const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
    return anchor !== undefined && !headings.includes(anchor);
  });
  expect(missing).toEqual([]);
});

test("the dashboard asks for its data source, and its panels have ids of their own", () => {
  expect(DASHBOARD.templating.list.map(({ type, name }) => `${type} ${name}`)).toContain(
    "datasource datasource",
  );
  const ids = DASHBOARD.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

describe("the example configurations", () => {
  const directory = mkdtempSync(join(tmpdir(), "skerry-deploy-"));
  const files = { certificate: join(directory, "public.crt"), key: join(directory, "public.key") };
  beforeAll(async () => {
    const { random } = createNodePlatform();
    const ca = await createClusterCa({ clusterId: "0".repeat(32), nowMs: 1_800_000_000_000, random });
    writeFileSync(files.certificate, ca.certificatePem);
    writeFileSync(files.key, ca.privateKeyPem);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each(EXAMPLES)("%s passes the program's own check", async (example) => {
    const tls = ["--tls-certificate-file", files.certificate, "--tls-key-file", files.key];
    const ended = await skerry(["config", "check", "--config", join(ROOT, example), ...tls]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test.each(EXAMPLES)("%s has its data where the unit lets a node write", (example) => {
    const config = loadConfig({ file: { path: example, text: read(example) } });
    expect(UNIT).toContain(`StateDirectory=${config["node.data_dir"].replace("/var/lib/", "")}\n`);
    expect(UNIT).toContain(`RequiresMountsFor=${config["node.data_dir"]}\n`);
  });
});

describe("the unit", () => {
  test("leaves a node stopped after the exit codes that say so", () => {
    const [documented] = /RestartPreventExitStatus=[0-9 ]+/.exec(read("docs/operating/exit-codes.md")) ?? [];
    expect(documented).toBe("RestartPreventExitStatus=2 5");
    expect(UNIT.split("\n")).toContain(documented);
    expect(UNIT).toMatch(/^Restart=on-failure$/m);
  });

  test("waits longer for a stop than the grace of requests and the hand-over of the lead", () => {
    const seconds = Number(/^TimeoutStopSec=(\d+)s$/m.exec(UNIT)?.[1]);
    expect(seconds).toBeGreaterThanOrEqual(10 + 3 + 10);
  });
});
