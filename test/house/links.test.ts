/** The promise: what a document points to is there. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const pages = globSync(["*.md", "docs/**/*.md"], { cwd: ROOT }).sort();

test("there are documents", () => {
  expect(pages).toContain("README.md");
  expect(pages.length).toBeGreaterThan(10);
});

test.each(pages)("every link of %s leads somewhere", (page) => {
  const text = readFileSync(join(ROOT, page), "utf8").replaceAll(/```[\s\S]*?```/g, "");
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target.split("#")[0] ?? "");
  const missing = targets.filter(
    (target) => target !== "" && !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(page), target)),
  );
  expect(missing).toEqual([]);
});

test("every page of docs/internals is in its index", () => {
  const index = readFileSync(join(ROOT, "docs/internals/README.md"), "utf8");
  const internals = globSync("docs/internals/*.md", { cwd: ROOT }).map(
    (page) => page.split("/").at(-1) ?? "",
  );
  expect(internals.filter((name) => name !== "README.md" && !index.includes(`(${name})`))).toEqual([]);
});
