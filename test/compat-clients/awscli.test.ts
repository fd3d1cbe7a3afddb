/** Of the promise: whoever can use S3 with the AWS command line can use Skerry, with nothing changed but the endpoint. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Skerry, startSkerry } from "../../src/server/testing.ts";
import { fromDebian } from "../support/client-cache.ts";
import { awsEnvironment, isLeftToCompat, missing } from "../support/clients.ts";
import { contentOf } from "../support/content.ts";
import { type Ended, run } from "../support/program.ts";

const MiB = 1024 * 1024;

interface Client {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** What Debian's package of version 2 is made of. */
const NEEDED = [
  "pyasn1",
  "awscrt",
  "colorama",
  "cryptography",
  "cffi-backend",
  "dateutil",
  "distro",
  "docutils",
  "jmespath",
  "prompt-toolkit",
  "ruamel.yaml",
  "ruamel.yaml.clib",
  "urllib3",
  "six",
  "wcwidth",
  "roman",
].map((name) => `python3-${name}`);

function version2(): Client | undefined {
  const bin = isLeftToCompat("version 2 of the AWS command line") ? undefined : fromDebian("awscli", NEEDED);
  if (bin === undefined) return undefined;
  const environment = { PYTHONPATH: join(bin, "../lib/python3/dist-packages") };
  const command = ["/usr/bin/python3", join(bin, "aws")];
  const isHere =
    missing("/usr/bin/env", [`PYTHONPATH=${environment.PYTHONPATH}`, ...command, "--version"]) === undefined;
  return isHere ? { name: "version 2", command, environment } : undefined;
}

function installed(): Client | undefined {
  const isHere = missing("aws", ["--version"]) === undefined;
  return isHere ? { name: "as it is installed here", command: ["aws"], environment: {} } : undefined;
}

const clients = [installed(), version2()].flatMap((client) => client ?? []);

describe.skipIf(clients.length === 0).each(clients)(
  "the AWS command line, $name",
  { timeout: 120_000 },
  (client) => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-awscli-"));
    let skerry: Skerry;

    beforeAll(async () => {
      mkdirSync(join(directory, ".aws"));
      // Without it, this client still signs URLs of us-east-1 in the old way, which Skerry refuses.
      writeFileSync(join(directory, ".aws/config"), "[default]\ns3 =\n  signature_version = s3v4\n");
      skerry = await startSkerry();
    });

    afterAll(async () => {
      await skerry?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    function aws(...args: string[]): Promise<Ended> {
      const [program = "", ...before] = client.command;
      // Version 2 of this age knows no variable for the endpoint.
      const endpoint = ["--endpoint-url", skerry.s3Endpoint];
      const env = { ...awsEnvironment(skerry, directory), ...client.environment };
      return run(program, [...before, ...endpoint, ...args], { env, cwd: directory });
    }

    async function done(...args: string[]): Promise<string> {
      const ended = await aws(...args);
      expect([ended.exitCode, ended.stderr], args.join(" ")).toEqual([0, ""]);
      return ended.stdout.toString();
    }

    it("makes a bucket, moves files of all sizes, lists, signs, copies, syncs and removes", async () => {
      await done("s3", "mb", "s3://aws-cli");
      // Nothing, one byte, more than a chunk, and a multipart upload of the client's own making.
      const sizes = [0, 1, 5 * MiB + 1, 20 * MiB];
      for (const size of sizes) {
        writeFileSync(join(directory, `up-${size}`), contentOf(`aws ${size}`, size));
        await done("s3", "cp", "--only-show-errors", `up-${size}`, `s3://aws-cli/files/${size}`);
        await done("s3", "cp", "--only-show-errors", `s3://aws-cli/files/${size}`, `down-${size}`);
        expect(readFileSync(join(directory, `down-${size}`)).equals(contentOf(`aws ${size}`, size))).toBe(
          true,
        );
      }
      const listed = (await done("s3", "ls", "--recursive", "s3://aws-cli")).trim().split("\n");
      expect(listed.map((line) => line.trim().split(/\s+/).slice(2))).toEqual(
        sizes
          .map((size) => [String(size), `files/${size}`])
          .sort((a, b) => ((a[1] ?? "") < (b[1] ?? "") ? -1 : 1)),
      );
      const place = ["--bucket", "aws-cli", "--key", `files/${20 * MiB}`];
      const head = JSON.parse(await done("s3api", "head-object", ...place)) as {
        ContentLength: number;
        ETag: string;
      };
      expect(head.ContentLength).toBe(20 * MiB);
      expect(head.ETag).toMatch(/^"[0-9a-f]{32}-3"$/);

      const url = (
        await done("s3", "presign", "--expires-in", "60", `s3://aws-cli/files/${5 * MiB + 1}`)
      ).trim();
      const fetched = await run("curl", ["--silent", "--show-error", "--fail", url]);
      expect([fetched.exitCode, fetched.stdout.equals(contentOf(`aws ${5 * MiB + 1}`, 5 * MiB + 1))]).toEqual(
        [0, true],
      );

      await done("s3", "cp", "--only-show-errors", `s3://aws-cli/files/${20 * MiB}`, "s3://aws-cli/copied");
      await done("s3", "cp", "--only-show-errors", "s3://aws-cli/copied", "copied");
      expect(readFileSync(join(directory, "copied")).equals(contentOf(`aws ${20 * MiB}`, 20 * MiB))).toBe(
        true,
      );
    });

    it("keeps a folder in step", async () => {
      await done("s3", "mb", "s3://aws-sync");
      const names = ["a", "deep/er/b", "ü und ö"];
      mkdirSync(join(directory, "here/deep/er"), { recursive: true });
      for (const name of names) writeFileSync(join(directory, "here", name), contentOf(name, 1000));
      await done("s3", "sync", "--only-show-errors", "here", "s3://aws-sync/there");
      // Nothing has changed: nothing is sent.
      expect(await done("s3", "sync", "here", "s3://aws-sync/there")).toBe("");
      rmSync(join(directory, "here/a"));
      await done("s3", "sync", "--only-show-errors", "--delete", "here", "s3://aws-sync/there");
      await done("s3", "sync", "--only-show-errors", "s3://aws-sync/there", "back");
      for (const name of names.slice(1))
        expect(readFileSync(join(directory, "back", name)).equals(contentOf(name, 1000))).toBe(true);
      expect(() => readFileSync(join(directory, "back/a"))).toThrow("ENOENT");
      await done("s3", "rm", "--only-show-errors", "--recursive", "s3://aws-sync");
      expect(await done("s3", "ls", "--recursive", "s3://aws-sync").catch(() => "")).toBe("");
      await done("s3", "rb", "s3://aws-sync");
      expect(await done("s3", "ls")).not.toContain("aws-sync");
    });

    it("is told what was wrong", async () => {
      const ended = await aws("s3api", "head-object", "--bucket", "aws-none", "--key", "k");
      expect(ended.exitCode).not.toBe(0);
      const listed = await aws("s3", "ls", "s3://aws-none");
      expect([listed.exitCode === 0, listed.stderr.includes("NoSuchBucket")]).toEqual([false, true]);
    });
  },
);
