import type { SocketAddress } from "../../platform/index.ts";

/** A kind of setting: how a text (flag, environment) or a TOML value becomes a typed value, or is refused with what would be right. */
export interface SettingKind<T> {
  /** Shown in help: "<size>". */
  readonly placeholder: string;
  parse(input: unknown): T | Refused;
  /** As it would be written in the file. */
  format(value: T): string;
}

export class Refused {
  readonly expected: string;

  constructor(expected: string) {
    this.expected = expected;
  }
}

export const text: SettingKind<string> = {
  placeholder: "<text>",
  parse: (input) => (typeof input === "string" ? input : new Refused("a text")),
  format: (value) => JSON.stringify(value),
};

export const flag: SettingKind<boolean> = {
  placeholder: "<true|false>",
  parse: (input) => {
    if (typeof input === "boolean") return input;
    if (input === "true" || input === "1") return true;
    if (input === "false" || input === "0") return false;
    return new Refused("true or false");
  },
  format: String,
};

/** Comma separated in flags and environment, an array in the file. */
export const list: SettingKind<readonly string[]> = {
  placeholder: "<a,b,...>",
  parse: (input) => {
    if (typeof input === "string") return input === "" ? [] : input.split(",").map((item) => item.trim());
    if (Array.isArray(input) && input.every((item) => typeof item === "string")) return input;
    return new Refused("a list of texts");
  },
  format: (value) => JSON.stringify(value),
};

/** "auto", or a whole number. */
export function count(least: number, greatest: number): SettingKind<number | "auto"> {
  const whole = integer(least, greatest);
  return {
    placeholder: "<auto|number>",
    parse: (input) => {
      const value = input === "auto" ? input : whole.parse(input);
      return value instanceof Refused ? new Refused(`auto, or ${value.expected}`) : value;
    },
    format: (value) => (value === "auto" ? JSON.stringify(value) : whole.format(value)),
  };
}

export function integer(least: number, greatest: number): SettingKind<number> {
  return {
    placeholder: "<number>",
    parse: (input) => {
      const value = typeof input === "string" && /^-?\d+$/.test(input) ? Number(input) : input;
      const fits =
        typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= greatest;
      return fits ? value : new Refused(`a whole number from ${least} to ${greatest}`);
    },
    format: String,
  };
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Bytes: "16KiB", "1 GiB", or a plain number. */
export function size(leastBytes: number, greatestBytes: number): SettingKind<number> {
  const expected = `a size from ${formatSize(leastBytes)} to ${formatSize(greatestBytes)} such as "16KiB" or "1GiB"`;
  return {
    placeholder: "<size>",
    parse: (input) => {
      const value = typeof input === "number" ? input : unitValue(input, SIZE_UNITS, "B");
      return value !== undefined &&
        Number.isSafeInteger(value) &&
        value >= leastBytes &&
        value <= greatestBytes
        ? value
        : new Refused(expected);
    },
    format: (value) => JSON.stringify(formatSize(value)),
  };
}

function formatSize(bytes: number): string {
  const unit =
    ["TiB", "GiB", "MiB", "KiB"].find((name) => bytes > 0 && bytes % (SIZE_UNITS[name] ?? 1) === 0) ?? "B";
  return `${bytes / (SIZE_UNITS[unit] ?? 1)}${unit}`;
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds: "500ms", "10m", "24h". */
export function duration(leastMs: number, greatestMs: number): SettingKind<number> {
  const expected = `a duration from ${formatDuration(leastMs)} to ${formatDuration(greatestMs)} such as "500ms" or "10m"`;
  return {
    placeholder: "<duration>",
    parse: (input) => {
      const value = unitValue(input, DURATION_UNITS, undefined);
      return value !== undefined && value >= leastMs && value <= greatestMs ? value : new Refused(expected);
    },
    format: (value) => JSON.stringify(formatDuration(value)),
  };
}

function formatDuration(ms: number): string {
  const unit = ["d", "h", "m", "s"].find((name) => ms > 0 && ms % (DURATION_UNITS[name] ?? 1) === 0) ?? "ms";
  return `${ms / (DURATION_UNITS[unit] ?? 1)}${unit}`;
}

function unitValue(input: unknown, units: Readonly<Record<string, number>>, plain: string | undefined) {
  if (typeof input !== "string") return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(input.trim());
  const factor = units[match?.[2] || (plain ?? "")];
  if (match === null || factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** "host:port"; "[::1]:9000" for IPv6; port 0 lets the system choose. */
export const address: SettingKind<SocketAddress> = {
  placeholder: "<host:port>",
  parse: (input) => {
    const match = typeof input === "string" ? /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(input) : null;
    const port = Number(match?.[2]);
    if (match?.[1] === undefined || port > 65_535) return new Refused('an address such as "127.0.0.1:9000"');
    return { host: match[1].replace(/^\[|\]$/g, ""), port };
  },
  format: (value) => JSON.stringify(formatAddress(value)),
};

export function formatAddress({ host, port }: SocketAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function oneOf<const T extends string>(...choices: readonly T[]): SettingKind<T> {
  return {
    placeholder: `<${choices.join("|")}>`,
    parse: (input) =>
      choices.find((choice) => choice === input) ?? new Refused(`one of ${choices.join(", ")}`),
    format: (value) => JSON.stringify(value),
  };
}
