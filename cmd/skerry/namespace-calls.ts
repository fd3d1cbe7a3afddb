/** What the commands of namespaces have in common. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import type { Command } from "commander";
import {
  ArgumentError,
  formatJson,
  type Namespace,
  parseJson,
  SkerryClient,
  SkerryError,
} from "../../src/client/index.ts";
import { CommandError, exitCodeOf, isNoApi, noApi } from "./exit.ts";
import { patientFetch } from "./patient-fetch.ts";
import { addRemoteOptions, apiKey, endpointOf, type RemoteOptions } from "./remote.ts";
import { seconds } from "./waiting.ts";

export function on(family: Command, usage: string, description: string): Command {
  return addRemoteOptions(family.command(usage)).description(description);
}

/** Of a command that takes as long as the namespace is large. */
export function onAll(family: Command, usage: string, description: string): Command {
  return on(family, usage, description).option(
    "--timeout <seconds>",
    "give up waiting after this time; what the node has begun may go on (default: wait)",
    seconds,
  );
}

/** Of a call to the node: ends the wait after `--timeout`. */
export function waitOf({ timeout }: RemoteOptions): { readonly signal?: AbortSignal } {
  return timeout === undefined ? {} : { signal: AbortSignal.timeout(timeout * 1000) };
}

export function client(options: RemoteOptions): SkerryClient {
  return new SkerryClient({ endpoint: endpointOf(options), apiKey: apiKey(options), fetch: patientFetch });
}

export function withNamespace(
  name: string,
  options: RemoteOptions,
  run: (namespace: Namespace) => Promise<void>,
): Promise<void> {
  return translated(() => run(client(options).namespace(name)));
}

/** Errors of the client as those of a command. */
export async function translated(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError")
      throw new CommandError("no answer within --timeout; what the node has begun may go on", 3);
    if (error instanceof ArgumentError) throw new CommandError(error.message, 2);
    if (error instanceof SkerryError) throw refused(error);
    throw error;
  }
}

/** What the program says of an error of the client, and ends with. */
export function refused({ code, status, message }: SkerryError): CommandError {
  if (code === "unreachable" && isNoApi(message)) return new CommandError(noApi(message), 2);
  // Else the code is that of the API, or of an answer that is not in its form.
  if (code !== "unknown") return new CommandError(message, exitCodeOf(code));
  const isForNow = status === 429 || (status >= 502 && status <= 504);
  if (isForNow) return new CommandError(message, exitCodeOf("unavailable"));
  return status < 500 ? new CommandError(noApi(message), 2) : new CommandError(message);
}

/** One line of JSON, with all digits of whole numbers: what `ns export` writes is what `ns upsert` reads. */
export function printJson(value: unknown): void {
  process.stdout.write(`${formatJson(value)}\n`);
}

/** The same of one value of many: resolves when there is room for the next, so that what a slow reader has not taken does not pile up in memory. */
export async function printJsonOf(value: unknown, output: Writable = process.stdout): Promise<void> {
  if (!output.write(`${formatJson(value)}\n`)) await once(output, "drain");
}

/** JSON itself, or "@file". */
export function jsonOption(text: string, what: string): unknown {
  if (!text.startsWith("@")) return json(text, what);
  try {
    return json(readFileSync(text.slice(1), "utf8"), text.slice(1));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${text.slice(1)} cannot be read: ${(error as Error).message}`, 2);
  }
}

export function json(text: string, what: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new CommandError(`${what} is not JSON: ${(error as Error).message}`, 2);
  }
}
