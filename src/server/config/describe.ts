import { type Config, environmentName, flagName, SETTING_NAMES, settingOf } from "./settings.ts";

/** The configuration as a TOML file; secrets are left out. */
export function formatConfig(config: Config): string {
  const lines: string[] = [];
  let section = "";
  for (const name of [...SETTING_NAMES].sort((a, b) => Number(a.includes(".")) - Number(b.includes(".")))) {
    const { kind, secret } = settingOf(name);
    const [first = "", key] = name.split(".");
    if (key !== undefined && first !== section) {
      lines.push("", `[${first}]`);
      section = first;
    }
    const value: unknown = config[name];
    if (secret) lines.push(`# ${key} is ${value === "" ? "not set" : "set"} (secret)`);
    else lines.push(`${key ?? first} = ${kind.format(value)}`);
  }
  return `${lines.join("\n").trim()}\n`;
}

/** The reference page of all settings, in Markdown. */
export function describeSettings(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { kind, description, secret, default: value } = settingOf(name);
    const flag = secret ? "" : `\`${flagName(name)}\``;
    return `| \`${name}\` | \`${environmentName(name)}\` | ${flag} | ${secret ? "" : `\`${kind.format(value)}\``} | ${description} |`;
  });
  return [
    "# Configuration",
    "",
    "One TOML file, environment variables and flags: flags win over the environment, the environment over the file. What is unknown, of the",
    "wrong type or unsafe is refused at start, with the place and what would be right. `skerry config check` says what it finds,",
    "`skerry config print` prints what is in force. This page is made by `skerry config reference`.",
    "",
    "| setting | environment | flag | default | what it is |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
