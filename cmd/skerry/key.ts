import type { Command } from "commander";
import { KeyKind, KeyService, Role } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { CommandError } from "./exit.ts";
import { addRemoteOptions, formatTime, printJson, printTable, type RemoteOptions, remote } from "./remote.ts";
import { wholeNumber } from "./whole-number.ts";

/** Requests, and seconds: 115 days. */
const MOST = 9_999_999;

const ROLES: Readonly<Record<string, Role>> = {
  reader: Role.READER,
  writer: Role.WRITER,
  admin: Role.ADMIN,
  user: Role.USER,
};
const KINDS: Readonly<Record<string, KeyKind>> = { s3: KeyKind.S3, api: KeyKind.API };

export function addKeyCommands(program: Command): void {
  const key = program.command("key").description("Keys: who may use the cluster, and for what");

  addRemoteOptions(key.command("create"))
    .description("Mint a key; its secret is shown once")
    .option("--kind <s3|api>", "S3 access key, or bearer key for the API", "s3")
    .option("--role <reader|writer|admin|user>", "what it may do (default: writer; user with --user)")
    .option("--user <name>", "who owns what it makes; with the role user, what that user may do")
    .option(
      "--inflight <requests>",
      "requests that it may have under way at once (default: as configured)",
      "0",
    )
    .option("--bucket <name...>", "limit it to these buckets (default: all)")
    .option(
      "--namespace <scope...>",
      'limit it to "org", "org/project" or "org/project/namespace" (API keys)',
    )
    .option("--description <text>", "what it is for", "")
    .action(async (options: RemoteOptions & CreateOptions) => {
      const made = await remote(KeyService, options).createKey({
        kind: choice(KINDS, options.kind, "--kind"),
        role: choice(ROLES, options.role ?? (options.user === undefined ? "writer" : "user"), "--role"),
        user: options.user ?? "",
        inflightLimit: wholeNumber(options.inflight, "--inflight", 0, MOST),
        buckets: options.bucket ?? [],
        namespaces: options.namespace ?? [],
        description: options.description,
      });
      if (options.output === "json") return printJson({ keyId: made.key?.keyId, secret: made.secret });
      if (made.key?.kind === KeyKind.API) {
        process.stdout.write(`API key     ${made.secret}\n`);
      } else {
        process.stdout.write(`Access key  ${made.key?.keyId}\nSecret key  ${made.secret}\n`);
      }
      process.stdout.write("Keep it now: the secret is not shown again.\n");
    });

  addRemoteOptions(key.command("list"))
    .description("All keys, without their secrets")
    .action(async (options: RemoteOptions) => {
      const { keys } = await remote(KeyService, options).listKeys({});
      if (options.output === "json") return printJson(keys);
      const rows = keys.map((row) => [
        row.keyId,
        KeyKind[row.kind].toLowerCase(),
        Role[row.role].toLowerCase(),
        row.ownerDisplayName,
        [...row.buckets, ...row.namespaces].join(",") || "all",
        formatTime(row.createdAtMs),
        row.description,
      ]);
      printTable(["KEY", "KIND", "ROLE", "OWNER", "SCOPE", "CREATED", "DESCRIPTION"], rows);
    });

  addRemoteOptions(key.command("rotate <key-id>"))
    .description("Give an API key another secret, shown once; the present one works on for a while")
    .option("--grace <seconds>", "how long", "86400")
    .action(async (keyId: string, options: RemoteOptions & { grace: string }) => {
      const graceSeconds = wholeNumber(options.grace, "--grace", 0, MOST);
      const rotated = await remote(KeyService, options).rotateKey({ keyId, graceSeconds });
      const untilMs = rotated.key?.previousUntilMs ?? 0n;
      if (options.output === "json") {
        return printJson({ keyId, secret: rotated.secret, previousUntilMs: untilMs });
      }
      process.stdout.write(`API key     ${rotated.secret}\nKeep it now: the secret is not shown again.\n`);
      if (untilMs > 0n) process.stdout.write(`The one before works until ${formatTime(untilMs)}.\n`);
    });

  addRemoteOptions(key.command("revoke <key-id>"))
    .description("Take a key back: it serves no request that begins after the answer; one under way goes on")
    .action(async (keyId: string, options: RemoteOptions) => {
      await remote(KeyService, options).revokeKey({ keyId });
      if (options.output === "json") printJson({ revoked: keyId });
    });
}

interface CreateOptions {
  readonly kind: string;
  readonly role?: string;
  readonly user?: string;
  readonly inflight: string;
  readonly bucket?: string[];
  readonly namespace?: string[];
  readonly description: string;
}

function choice<T>(table: Readonly<Record<string, T>>, value: string, option: string): T {
  const found = Object.hasOwn(table, value) ? table[value] : undefined;
  if (found === undefined) throw new CommandError(`${option} is one of ${Object.keys(table).join(", ")}`, 2);
  return found;
}
