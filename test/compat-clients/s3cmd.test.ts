/** Of the promise: s3cmd, with its own way to sign and to list, works with nothing changed but the endpoint. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromPyPi } from "../support/client-cache.ts";
import { contentOf } from "../support/content.ts";
import { run } from "../support/program.ts";

const bin = fromPyPi("s3cmd", ["s3cmd==2.4.0"]);
const directory = mkdtempSync(join(tmpdir(), "skerry-s3cmd-"));
const MiB = 1024 * 1024;

describe.skipIf(bin === undefined)("s3cmd", { timeout: 120_000 }, () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry();
    const host = new URL(skerry.s3Endpoint).host;
    const { accessKeyId, secretAccessKey } = skerry.credentials;
    writeFileSync(
      join(directory, "config"),
      `[default]\naccess_key = ${accessKeyId}\nsecret_key = ${secretAccessKey}\nhost_base = ${host}\nhost_bucket = ${host}\nuse_https = False\n`,
      { mode: 0o600 },
    );
  });

  afterAll(async () => {
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function s3cmd(...args: string[]): Promise<string> {
    const ended = await run(join(bin ?? "", "s3cmd"), ["--config", "config", "--no-progress", ...args], {
      cwd: directory,
    });
    expect([ended.exitCode, ended.exitCode === 0 ? "" : ended.stderr], args.join(" ")).toEqual([0, ""]);
    return ended.stdout.toString();
  }

  it("puts, gets, lists, copies, syncs and removes", async () => {
    await s3cmd("mb", "s3://s3cmd");
    for (const size of [0, 1000, 16 * MiB]) {
      writeFileSync(join(directory, "up"), contentOf(`s3cmd ${size}`, size));
      await s3cmd("put", "--multipart-chunk-size-mb=5", "up", `s3://s3cmd/files/${size}`);
      await s3cmd("get", "--force", `s3://s3cmd/files/${size}`, "down");
      expect(readFileSync(join(directory, "down")).equals(contentOf(`s3cmd ${size}`, size))).toBe(true);
    }
    await s3cmd("cp", "s3://s3cmd/files/1000", "s3://s3cmd/copied");
    expect(await s3cmd("ls", "--recursive", "s3://s3cmd")).toContain("s3://s3cmd/copied");
    mkdirSync(join(directory, "here"));
    writeFileSync(join(directory, "here/a"), "a");
    await s3cmd("sync", "here/", "s3://s3cmd/synced/");
    await s3cmd("del", "--recursive", "--force", "s3://s3cmd");
    await s3cmd("rb", "s3://s3cmd");
    expect(await s3cmd("ls")).toBe("");
  });
});
