/**
 * `make mutations`: switches each known bug on alone and runs what must catch it. Fails when one is not caught within its seeds, or cannot be
 * made any more. `--write` keeps the table in docs/internals/mutations.md; `--only a,b` takes some. `--simulate N` asks the simulated cluster instead, with
 * the seeds 1 to N: what it does not notice is no failure, for others do.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { MUTATIONS, NOT_APPLICABLE } from "./list.ts";
import { type Mutation, mutated, sourceOf } from "./mutation.ts";
import { judge, type Verdict } from "./run-mutation.ts";
import { simulate, simulatedRow } from "./simulate.ts";

const PAGE = new URL("../../docs/internals/mutations.md", import.meta.url);
const MARK = "<!-- the table: make mutations ARGS=--write -->";

const SIMULATED_MARK = '<!-- the table: make mutations ARGS="--simulate 40 --write" -->';

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    write: { type: "boolean", default: false },
    simulate: { type: "string" },
  },
});
const only = values.only?.split(",");
const chosen = MUTATIONS.filter(
  ({ name, known }) => only === undefined || only.includes(name) || only.includes(known ?? ""),
);
for (const mutation of chosen) mutated(mutation, sourceOf(mutation));

if (values.simulate === undefined) await judgeAll();
else await simulateAll(Number(values.simulate));

async function judgeAll(): Promise<never> {
  const rows: string[] = [];
  let missed = 0;
  for (const mutation of chosen) {
    const verdict = await judge(mutation);
    if (verdict.kind === "missed") missed++;
    rows.push(rowOf(mutation, verdict));
    console.log(rows.at(-1));
  }
  console.log(`${chosen.length} mutations, ${chosen.length - missed} caught`);
  if (values.write && missed === 0) keepTable(rows);
  process.exit(missed === 0 && chosen.length > 0 ? 0 : 1);
}

async function simulateAll(seeds: number): Promise<never> {
  const rows: string[] = [];
  let caught = 0;
  for (const mutation of chosen) {
    const simulated = await simulate(mutation, seeds);
    if (simulated.kind === "caught" || simulated.kind === "hung") caught++;
    rows.push(simulatedRow(mutation, seeds, simulated));
    console.log(rows.at(-1));
    // It takes long: what is known is kept at once.
    if (values.write) keepSimulated(rows);
  }
  console.log(`${chosen.length} mutations, ${caught} noticed by the simulated cluster within ${seeds} seeds`);
  process.exit(chosen.length > 0 ? 0 : 1);
}

function rowOf({ name, known = "", what, detector }: Mutation, verdict: Verdict): string {
  const found =
    verdict.kind === "caught"
      ? [detector.isSeeded ? String(verdict.seeds) : "-", `${verdict.by}: ${verdict.why}`]
      : ["MISSED", verdict.reason ?? "nothing was noticed"];
  const cells = [name, known, what, `\`${detector.file}\``, ...found];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
}

/** Rows of mutations that did not run now stay as they are. */
function merged(table: string, rows: readonly string[]): readonly string[] {
  const known = [...table.split("\n"), ...rows].filter((row) => row.startsWith("| "));
  const byName = new Map(known.map((row) => [row.slice(2, row.indexOf(" |")), row]));
  return MUTATIONS.map(({ name }) => byName.get(name)).filter((row) => row !== undefined);
}

function keepTable(rows: readonly string[]): void {
  const [before = "", rest = ""] = readFileSync(PAGE, "utf8").split(MARK);
  const [table = "", simulated = ""] = rest.split(SIMULATED_MARK);
  const others = NOT_APPLICABLE.map(({ known: number, why }) => `- ${number}: ${why}`);
  const page = [
    before + MARK,
    "",
    "| mutation | known as | the bug | detector | seeds | what noticed it |\n|---|---|---|---|---|---|",
    ...merged(table, rows),
    "",
    "Known bugs that cannot be made here:",
    "",
    ...others,
    "",
    ...introduction(table),
    SIMULATED_MARK + simulated,
  ];
  writeFileSync(PAGE, page.join("\n"));
}

/** What stands between the two tables, from its heading on. */
function introduction(table: string): readonly string[] {
  const at = table.indexOf("## ");
  return at < 0 ? [] : [table.slice(at).trimEnd(), ""];
}

function keepSimulated(rows: readonly string[]): void {
  const [before = "", table = ""] = readFileSync(PAGE, "utf8").split(SIMULATED_MARK);
  const head = "| mutation | known as | seeds | what noticed it |\n|---|---|---|---|";
  writeFileSync(PAGE, [before + SIMULATED_MARK, "", head, ...merged(table, rows), ""].join("\n"));
}
