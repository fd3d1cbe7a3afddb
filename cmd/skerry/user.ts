import type { Command } from "commander";
import { UserService } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { addRemoteOptions, formatTime, printJson, printTable, type RemoteOptions, remote } from "./remote.ts";

export function addUserCommands(program: Command): void {
  const user = program.command("user").description("Users: who owns buckets and objects");

  addRemoteOptions(user.command("create <name>"))
    .description("Make a user; its keys are made with key create --user")
    .option("--display-name <text>", "how answers show it (default: the name)", "")
    .option("--email <address>", "by which grants may name it", "")
    .option("--id <canonical-id>", "canonical id (default: made from the name)", "")
    .action(async (name: string, options: RemoteOptions & CreateOptions) => {
      const { user: made } = await remote(UserService, options).createUser({
        name,
        displayName: options.displayName,
        email: options.email,
        canonicalId: options.id,
      });
      if (options.output === "json") return printJson(made);
      process.stdout.write(`User          ${made?.name}\nCanonical id  ${made?.canonicalId}\n`);
    });

  addRemoteOptions(user.command("list"))
    .description("All users")
    .action(async (options: RemoteOptions) => {
      const { users } = await remote(UserService, options).listUsers({});
      if (options.output === "json") return printJson(users);
      const rows = users.map((row) => [
        row.name,
        row.displayName,
        row.email,
        row.accountId,
        row.canonicalId,
        formatTime(row.createdAtMs),
      ]);
      printTable(["USER", "DISPLAY NAME", "E-MAIL", "ACCOUNT", "CANONICAL ID", "CREATED"], rows);
    });

  addRemoteOptions(user.command("remove <name>"))
    .description("Remove a user that has no keys, buckets or IAM identities any more")
    .action(async (name: string, options: RemoteOptions) => {
      await remote(UserService, options).removeUser({ name });
      if (options.output === "json") printJson({ removed: name });
    });
}

interface CreateOptions {
  readonly displayName: string;
  readonly email: string;
  readonly id: string;
}
