/** Of the promise: a backup that restic makes is there, whole, after it was checked, restored and pruned. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromDebian } from "../support/client-cache.ts";
import { contentOf } from "../support/content.ts";
import { run } from "../support/program.ts";

const bin = fromDebian("restic");
const directory = mkdtempSync(join(tmpdir(), "skerry-restic-"));
const FILES = 40;

describe.skipIf(bin === undefined)("restic", { timeout: 180_000 }, () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry({ buckets: ["backups"] });
  });

  afterAll(async () => {
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function restic(...args: string[]): Promise<void> {
    const ended = await run(join(bin ?? "", "restic"), ["--no-cache", ...args], {
      cwd: directory,
      env: {
        RESTIC_REPOSITORY: `s3:${skerry.s3Endpoint}/backups/repository`,
        RESTIC_PASSWORD: "for tests",
        AWS_ACCESS_KEY_ID: skerry.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: skerry.credentials.secretAccessKey,
      },
    });
    expect([ended.exitCode, ended.exitCode === 0 ? "" : ended.stderr], args.join(" ")).toEqual([0, ""]);
  }

  function write(generation: number): void {
    mkdirSync(join(directory, "data"), { recursive: true });
    for (let file = 0; file < FILES; file++) {
      writeFileSync(
        join(directory, "data", `${file}`),
        contentOf(`restic ${generation} ${file}`, 1000 * file),
      );
    }
  }

  it("backs up, checks, restores and prunes", async () => {
    await restic("init");
    write(1);
    await restic("backup", "data");
    write(2);
    await restic("backup", "data");
    await restic("forget", "--keep-last", "1", "--prune");
    await restic("check", "--read-data");
    await restic("restore", "latest", "--target", "restored");
    for (let file = 0; file < FILES; file++) {
      const restored = readFileSync(join(directory, "restored/data", `${file}`));
      expect(restored.equals(contentOf(`restic 2 ${file}`, 1000 * file)), `${file}`).toBe(true);
    }
  });
});
