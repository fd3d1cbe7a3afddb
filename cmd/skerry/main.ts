#!/usr/bin/env node
/** The command line. Each file beside this one is one family of commands; a family is loaded only when it is asked for. */
import { Command } from "commander";
import { CommandError, exitWith } from "./exit.ts";
import { runWithNodeFlags } from "./v8-flags.ts";
import { version } from "./version.ts";

/** In the order of the help. */
const FAMILIES: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  server: async () => (await import("./server.ts")).addServerCommand,
  dev: async () => (await import("./dev.ts")).addDevCommand,
  cluster: async () => (await import("./cluster.ts")).addClusterCommands,
  user: async () => (await import("./user.ts")).addUserCommands,
  key: async () => (await import("./key.ts")).addKeyCommands,
  "encryption-key": async () => (await import("./encryption-key.ts")).addEncryptionKeyCommands,
  bucket: async () => (await import("./bucket.ts")).addBucketCommands,
  object: async () => (await import("./object.ts")).addObjectCommands,
  ns: async () => (await import("./namespace.ts")).addNamespaceCommands,
  ops: async () => (await import("./ops.ts")).addOpsCommands,
  audit: async () => (await import("./audit.ts")).addAuditCommands,
  config: async () => (await import("./config.ts")).addConfigCommands,
  completion: async () => (await import("./completion.ts")).addCompletionCommand,
};
/** What is asked for alone, so that nothing else has to be loaded. The script for completion is made of all families. */
const isAlone = (family: string) => Object.hasOwn(FAMILIES, family) && family !== "completion";

const program = new Command("skerry")
  .description("A storage cluster: S3 gateway and Connect API over one Raft-replicated store.")
  .version(version())
  .showSuggestionAfterError()
  .showHelpAfterError("(add --help for what can be said here)")
  // Help and the version were asked for; everything else that ends the parser is wrong usage.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    "after",
    `
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not available now (try again), 4 not found, 5 refused.
Commands that talk to a cluster take --endpoint (SKERRY_ENDPOINT) and a key from SKERRY_API_KEY or --api-key-file.`,
  );

// A reader that went away (| head) is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  exitWith(new CommandError(`standard output cannot be written: ${error.message}`));
});

try {
  const [, , asked = ""] = process.argv;
  if (asked === "server") runWithNodeFlags();
  const families = isAlone(asked) ? [asked] : Object.keys(FAMILIES);
  for (const family of families) (await FAMILIES[family]?.())?.(program);
  await program.parseAsync();
} catch (error) {
  exitWith(error);
}
