import { readFileSync } from "node:fs";
import type { Command } from "commander";
import {
  type Config,
  environmentName,
  flagName,
  loadConfig,
  SETTING_NAMES,
  type SettingName,
  settingOf,
} from "../../src/server/config/index.ts";
import { CommandError } from "./exit.ts";

export type SettingOptions = Readonly<Record<string, string | undefined>> & { readonly config?: string };

/** `--config` and a flag for every setting, with its help from the table. */
export function addSettingOptions(command: Command): Command {
  command.option("--config <file>", "TOML file (default: the variable SKERRY_CONFIG, or none)");
  command.option("--data-dir <text>", "short for --node-data-dir");
  for (const name of SETTING_NAMES) {
    const { kind, description, default: value, secret } = settingOf(name);
    if (secret) continue;
    const flags = `${flagName(name)} ${kind.placeholder}`;
    command.option(flags, `${description} (${environmentName(name)}, default ${kind.format(value)})`);
  }
  return command;
}

/** Flags over environment over file over defaults. Throws ConfigError. */
export function configFrom(options: SettingOptions): Config {
  const path = options.config ?? process.env["SKERRY_CONFIG"];
  const flags: Partial<Record<SettingName, string>> = {};
  if (options["dataDir"] !== undefined) flags["node.data_dir"] = options["dataDir"];
  for (const name of SETTING_NAMES) {
    const value = options[optionKey(name)];
    if (value !== undefined) flags[name] = value;
  }
  return loadConfig({
    ...(path !== undefined && { file: { path, text: readConfigFile(path) } }),
    environment: process.env,
    flags,
  });
}

/** As commander names the option of "--s3-listen": "s3Listen". */
function optionKey(name: SettingName): string {
  return flagName(name)
    .slice(2)
    .replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function readConfigFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`the configuration file ${path} cannot be read: ${(error as Error).message}`, 2);
  }
}
