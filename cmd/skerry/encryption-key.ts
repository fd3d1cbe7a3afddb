import type { Command } from "commander";
import { type EncryptionKey, EncryptionKeyService } from "../../src/gen/skerry/admin/v1/encryption_pb.js";
import { CommandError } from "./exit.ts";
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
    .description("Encrypt new objects under a new version; what older ones wrap is wrapped anew by and by")
    .action(async (keyId: string, options: RemoteOptions) => {
      const { key } = await remote(EncryptionKeyService, options).rotateEncryptionKey({ keyId });
      show(key === undefined ? [] : [key], options);
    });

  addRemoteOptions(family.command("versions <key-id>"))
    .description("The versions of a key, and how many objects and uploads still need each")
    .action(async (keyId: string, options: RemoteOptions) => {
      const { keys } = await remote(EncryptionKeyService, options).listEncryptionKeys({});
      const key = keys.find((candidate) => candidate.keyId === keyId);
      if (key === undefined) throw new CommandError("there is no encryption key of this id", 1);
      showVersions(key, options);
    });

  addRemoteOptions(family.command("remove-version <key-id> <version>"))
    .description("Destroy an old version; refused while an object or an upload needs it")
    .action(async (keyId: string, version: string, options: RemoteOptions) => {
      const { key } = await remote(EncryptionKeyService, options).removeEncryptionKeyVersion({
        keyId,
        version: versionNumber(version),
      });
      if (key !== undefined) showVersions(key, options);
    });
}

function versionNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value < 2 ** 32) return value;
  throw new CommandError("a version is a number from 1 on", 2);
}

function showVersions(key: EncryptionKey, options: RemoteOptions): void {
  if (options.output === "json") {
    printJson(key.versions);
    return;
  }
  printTable(
    ["VERSION", "CREATED", "STATE", "USES"],
    key.versions.map(({ version, createdAtMs, uses }) => [
      String(version),
      formatTime(createdAtMs),
      version === key.version ? "wraps" : "retired",
      uses === undefined ? "not counted" : String(uses),
    ]),
  );
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
