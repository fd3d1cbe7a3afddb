/**
 * The promises: every command ends with the same exit code when a file that it is given cannot be read; a download takes the place of its target and of
 * nothing else, and leaves nothing behind when it fails.
 */
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CommandError } from "./exit.ts";
import { fileToRead, openTarget } from "./local-file.ts";
import { jsonOption } from "./namespace-calls.ts";

const signalsBefore = process.listenerCount("SIGTERM");
let directory: string;
let path: string;
const bytes = (text: string) => new TextEncoder().encode(text);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "skerry-local-file-"));
  path = join(directory, "target");
});

afterEach(() => rm(directory, { recursive: true }));

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

it("two downloads to one target do not mix: the last one to finish is the file", async () => {
  const [first, second] = [await openTarget(path, "key"), await openTarget(path, "key")];
  await first.write(bytes("first"));
  await second.write(bytes("se"));
  await first.finish();
  expect(await readFile(path, "utf8")).toBe("first");
  await second.write(bytes("cond"));
  await second.finish();
  expect(await readFile(path, "utf8")).toBe("second");
  expect(await readdir(directory)).toEqual(["target"]);
});

it("files and symbolic links that are called like a partial file stay as they are", async () => {
  await writeFile(join(directory, "own"), "own");
  await writeFile(`${path}.skerry-partial`, "own");
  await symlink(join(directory, "own"), join(directory, "link.skerry-partial"));
  for (const name of ["target", "link"]) {
    const target = await openTarget(directory, name);
    await target.write(bytes("downloaded"));
    await target.finish();
    expect(await readFile(join(directory, name), "utf8")).toBe("downloaded");
  }
  expect(await readFile(join(directory, "own"), "utf8")).toBe("own");
  expect(await readFile(`${path}.skerry-partial`, "utf8")).toBe("own");
});

it("a download that is abandoned leaves nothing, also of the longest name", async () => {
  const target = await openTarget(directory, "ü".repeat(127));
  await target.write(bytes("part"));
  expect(await readdir(directory)).toHaveLength(1);
  await target.abandon();
  expect(await readdir(directory)).toEqual([]);
  expect(process.listenerCount("SIGTERM")).toBe(signalsBefore);
});
