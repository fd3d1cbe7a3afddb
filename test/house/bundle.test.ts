/** The promise: what `make build` makes is the program, whole, and says under which licences its parts are. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const BUNDLE = join(ROOT, "dist/cmd/skerry");
const files = readdirSync(BUNDLE).filter((name) => name.endsWith(".js"));
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>;
};

test("the bundle imports Node, itself, and packages that are installed with it", () => {
  const imported = files.flatMap((file) => [
    ...readFileSync(join(BUNDLE, file), "utf8").matchAll(/^(?:import|export) [^"']*?["']([^"'\n]+)["'];$/gm),
  ]);
  const others = new Set(
    imported.flatMap(([, name = ""]) => (/^(node:|\.\/)/.test(name) ? [] : [name])).sort(),
  );
  expect(others).toContain("classic-level");
  expect([...others].filter((name) => manifest.dependencies[name] === undefined)).toEqual([]);
});

test("the file of every thread is in it", () => {
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  const started = sources
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .flatMap((file) => [...readFileSync(join(ROOT, "src", file), "utf8").matchAll(/threadFile\("([^"]+)"/g)])
    .map(([, name]) => `${name}.js`);
  expect(started.length).toBeGreaterThan(3);
  expect(started.filter((file) => !files.includes(file))).toEqual([]);
});

test("the licences of packages in it go with it", () => {
  const text = readFileSync(join(BUNDLE, "LICENSES-OF-DEPENDENCIES.txt"), "utf8");
  const external = ["classic-level", "@napi-rs/blake-hash", "@node-rs/crc32", "saxes", "snowball-stemmers"];
  const named = Object.keys(manifest.dependencies).filter((name) => !external.includes(name));
  expect(named.filter((name) => !new RegExp(`^${name} \\d`, "m").test(text))).toEqual([]);
  expect(text).toMatch(/Permission is hereby granted, free of charge/);
});
