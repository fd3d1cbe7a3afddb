import { readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Command } from "commander";
import { CommandError } from "./exit.ts";

export interface RemoteOptions {
  readonly endpoint: string;
  readonly apiKeyFile?: string;
  readonly output: "text" | "json";
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
    .option("--output <text|json>", "form of the output", "text");
}

/** A client of one service. The key comes from a file or the environment, never from a flag: flags show in process lists. */
export function remote<S extends DescService>(service: S, options: RemoteOptions): Client<S> {
  if (!URL.canParse(options.endpoint))
    throw new CommandError(`--endpoint is not a URL: ${options.endpoint}`, 2);
  return remoteWithKey(service, options.endpoint, apiKey(options));
}

export function remoteWithKey<S extends DescService>(service: S, endpoint: string, key: string): Client<S> {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${key}`);
    return next(request);
  };
  return createClient(
    service,
    createConnectTransport({
      baseUrl: endpoint,
      httpVersion: "2",
      interceptors: [authorize],
      acceptCompression: [],
    }),
  );
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
  return key;
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

/** Columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
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
