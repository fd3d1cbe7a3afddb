/** The promise: an installation is the packages that were reviewed, wherever they are fetched from. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<
    Record<
      string,
      Partial<Manifest> & {
        readonly version?: string;
        readonly resolved?: string;
        readonly integrity?: string;
        readonly link?: boolean;
        readonly dev?: boolean;
      }
    >
  >;
}

const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as Lock;
const direct = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
const installed = Object.entries(lock.packages).filter(([path]) => path !== "");

describe("package.json", () => {
  test("names exact versions", () => {
    expect(direct.length).toBeGreaterThan(20);
    expect(direct.filter(([, version]) => !/^\d+\.\d+\.\d+(-[a-z0-9.]+)?$/.test(version))).toEqual([]);
  });

  test("has a reason in docs/dependencies.md for every package", () => {
    const page = readFileSync(join(ROOT, "docs/dependencies.md"), "utf8");
    expect(direct.map(([name]) => name).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("package-lock.json", () => {
  test("says what package.json says", () => {
    expect(lock.packages[""]?.dependencies).toEqual(manifest.dependencies);
    expect(lock.packages[""]?.devDependencies).toEqual(manifest.devDependencies);
    const others = direct.filter(
      ([name, version]) => lock.packages[`node_modules/${name}`]?.version !== version,
    );
    expect(others).toEqual([]);
  });

  test("has a digest and no address for every package", () => {
    expect(installed.length).toBeGreaterThan(100);
    expect(installed.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
    expect(
      installed.filter(([, entry]) => !entry.integrity?.startsWith("sha512-")).map(([path]) => path),
    ).toEqual([]);
  });
});
