/** Of the promise: a bucket can be mounted as a folder, and files keep their bytes, names, modes and times. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { fromDebian } from "../support/client-cache.ts";
import { isLeftToCompat, missing } from "../support/clients.ts";
import { contentOf } from "../support/content.ts";
import { Running, run } from "../support/program.ts";
import { pause } from "../support/seeded.ts";

const MiB = 1024 * 1024;
const bin = mayMount() ? fromDebian("s3fs", ["libfuse2"]) : undefined;
const directory = mkdtempSync(join(tmpdir(), "skerry-s3fs-"));
const mounted = join(directory, "mounted");

/** Mounting needs the device, and the right to: a mount in a namespace of its own shows the second. */
function mayMount(): boolean {
  if (isLeftToCompat("s3fs")) return false;
  if (!existsSync("/dev/fuse")) {
    console.warn("SKIPPED: s3fs is not tested, for there is no /dev/fuse here");
    return false;
  }
  return missing("unshare", ["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]) === undefined;
}

describe.skipIf(bin === undefined)("s3fs", { timeout: 120_000 }, () => {
  let skerry: Skerry;
  let mount: Running;

  beforeAll(async () => {
    skerry = await startSkerry({ buckets: ["files"] });
    mkdirSync(mounted);
    const passwords = join(directory, "passwords");
    const { accessKeyId, secretAccessKey } = skerry.credentials;
    writeFileSync(passwords, `${accessKeyId}:${secretAccessKey}`, { mode: 0o600 });
    const options = [
      `url=${skerry.s3Endpoint}`,
      `passwd_file=${passwords}`,
      "use_path_request_style",
      "multipart_size=5",
      "retries=1",
    ];
    mount = new Running(
      spawn(
        join(bin ?? "", "s3fs"),
        ["files", mounted, "-f", ...options.flatMap((option) => ["-o", option])],
        {
          env: cleanEnvironment({
            LD_LIBRARY_PATH: join(dirname(dirname(bin ?? "")), "lib/x86_64-linux-gnu"),
          }),
        },
      ),
    );
    await isMounted();
  });

  async function isMounted(): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (readFileSync("/proc/mounts", "utf8").includes(mounted)) return;
      if (mount.child.exitCode !== null) break;
      await pause(100);
    }
    throw new Error(`it is not mounted: ${mount.output}`);
  }

  afterAll(async () => {
    await run("umount", [mounted]);
    mount?.child.kill();
    await mount?.ended;
    await skerry?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  // Nothing synchronous: what the folder asks is answered by this process.
  it("is a folder", async () => {
    const at = (name: string): string => join(mounted, name);
    await mkdir(at("deep/er"), { recursive: true });
    const large = contentOf("s3fs", 12 * MiB + 1);
    await writeFile(at("deep/er/ü und ö"), "hello", { mode: 0o640 });
    await writeFile(at("large"), large);
    expect((await readFile(at("large"))).equals(large)).toBe(true);
    expect((await stat(at("deep/er/ü und ö"))).mode & 0o777).toBe(0o640);
    await rename(at("large"), at("deep/renamed"));
    await truncate(at("deep/renamed"), 6 * MiB);
    expect((await readFile(at("deep/renamed"))).equals(large.subarray(0, 6 * MiB))).toBe(true);
    await symlink("deep/er", at("link"));
    expect(await readFile(at("link/ü und ö"), "utf8")).toBe("hello");
    expect((await readdir(mounted)).sort()).toEqual(["deep", "link"]);
    await rm(at("deep"), { recursive: true });
    expect(await readdir(mounted)).toEqual(["link"]);
  });
});
