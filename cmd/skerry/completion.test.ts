/** Of the promise: a real bash, and a real zsh where there is one, completes what the commands are declared to have, and nothing else. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { expect, it } from "vitest";
import { addCompletionCommand, completionScript } from "./completion.ts";
import { addEncryptionKeyCommands } from "./encryption-key.ts";
import { addNamespaceCommands } from "./namespace.ts";

const program = new Command("skerry");
for (const add of [addEncryptionKeyCommands, addNamespaceCommands, addCompletionCommand]) add(program);
const bash = completionScript(program, "bash");

/** Prints what Tab gives after the words of its arguments, one a line. */
const PRESS_TAB = `eval "$SCRIPT"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skerry; printf '%s\\n' "\${COMPREPLY[@]}"`;

function completed(...words: readonly string[]): readonly string[] {
  const env = { ...process.env, SCRIPT: bash };
  const { stdout, stderr } = spawnSync("bash", ["-c", PRESS_TAB, "bash", "skerry", ...words], {
    encoding: "utf8",
    env,
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

const CASES: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
  [["n"], ["ns"]],
  [["encr"], ["encryption-key"]],
  [["ns", "st"], ["store"]],
  [
    ["ns", "store", "set-"],
    ["set-cluster", "set-directory", "set-bucket"],
  ],
  [["ns", "get", "docs", "--o"], ["--output"]],
  [
    ["ns", "get", "docs", "--output", ""],
    ["text", "json"],
  ],
  [["ns", "get", "docs", "--output", "j"], ["json"]],
  [["--endpoint", "x", "ns", "ex"], ["export"]],
  [
    ["completion", ""],
    ["bash", "zsh", "fish"],
  ],
  // Files are what the shell offers then.
  [["ns", "upsert", "docs", ""], []],
  [["ns", "create", "docs", "--schema", ""], []],
  [["nothing", "of", "it"], []],
];

it.each(CASES)("after %j comes %j", (words, expected) => {
  expect(completed(...words)).toEqual(expected);
});

/** A user's: it notes what is offered before it is shown. */
const ZSHRC = `source $SCRIPT
bindkey -e
compadd() {
  if [[ " $* " = *" -"[OAD]" "* ]]; then builtin compadd "$@"; return; fi
  local -a offered
  builtin compadd -A offered "$@"
  (( $#offered )) && print -rn -- "<offered>\${(j:|:)offered}</offered>"
  builtin compadd "$@"
}
completed() { print -rn -- "<tab>" }
comppostfuncs=(completed)
print -r -- READ""Y
`;
/** Types each of its arguments into a zsh of a terminal of its own, presses Tab, and prints what came on the terminal. */
const TYPE_IN_ZSH = `zmodload zsh/zpty || exit 3
for line; do
  zpty terminal "zsh -d -i"
  zpty -r terminal seen "*READY*" || exit 4
  zpty -w -n terminal "$line"$'\\t'
  zpty -r terminal seen "*<tab>*" || exit 5
  print -rn -- "$seen<line>"
  zpty -d terminal
done`;

const hasZsh = spawnSync("zsh", ["-f", "-c", "zmodload zsh/zpty"]).status === 0;
if (!hasZsh) process.stderr.write("SKIPPED: completion in zsh is not tested, as there is no zsh here\n");

it.skipIf(!hasZsh)("in zsh comes the same, and files where nothing is known", { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), "skerry-zsh-"));
  try {
    const [cwd, script] = [join(home, "here"), join(home, "skerry.zsh")];
    mkdirSync(cwd);
    writeFileSync(join(cwd, "documents.jsonl"), "");
    writeFileSync(script, completionScript(program, "zsh"));
    writeFileSync(join(home, ".zshrc"), ZSHRC);
    const { PATH } = process.env;
    const env = { PATH, HOME: home, ZDOTDIR: home, SCRIPT: script, TERM: "dumb" };
    const lines = CASES.map(([words]) => ["skerry", ...words].join(" "));
    const typed = spawnSync("zsh", ["-f", "-c", TYPE_IN_ZSH, "zsh", ...lines], {
      encoding: "utf8",
      env,
      cwd,
      timeout: 100_000,
    });
    expect(typed).toMatchObject({ status: 0, stderr: "" });
    const shown = typed.stdout.split("<line>").slice(0, -1);
    const offered = shown.map((text) => [
      ...new Set([...text.matchAll(/<offered>(.*?)<\/offered>/g)].flatMap(([, all = ""]) => all.split("|"))),
    ]);
    const isForFile = (words: readonly string[], expected: readonly string[]) =>
      expected.length === 0 && words.at(-1) === "";
    expect(offered).toEqual(
      CASES.map(([words, expected]) => (isForFile(words, expected) ? ["documents.jsonl"] : expected)),
    );
  } finally {
    rmSync(home, { recursive: true });
  }
});

it("is registered for the program, in bash and in what zsh and fish are given", () => {
  expect(bash).toContain("complete -o default -F _skerry skerry\n");
  expect(completionScript(program, "zsh")).toMatch(/bashcompinit\n_skerry\(\)/);
  expect(completionScript(program, "fish")).toContain(
    `complete -c skerry -n '__skerry_at " ns get"' -l output -x -a 'text json'`,
  );
});
