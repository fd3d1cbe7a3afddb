import type { Command } from "commander";
import { describeSettings, formatConfig, loadTls } from "../../src/server/config/index.ts";
import { addSettingOptions, configFrom, type SettingOptions } from "./settings.ts";

export function addConfigCommands(program: Command): void {
  const config = program.command("config").description("The configuration");

  addSettingOptions(config.command("check"))
    .description("Say whether the configuration can be used, and if not why")
    .action((options: SettingOptions) => {
      loadTls(configFrom(options));
      process.stdout.write("the configuration can be used\n");
    });

  addSettingOptions(config.command("print"))
    .description("Print the configuration in force, without secrets")
    .action((options: SettingOptions) => {
      process.stdout.write(formatConfig(configFrom(options)));
    });

  config
    .command("reference")
    .description("Print the reference page of all settings (Markdown)")
    .action(() => {
      process.stdout.write(describeSettings());
    });
}
