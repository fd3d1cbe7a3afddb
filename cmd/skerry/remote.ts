import { readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type Command, Option } from "commander";
import { CommandError } from "./exit.ts";

/** A node that has not answered a call by then is not waited for. */
const CALL_TIMEOUT_MS = 30_000;
/**
 * What ends calls without a time limit when the node is gone: HTTP/2 pings, which a node answers however busy it is. The timeout leaves room for what an
 * upload over a slow link has before them.
 */
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 30_000;
/** A header can hold it, so that no error text of a library shows it. */
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/** For calls that move as many bytes as there are. */
export const WITHOUT_TIME_LIMIT = { timeoutMs: 0 };

export interface RemoteOptions {
  readonly endpoint: string;
  readonly apiKeyFile?: string;
  readonly output: "text" | "json";
  /** Of commands that wait, in seconds: no call of theirs takes longer. */
  readonly timeout?: number;
}

/** The options that every command has that talks to a cluster. */
export function addRemoteOptions(command: Command): Command {
  return command
    .option(
      "--endpoint <url>",
      "API endpoint of any node",
      process.env["SKERRY_ENDPOINT"] ?? "http://127.0.0.1:8080",
    )
    .option("--api-key-file <file>", "file that holds the API key (default: the variable SKERRY_API_KEY)")
    .addOption(outputOption());
}

export function outputOption(): Option {
  return new Option("--output <form>", "form of the output").choices(["text", "json"]).default("text");
}

/** A client of one service. The key comes from a file or the environment, never from a flag: flags show in process lists. */
export function remote<S extends DescService>(service: S, options: RemoteOptions): Client<S> {
  const timeoutMs = Math.min(CALL_TIMEOUT_MS, (options.timeout ?? Number.POSITIVE_INFINITY) * 1000);
  return remoteWithKey(service, endpointOf(options), apiKey(options), timeoutMs);
}

/** `timeoutMs`: of a call that says no other. Throws CommandError for a key that cannot be sent. */
export function remoteWithKey<S extends DescService>(
  service: S,
  endpoint: string,
  key: string,
  timeoutMs: number = CALL_TIMEOUT_MS,
): Client<S> {
  const authorization = `Bearer ${sendable(key)}`;
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", authorization);
    return next(request);
  };
  return createClient(
    service,
    createConnectTransport({
      baseUrl: endpoint,
      httpVersion: "2",
      interceptors: [authorize],
      acceptCompression: [],
      defaultTimeoutMs: timeoutMs,
      pingIntervalMs: PING_INTERVAL_MS,
      pingTimeoutMs: PING_TIMEOUT_MS,
    }),
  );
}

/** Scheme, host and port. Throws CommandError for what is no such URL. */
export function endpointOf({ endpoint }: RemoteOptions): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new CommandError(`--endpoint is a URL as http://127.0.0.1:8080 is one, not ${endpoint}`, 2);
  if (url.href !== `${url.origin}/`)
    throw new CommandError(`--endpoint is a scheme, a host and a port and no more: ${url.origin}`, 2);
  return url.origin;
}

export function apiKey(options: RemoteOptions): string {
  const key =
    options.apiKeyFile === undefined ? process.env["SKERRY_API_KEY"] : readKeyFile(options.apiKeyFile);
  if (key === undefined || key === "") {
    throw new CommandError(
      "no API key: set SKERRY_API_KEY or give --api-key-file (`skerry dev` prints one)",
      2,
    );
  }
  return sendable(key);
}

/** Says nothing of what is in it. */
function sendable(key: string): string {
  if (PRINTABLE_ASCII.test(key)) return key;
  throw new CommandError("the API key has a line break, or another character that no API key has", 2);
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new CommandError(`the API key file ${path} cannot be read: ${(error as Error).message}`, 2);
  }
}

/** One line of JSON, with 64-bit numbers as numbers where they are exact. */
export function printJson(value: unknown): void {
  const text = JSON.stringify(value, (name, item: unknown) => {
    if (name === "$typeName") return undefined;
    if (typeof item !== "bigint") return item;
    return Number.isSafeInteger(Number(item)) ? Number(item) : String(item);
  });
  process.stdout.write(`${text}\n`);
}

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(table(head, rows));
}

/** What a terminal would obey or lay out otherwise, escaped as JSON does it: names that others chose are lines of their own and nothing more. */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Columns as wide as their widest cell. */
export function table(head: readonly string[], raw: readonly (readonly string[])[]): string {
  const rows = raw.map((row) => row.map(visible));
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const lines = [head, ...rows].map((row) => {
    const cells = row.map((cell, column) =>
      column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
    );
    return `${cells.join("  ").trimEnd()}\n`;
  });
  return lines.join("");
}

export function formatTime(ms: bigint): string {
  return new Date(Number(ms)).toISOString().replace("T", " ").slice(0, 19);
}

export function formatBytes(bytes: bigint | number): string {
  let value = Number(bytes);
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return `${unit === "B" ? value : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}
