/** Of the promise: a Python program that uses S3 uses Skerry with nothing changed but the endpoint. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { awsEnvironment, missing } from "../support/clients.ts";
import { run } from "../support/program.ts";

const absent = missing("python3", ["-c", "import boto3"]);
const directory = mkdtempSync(join(tmpdir(), "skerry-boto3-"));

describe.skipIf(absent !== undefined)("boto3", () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry();
  });

  afterAll(async () => {
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it("does everything that its program does", { timeout: 120_000 }, async () => {
    const ended = await run("python3", [join(import.meta.dirname, "boto3-client.py")], {
      env: awsEnvironment(skerry, directory),
      timeoutMs: 110_000,
    });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ended.stdout.toString()).toContain("all right with boto3");
  });
});
