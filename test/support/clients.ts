import { spawnSync } from "node:child_process";
import type { Skerry } from "../../src/server/testing.ts";
import { cleanEnvironment } from "./clean-environment.ts";

/** Undefined when the command runs here; else why not, and it is said loudly. */
export function missing(command: string, args: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(command, args, { env: cleanEnvironment(), timeout: 30_000 });
  if (error === undefined && status === 0) return undefined;
  const reason = `${command} ${args.join(" ")}: ${error?.message ?? stderr.toString().trim()}`;
  console.warn(`SKIPPED: this client is not tested, for it is not installed here: ${reason}`);
  return reason;
}

/** Clients that take long to fetch or to run are for `make compat`. True: not now, and it is said loudly. */
export function isLeftToCompat(client: string): boolean {
  if (process.env["SKERRY_COMPAT"] === "all") return false;
  console.warn(`SKIPPED: ${client} is tested by make compat`);
  return true;
}

/** What clients of AWS are told of a node; nothing of the caller's own settings is left. */
export function awsEnvironment(skerry: Skerry, home: string): Record<string, string> {
  return cleanEnvironment({
    HOME: home,
    AWS_ACCESS_KEY_ID: skerry.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: skerry.credentials.secretAccessKey,
    AWS_DEFAULT_REGION: skerry.region,
    AWS_ENDPOINT_URL_S3: skerry.s3Endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_MAX_ATTEMPTS: "1",
    AWS_PAGER: "",
    // Where a version manager keeps what runs; without it the command is not found from another home.
    PYENV_ROOT: process.env["PYENV_ROOT"],
  });
}
