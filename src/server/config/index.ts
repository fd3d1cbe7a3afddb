/**
 * Configuration. `settings.ts` is the one table: validation, help, the reference page and redaction are made from it. `load.ts` puts file,
 * environment and flags together; `check.ts` refuses combinations.
 */
export { describeSettings, formatConfig } from "./describe.ts";
export { ConfigError, type ConfigSources, loadConfig } from "./load.ts";
export {
  type Config,
  environmentName,
  flagName,
  SETTING_NAMES,
  type SettingName,
  settingOf,
} from "./settings.ts";
export { loadTls } from "./tls.ts";
