/** Of the promise: every command ends with the same exit code when a file that it is given cannot be read. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { CommandError } from "./exit.ts";
import { fileToRead } from "./local-file.ts";
import { jsonOption } from "./namespace-calls.ts";

const directory = mkdtempSync(join(tmpdir(), "skerry-local-file-"));
afterAll(() => rmSync(directory, { recursive: true }));

async function exitCodeOf(run: () => unknown): Promise<number> {
  try {
    await run();
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.exitCode;
  }
}

it.each<[what: string, read: (path: string) => unknown]>([
  ["object cp", fileToRead],
  ["ns create --schema", (path) => jsonOption(`@${path}`, "--schema")],
])("%s of a file that is not there, or no file", async (_, read) => {
  expect(await exitCodeOf(() => read(join(directory, "absent")))).toBe(2);
  expect(await exitCodeOf(() => read(directory))).toBe(2);
});
