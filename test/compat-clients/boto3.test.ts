/** Of the promise: a Python program that uses S3 uses Skerry with nothing changed but the endpoint. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromPyPi } from "../support/client-cache.ts";
import { awsEnvironment, missing } from "../support/clients.ts";
import { run } from "../support/program.ts";

const current = fromPyPi("boto3", ["boto3==1.44.5"]);
/** The machine's own, which may be years old, and the current one, which sends checksums by itself. */
const PYTHONS = [
  {
    name: "the machine's",
    python: missing("python3", ["-c", "import boto3"]) === undefined ? "python3" : undefined,
  },
  { name: "the current", python: current && join(current, "python3") },
];
const directory = mkdtempSync(join(tmpdir(), "skerry-boto3-"));

describe.each(PYTHONS)("$name boto3", ({ python }) => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry();
  });

  afterAll(async () => {
    await skerry?.stop();
  });

  it.skipIf(python === undefined)("does everything that its program does", { timeout: 120_000 }, async () => {
    const ended = await run(python ?? "", [join(import.meta.dirname, "boto3-client.py")], {
      env: awsEnvironment(skerry, directory),
      timeoutMs: 110_000,
    });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ended.stdout.toString()).toContain("all right with boto3");
  });
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));
