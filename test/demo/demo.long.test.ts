/** Of the promise: the demo runs from a fresh clone and what it says is so. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { fromNpm } from "../support/client-cache.ts";
import { run } from "../support/program.ts";
import { WORDNET_PACKAGE } from "./wordnet.ts";

const hasData = fromNpm("wordnet", [WORDNET_PACKAGE]) !== undefined;

it.skipIf(!hasData)("answers its questions, and keeps a branch apart", { timeout: 240_000 }, async () => {
  const args = [join(import.meta.dirname, "main.ts"), "--documents", "3000"];
  const { exitCode, stdout, stderr } = await run(process.execPath, args, { timeoutMs: 230_000 });
  const said = stdout.toString();
  expect([exitCode, said + stderr]).toEqual([0, expect.stringContaining("3000 documents in")]);
  expect(said).toMatch(/Indexed: \d+ segments/);
  expect(said).toMatch(/dictionary: \{"animals":[1-9]\d*\}/);
  expect(said).toContain('mine: {"animals":0}');
  const [trunk = "", branch = ""] = said.slice(said.indexOf("A branch of it")).split("mine:");
  expect([trunk.includes("skerry"), branch.includes("skerry")]).toEqual([false, true]);
});
