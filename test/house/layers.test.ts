/** The promise: imports go only down the table of layers.json, and the check that says so really read the modules. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const CRUISER = join(ROOT, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");
const TIMEOUT_MS = 120_000;

interface Layers {
  readonly modules: Readonly<Record<string, readonly string[]>>;
  readonly typeOnly: Readonly<Record<string, readonly string[]>>;
  readonly node: { readonly paths: readonly string[] };
  readonly platformNode: { readonly paths: readonly string[] };
}

interface Cruise {
  readonly modules: readonly { readonly source: string; readonly dependencies: readonly unknown[] }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

const layers = JSON.parse(readFileSync(join(ROOT, "layers.json"), "utf8")) as Layers;

/** Runs the check as `make lint` does, in a directory that has its configuration. */
function cruise(directory: string): Cruise {
  const run = spawnSync(
    process.execPath,
    [CRUISER, "--config", ".dependency-cruiser.mjs", "--output-type", "json", "src", "cmd"],
    { cwd: directory, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 },
  );
  if (run.stdout === "") throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Cruise;
}

function sources(directory: string): string[] {
  return globSync(["src/**/*.ts", "cmd/**/*.ts"], { cwd: directory })
    .filter((path) => !path.startsWith("src/gen/"))
    .sort();
}

describe("the layer check", () => {
  let result: Cruise;
  beforeAll(() => {
    result = cruise(ROOT);
  }, TIMEOUT_MS);

  test("read every module and what it imports", () => {
    const read = new Set(result.modules.map(({ source }) => source));
    expect(sources(ROOT).filter((path) => !read.has(path))).toEqual([]);
    const dependencies = result.modules.reduce((sum, module) => sum + module.dependencies.length, 0);
    expect(dependencies).toBeGreaterThan(2000);
  });

  test("finds nothing in this repository", () => {
    expect(result.summary.violations).toEqual([]);
  });
});

describe("the table", () => {
  const folders = globSync("src/*/index.ts", { cwd: ROOT }).map((path) => path.split("/")[1] ?? "");

  test("has every module", () => {
    expect(folders.filter((name) => !(name in layers.modules))).toEqual([]);
  });

  test("goes only down: no two modules may import values of each other", () => {
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      (layers.modules[from] ?? []).some((next) => {
        if (next === to) return true;
        if (seen.has(next)) return false;
        seen.add(next);
        return reaches(next, to, seen);
      });
    expect(Object.keys(layers.modules).filter((name) => reaches(name, name))).toEqual([]);
  });

  test("names no file or folder that is not there", () => {
    const paths = [...layers.node.paths, ...layers.platformNode.paths];
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("is the one in docs/ARCHITECTURE.md", () => {
    const page = readFileSync(join(ROOT, "docs/ARCHITECTURE.md"), "utf8");
    const rows = [...page.matchAll(/^\| \d \| `([a-z0-9]+)` \|[^|]*\|([^|]*)\|$/gm)];
    const drawn = rows.map(([, name = "", cell = ""]) => ({ name, cell: cell.trim() }));
    const expected = Object.entries(layers.modules).map(([name, allowed]) => {
      const types = layers.typeOnly[name] ?? [];
      const values = allowed.length === 0 ? "-" : allowed.join(", ");
      return { name, cell: types.length === 0 ? values : `${values}; types of ${types.join(", ")}` };
    });
    expect(drawn).toEqual(expected);
  });
});

describe("planted violations are found:", () => {
  let directory: string;
  let found: readonly string[];

  /** Each file breaks one rule; the two of a cycle break one together. */
  const planted: Readonly<Record<string, string>> = {
    "src/base/index.ts": 'export { now } from "../platform/index.ts";\n',
    "src/platform/index.ts": "export const now = 1;\n",
    "src/platform/node/index.ts": "export const clock = 1;\n",
    "src/raft/index.ts": "export interface Raft { readonly term: number }\nexport const raft = 1;\n",
    "src/raft/types.ts": "export type Term = number;\n",
    "src/raft/core/deep.ts": "export const deep = 1;\n",
    "src/meta/index.ts": 'export { raft } from "../raft/index.ts";\n',
    "src/meta/fine.ts": 'import type { Term } from "../raft/types.ts";\nexport type Same = Term;\n',
    "src/segment/index.ts": 'export { raft } from "../raft/index.ts";\n',
    "src/segment/node.ts": 'import { readFileSync } from "node:fs";\nexport const read = readFileSync;\n',
    "src/segment/clock.ts": 'export { clock } from "../platform/node/index.ts";\n',
    "src/segment/one.ts": 'import { two } from "./two.ts";\nexport const one = (): number => two();\n',
    "src/segment/two.ts": 'import { one } from "./one.ts";\nexport const two = (): number => one();\n',
    "src/segment/missing.ts": 'export { nothing } from "./nothing.ts";\n',
    "src/segment/x.test.ts": "export const helper = 1;\n",
    "src/segment/production.ts": 'export { helper } from "./x.test.ts";\n',
    "src/server/index.ts": 'export { deep } from "../raft/core/deep.ts";\n',
    "cmd/skerry/main.ts": 'export { raft } from "../../src/raft/index.ts";\n',
  };

  beforeAll(() => {
    // Inside the repository, so that packages resolve; in an ignored folder, so that a crash leaves nothing to commit.
    mkdirSync(join(ROOT, "node_modules/.cache"), { recursive: true });
    directory = mkdtempSync(join(ROOT, "node_modules/.cache/layers-"));
    for (const file of [".dependency-cruiser.mjs", "layers.json", "tsconfig.json", "package.json"]) {
      cpSync(join(ROOT, file), join(directory, file));
    }
    for (const [path, text] of Object.entries(planted)) {
      mkdirSync(join(directory, path, ".."), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    found = cruise(directory).summary.violations.map(
      ({ rule, from }) => `${rule.name} ${relative(directory, resolve(directory, from))}`,
    );
  }, TIMEOUT_MS);

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each([
    ["an import up the table", "layer-base src/base/index.ts"],
    ["one engine's values in another", "layer-segment src/segment/index.ts"],
    ["values where only types may be", "layer-meta-types src/meta/index.ts"],
    ["a neighbour's inside", "front-door-raft src/server/index.ts"],
    ["node:* away from the edge", "node-at-the-edge src/segment/node.ts"],
    ["Node's implementation of a port", "platform-through-ports src/segment/clock.ts"],
    ["a test in production", "tests-stay-out src/segment/production.ts"],
    ["a file that is not there", "resolvable src/segment/missing.ts"],
  ])("%s", (_what, violation) => {
    expect(found).toContain(violation);
  });

  test("a cycle", () => {
    expect(found.filter((violation) => violation.startsWith("no-cycles "))).not.toEqual([]);
  });

  test("and what is allowed is not", () => {
    expect(found.filter((violation) => /fine\.ts|cmd\//.test(violation))).toEqual([]);
  });
});
