/** Of the promise: of many writers that commit to one table at once none is lost, because a conditional create has exactly one winner. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromPyPi } from "../support/client-cache.ts";
import { awsEnvironment } from "../support/clients.ts";
import { run } from "../support/program.ts";

const bin = fromPyPi("deltalake", ["deltalake==1.6.6", "pyarrow==26.0.0"]);
const directory = mkdtempSync(join(tmpdir(), "skerry-deltalake-"));

describe.skipIf(bin === undefined)("deltalake", () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry({ buckets: ["lake"] });
  });

  afterAll(async () => {
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it("loses no commit of concurrent writers", { timeout: 180_000 }, async () => {
    const ended = await run(
      join(bin ?? "", "python3"),
      [join(import.meta.dirname, "deltalake-client.py"), skerry.s3Endpoint],
      { env: awsEnvironment(skerry, directory), timeoutMs: 170_000 },
    );
    expect([ended.exitCode, ended.stderr]).toEqual([0, ""]);
    expect(ended.stdout.toString()).toContain("all rows are there");
  });
});
