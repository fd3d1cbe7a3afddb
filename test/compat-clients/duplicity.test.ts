/** Of the promise: chains of backups that duplicity makes, full and incremental, are verified, restored as of any of them, and removed, with its own boto3 and multipart uploads. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromPyPi } from "../support/client-cache.ts";
import { awsEnvironment, isLeftToCompat } from "../support/clients.ts";
import { contentOf } from "../support/content.ts";
import { run } from "../support/program.ts";
import { pause } from "../support/seeded.ts";

/** All that it needs for S3: what it asks for is the libraries of every cloud there is. */
const PACKAGES = [
  "duplicity==3.2.1",
  "fasteners==0.20",
  "boto3==1.44.5",
  "botocore==1.44.5",
  "s3transfer==0.19.3",
  "jmespath==1.1.0",
  "python-dateutil==2.9.0.post0",
  "six==1.17.0",
  "urllib3==2.8.0",
];
// Eight starts of it take a quarter of a minute.
const bin = isLeftToCompat("duplicity") ? undefined : fromPyPi("duplicity", PACKAGES, { only: true });
const directory = mkdtempSync(join(tmpdir(), "skerry-duplicity-"));
const FILES = 8;
/** More than one part of a multipart upload, in one volume. */
const LARGE_BYTES = 12 * 1024 * 1024;

describe.skipIf(bin === undefined)("duplicity", { timeout: 180_000 }, () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry({ buckets: ["backups"] });
  });

  afterAll(async () => {
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function duplicity(...args: string[]): Promise<string> {
    const ended = await run(
      join(bin ?? "", "duplicity"),
      [
        ...args,
        "--no-encryption",
        "--s3-endpoint-url",
        skerry.s3Endpoint,
        "--s3-region-name",
        skerry.region,
        "--archive-dir",
        join(directory, "archive"),
      ],
      { cwd: directory, env: awsEnvironment(skerry, directory) },
    );
    const said = `${ended.stdout.toString()}${ended.stderr}`;
    expect([ended.exitCode, ended.exitCode === 0 ? "" : said], args.join(" ")).toEqual([0, ""]);
    return said;
  }

  function write(generation: number): void {
    mkdirSync(join(directory, "data"), { recursive: true });
    for (let file = 0; file < FILES; file++) {
      writeFileSync(
        join(directory, "data", `${file}`),
        contentOf(`duplicity ${generation} ${file}`, 1000 * file),
      );
    }
    if (generation === 1)
      writeFileSync(join(directory, "data/large"), contentOf("duplicity large", LARGE_BYTES));
  }

  function expectRestored(folder: string, generation: number): void {
    for (let file = 0; file < FILES; file++) {
      const restored = readFileSync(join(directory, folder, `${file}`));
      const expected = contentOf(`duplicity ${generation} ${file}`, 1000 * file);
      expect(restored.equals(expected), `${folder}/${file}`).toBe(true);
    }
    const large = readFileSync(join(directory, folder, "large"));
    expect(large.equals(contentOf("duplicity large", LARGE_BYTES))).toBe(true);
  }

  it("backs up, in full and in increments, verifies, restores and removes", async () => {
    const url = "boto3+s3://backups/chain";
    write(1);
    await duplicity("full", "--s3-multipart-chunk-size", "5", "data", url);
    // Times of backups are whole seconds.
    const firstSeconds = Math.floor(Date.now() / 1000);
    while (Math.floor(Date.now() / 1000) === firstSeconds) await pause(50);
    write(2);
    await duplicity("incremental", "data", url);
    // With nothing that this machine remembers of them.
    rmSync(join(directory, "archive"), { recursive: true });
    await duplicity("verify", "--compare-data", url, "data");
    await duplicity("restore", url, "newest");
    expectRestored("newest", 2);
    await duplicity("restore", "--time", String(firstSeconds), url, "first");
    expectRestored("first", 1);
    await duplicity("full", "data", url);
    await duplicity("remove-all-but-n-full", "1", "--force", url);
    const status = await duplicity("collection-status", url);
    expect(status).toContain("Number of contained backup sets: 1");
  });
});
