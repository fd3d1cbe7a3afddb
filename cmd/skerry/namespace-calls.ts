/** What the commands of namespaces have in common. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type Namespace, parseJson, SkerryClient, SkerryError } from "../../src/client/index.ts";
import { CommandError } from "./exit.ts";
import { patientFetch } from "./patient-fetch.ts";
import { addRemoteOptions, apiKey, endpointOf, type RemoteOptions } from "./remote.ts";
import { seconds } from "./waiting.ts";

/** Exit codes of the program for codes of the API. Everything else failed: 1. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  invalid_argument: 2,
  limit_exceeded: 2,
  unavailable: 3,
  overloaded: 3,
  resource_exhausted: 3,
  unreachable: 3,
  timeout: 3,
  not_found: 4,
  unauthenticated: 5,
  permission_denied: 5,
};

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
  return translated(async () => run(await asUsage(() => client(options).namespace(name))));
}

export async function translated(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError")
      throw new CommandError("no answer within --timeout; what the node has begun may go on", 3);
    if (!(error instanceof SkerryError)) throw error;
    throw new CommandError(error.message, EXIT_CODES[error.code] ?? 1);
  }
}

/** The client throws TypeErrors for names that are none. */
export async function asUsage<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof TypeError) throw new CommandError(error.message, 2);
    throw error;
  }
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
