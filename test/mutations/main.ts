/**
 * `make mutations`: switches each known bug on alone and runs what must catch it. Fails when one is not caught within its seeds, or cannot be
 * made any more. `--write` keeps the table in docs/internals/mutations.md; `--only a,b` takes some.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { MUTATIONS, NOT_APPLICABLE } from "./list.ts";
import { type Mutation, mutated, sourceOf } from "./mutation.ts";
import { judge, type Verdict } from "./run-mutation.ts";

const PAGE = new URL("../../docs/internals/mutations.md", import.meta.url);
const MARK = "<!-- the table: make mutations ARGS=--write -->";

const { values } = parseArgs({
  options: { only: { type: "string" }, write: { type: "boolean", default: false } },
});
const only = values.only?.split(",");
const chosen = MUTATIONS.filter(
  ({ name, known }) => only === undefined || only.includes(name) || only.includes(known ?? ""),
);
for (const mutation of chosen) mutated(mutation, sourceOf(mutation));

const rows: string[] = [];
let missed = 0;
for (const mutation of chosen) {
  const verdict = await judge(mutation);
  if (verdict.kind === "missed") missed++;
  rows.push(rowOf(mutation, verdict));
  console.log(rows.at(-1));
}
console.log(`${chosen.length} mutations, ${chosen.length - missed} caught`);
if (values.write && missed === 0) keep();
process.exit(missed === 0 && chosen.length > 0 ? 0 : 1);

function rowOf({ name, known = "", what, detector }: Mutation, verdict: Verdict): string {
  const found =
    verdict.kind === "caught"
      ? [detector.isSeeded ? String(verdict.seeds) : "-", `${verdict.by}: ${verdict.why}`]
      : ["MISSED", verdict.reason ?? "nothing was noticed"];
  const cells = [name, known, what, `\`${detector.file}\``, ...found];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
}

/** Rows of mutations that did not run now stay as they are. */
function keep(): void {
  const [before = "", table = ""] = readFileSync(PAGE, "utf8").split(MARK);
  const known = [...table.split("\n"), ...rows].filter((row) => row.startsWith("| "));
  const byName = new Map(known.map((row) => [row.slice(2, row.indexOf(" |")), row]));
  const kept = MUTATIONS.map(({ name }) => byName.get(name)).filter((row) => row !== undefined);
  const head =
    "| mutation | known as | the bug | detector | seeds | what noticed it |\n|---|---|---|---|---|---|";
  const others = NOT_APPLICABLE.map(({ known: number, why }) => `- ${number}: ${why}`);
  const page = [
    before + MARK,
    "",
    head,
    ...kept,
    "",
    "Known bugs that cannot be made here:",
    "",
    ...others,
    "",
  ];
  writeFileSync(PAGE, page.join("\n"));
}
