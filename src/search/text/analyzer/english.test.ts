import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { stemEnglish } from "./english.ts";

it("stems English as Snowball does", () => {
  const lines = readFileSync(new URL("testdata/english-stems.txt", import.meta.url), "utf8")
    .trim()
    .split("\n");
  expect(lines.length).toBeGreaterThan(1_000);
  const given = lines.map((line) => line.split(" ")[0] ?? "");
  expect(given.map((word) => `${word} ${stemEnglish(word)}`)).toEqual(lines);
});
