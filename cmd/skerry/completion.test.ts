/** Of the promise: a real bash completes what the commands are declared to have, and nothing else. */
import { spawnSync } from "node:child_process";
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

it.each<[words: readonly string[], expected: readonly string[]]>([
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
])("after %j comes %j", (words, expected) => {
  expect(completed(...words)).toEqual(expected);
});

it("is registered for the program, in bash and in what zsh and fish are given", () => {
  expect(bash).toContain("complete -o default -F _skerry skerry\n");
  expect(completionScript(program, "zsh")).toMatch(/bashcompinit\n_skerry\(\)/);
  expect(completionScript(program, "fish")).toContain(
    `complete -c skerry -n '__skerry_at " ns get"' -l output -x -a 'text json'`,
  );
});
