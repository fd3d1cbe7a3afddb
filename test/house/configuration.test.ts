/** The promise: the reference page is the table of settings, not somebody's memory of it. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { describeSettings } from "../../src/server/config/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");

test("docs/reference/configuration.md is what `skerry config reference` prints", () => {
  const page = readFileSync(join(ROOT, "docs/reference/configuration.md"), "utf8");
  expect(page, "run: node cmd/skerry/main.ts config reference > docs/reference/configuration.md").toBe(
    describeSettings(),
  );
});
