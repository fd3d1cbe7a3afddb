import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CoverageMark, type RunReport, runSeed, Totals } from "../../src/sim/index.ts";

/** Runs of `make test` besides the kept seeds: seventy that come to every important place. */
const FIRST_SEED = 101;
const SEEDS = 70;
const SEEDS_PER_TEST = 10;
/** A run of many seeds on a busy machine. */
const TIMEOUT_MS = 600_000;

/** What the runs of this file must have come to: without it they prove little. */
const IMPORTANT: readonly CoverageMark[] = [
  "leader changed",
  "snapshot installed",
  "log compacted",
  "torn log tail cut",
  "node fenced",
  "configuration changed",
  "node stopped itself",
  "node restarted",
  "chunk quarantined",
  "blob lost its last reference",
  "blob ordered unlinked",
  "blob forgotten",
  "write outcome unknown",
  "write refused as unavailable",
  "conditional write refused",
  "multipart completed",
  "copy made",
  "encryption key rotated",
  "encryption key version removed",
  "delete marker made",
  "version removed",
  "version read by its id",
  "versioning suspended",
  "batch written",
  "namespace flushed",
  "namespace merged",
  "namespace deletes written",
  "namespace read in the past",
  "branch made",
  "namespace deleted",
  "namespace forgotten",
  "lease taken over",
  "node replaced",
  "older disk refused",
  "node added",
  "node replaced as planned",
  "removed node stopped",
];

const totals = new Totals();

function expectHeld(report: RunReport): void {
  totals.add(report);
  const { failure, seed } = report;
  const tail = failure?.tail.slice(-40).join("\n");
  expect(failure, `make sim ARGS="--seed ${seed}"\n${failure?.message}\n${tail}`).toBeUndefined();
}

describe("the simulated cluster", () => {
  it.each([3, 12, 57])(
    "seed %d gives the same trace twice, byte for byte",
    async (seed) => {
      const lines: string[][] = [[], []];
      const first = await runSeed(seed, { onLine: (line) => lines[0]!.push(line) });
      const second = await runSeed(seed, { onLine: (line) => lines[1]!.push(line) });
      expect(lines[0]!.length).toBeGreaterThan(20);
      expect(lines[1]).toEqual(lines[0]);
      expect([second.traceHash, second.events, second.virtualMs]).toEqual([
        first.traceHash,
        first.events,
        first.virtualMs,
      ]);
      expect((await runSeed(seed + 1)).traceHash).not.toBe(first.traceHash);
    },
    TIMEOUT_MS,
  );

  const kept = readFileSync(join(import.meta.dirname, "seeds.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => [line.split(" ")[0]!, line.split(" ").slice(1).join(" ")] as const);
  it.each(kept)("kept seed %s holds: %s", async (seed) => expectHeld(await runSeed(seed)), TIMEOUT_MS);

  const batches = Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, at) => FIRST_SEED + at * SEEDS_PER_TEST);
  it.each(batches)(
    "ten seeds from %d hold",
    async (first) => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) expectHeld(await runSeed(seed));
    },
    TIMEOUT_MS,
  );

  it("came to every important place", () => {
    expect(totals.missing().filter((mark) => IMPORTANT.includes(mark))).toEqual([]);
  });
});
