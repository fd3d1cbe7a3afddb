import { parse as parseToml, TomlError } from "smol-toml";
import { checkConfig } from "./check.ts";
import { Refused } from "./kinds.ts";
import {
  type Config,
  environmentName,
  flagName,
  SETTING_NAMES,
  type SettingName,
  settingOf,
} from "./settings.ts";

/** A configuration that cannot be used: where, why, and what would be right. One line for each fault. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.name = "ConfigError";
    this.faults = faults;
  }
}

export interface ConfigSources {
  /** The TOML file, when there is one. */
  readonly file?: { readonly path: string; readonly text: string };
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** By setting name. */
  readonly flags?: Partial<Readonly<Record<SettingName, string>>>;
}

/** Flags win over the environment, the environment over the file, the file over defaults. Throws ConfigError with every fault found. */
export function loadConfig(sources: ConfigSources): Config {
  const faults: string[] = [];
  const values: Partial<Record<SettingName, unknown>> = {};
  const where: Partial<Record<SettingName, string>> = {};
  const take = (name: SettingName, input: unknown, origin: string): void => {
    const { kind } = settingOf(name);
    const value = kind.parse(input);
    if (value instanceof Refused) {
      const is = settingOf(name).secret ? "is" : `is ${JSON.stringify(input)},`;
      faults.push(`${origin}: ${name} ${is} not ${value.expected}`);
    } else {
      values[name] = value;
      where[name] = origin;
    }
  };
  for (const name of SETTING_NAMES) values[name] = settingOf(name).default;
  if (sources.file !== undefined) takeFile(sources.file, take, faults);
  takeEnvironment(sources.environment ?? {}, take, faults);
  for (const name of SETTING_NAMES) {
    const input = sources.flags?.[name];
    if (input !== undefined) take(name, input, flagName(name));
  }
  const config = values as Config;
  if (faults.length === 0) faults.push(...checkConfig(config, (name) => where[name] ?? "default"));
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

type Take = (name: SettingName, input: unknown, origin: string) => void;

function takeFile(
  file: { readonly path: string; readonly text: string },
  take: Take,
  faults: string[],
): void {
  let document: Record<string, unknown>;
  try {
    document = parseToml(file.text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    faults.push(`${file.path}:${error.line}:${error.column}: ${error.message.split("\n")[0]}`);
    return;
  }
  for (const [name, input] of flatten(document)) {
    const origin = `${file.path}:${lineOf(file.text, name)}`;
    if (isSettingName(name)) take(name, input, origin);
    else faults.push(`${origin}: there is no setting ${name}${suggestion(name)}`);
  }
}

/** Variables of the prefix that name no setting are refused: a misspelt one must not go unnoticed. */
function takeEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  take: Take,
  faults: string[],
): void {
  const byVariable = new Map(SETTING_NAMES.map((name) => [environmentName(name), name]));
  for (const [variable, input] of Object.entries(environment)) {
    if (!variable.startsWith("SKERRY_") || input === undefined || OTHER_VARIABLES.has(variable)) continue;
    const name = byVariable.get(variable);
    if (name === undefined && isOfKubernetes(variable, input)) continue;
    if (name === undefined) faults.push(`${variable}: there is no such setting${suggestion(variable)}`);
    else take(name, input, variable);
  }
}

/** Variables of the prefix that the command line reads itself. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  "SKERRY_CONFIG",
  "SKERRY_ENDPOINT",
  "SKERRY_API_KEY",
  "SKERRY_JOIN_TOKEN",
  "SKERRY_STORE_SECRET_KEY",
]);

/** Whether Kubernetes sets it, in every container, for a Service whose name begins with "skerry": SKERRY_SERVICE_HOST, SKERRY_PORT=tcp://... */
function isOfKubernetes(variable: string, value: string): boolean {
  if (variable.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value)) return true;
  return /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)$/.test(variable);
}

function* flatten(document: Record<string, unknown>): Iterable<[string, unknown]> {
  for (const [key, value] of Object.entries(document)) {
    const isTable =
      typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (!isTable) yield [key, value];
    else for (const [inner, item] of Object.entries(value)) yield [`${key}.${inner}`, item];
  }
}

function isSettingName(name: string): name is SettingName {
  return (SETTING_NAMES as readonly string[]).includes(name);
}

/** The line on which a key is set, for messages; the section's key may be written dotted as well. */
function lineOf(text: string, name: string): number {
  const [section, key] = name.includes(".") ? name.split(".", 2) : ["", name];
  let current = "";
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\s*([^\]\s]+)\s*\]/.exec(line);
    if (header !== null) current = header[1] ?? "";
    const assigned = /^\s*([^=\s]+)\s*=/.exec(line)?.[1];
    if (assigned === name || (current === section && assigned === key)) return index + 1;
  }
  return 1;
}

function suggestion(name: string): string {
  const last = name.toLowerCase().split(/[._]/).at(-1) ?? "";
  const close = SETTING_NAMES.filter((candidate) => candidate.endsWith(last) && last.length > 2);
  return close.length === 0 ? "; see `skerry config reference`" : `; did you mean ${close.join(" or ")}?`;
}
