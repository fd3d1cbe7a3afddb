import type { Command } from "commander";
import { type EncryptionKey, EncryptionKeyService } from "../../src/gen/skerry/admin/v1/encryption_pb.js";
import { addRemoteOptions, formatTime, printJson, printTable, type RemoteOptions, remote } from "./remote.ts";

export function addEncryptionKeyCommands(program: Command): void {
  const family = program
    .command("encryption-key")
    .description("Keys that encrypt objects (SSE-KMS); their secrets never leave the cluster");

  addRemoteOptions(family.command("create"))
    .description("Add a key to the key ring")
    .option("--id <id>", "how requests name it (default: one is drawn)", "")
    .option("--description <text>", "what it is for", "")
    .action(async (options: RemoteOptions & { readonly id: string; readonly description: string }) => {
      const { key } = await remote(EncryptionKeyService, options).createEncryptionKey({
        keyId: options.id,
        description: options.description,
      });
      show(key === undefined ? [] : [key], options);
    });

  addRemoteOptions(family.command("list"))
    .description("All keys of the key ring")
    .action(async (options: RemoteOptions) => {
      const { keys } = await remote(EncryptionKeyService, options).listEncryptionKeys({});
      show(keys, options);
    });

  addRemoteOptions(family.command("rotate <key-id>"))
    .description("Encrypt new objects under a new version; old objects stay readable")
    .action(async (keyId: string, options: RemoteOptions) => {
      const { key } = await remote(EncryptionKeyService, options).rotateEncryptionKey({ keyId });
      show(key === undefined ? [] : [key], options);
    });
}

function show(keys: readonly EncryptionKey[], options: RemoteOptions): void {
  if (options.output === "json") {
    printJson(keys);
    return;
  }
  printTable(
    ["KEY", "VERSION", "CREATED", "ROTATED", "DESCRIPTION"],
    keys.map((key) => [
      key.keyId,
      String(key.version),
      formatTime(key.createdAtMs),
      formatTime(key.rotatedAtMs),
      key.description,
    ]),
  );
}
