import { Code, ConnectError } from "@connectrpc/connect";
import type { ClusterError, ClusterErrorCode } from "../../src/cluster/index.ts";
import { OperationRefusedSchema } from "../../src/gen/skerry/admin/v1/admin_pb.js";
import { DiskError } from "../../src/platform/index.ts";
import type { ConfigError } from "../../src/server/index.ts";

/** A command cannot do what was asked; `exitCode` as documented in the help. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** Says what went wrong on standard error, without a stack for what is not a bug, and ends the process. */
export function exitWith(error: unknown): never {
  const { message, exitCode } = describe(error);
  process.stderr.write(`skerry: ${message}\n`);
  process.exit(exitCode);
}

function describe(error: unknown): { readonly message: string; readonly exitCode: number } {
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode };
  if (isA<ConfigError>(error, "ConfigError"))
    return { message: `the configuration cannot be used:\n  ${error.faults.join("\n  ")}`, exitCode: 2 };
  if (isA<ClusterError>(error, "ClusterError"))
    return {
      message: `${error.message}\n  what to do: ${error.advice}`,
      exitCode: FOR_THE_OPERATOR.has(error.code) ? 5 : 1,
    };
  if (error instanceof ConnectError && isNoApi(error.rawMessage))
    return { message: noApi(error.rawMessage), exitCode: 2 };
  if (error instanceof ConnectError)
    return { message: connectMessage(error), exitCode: connectExitCode(error.code) };
  if (error instanceof DiskError) return { message: diskMessage(error), exitCode: 1 };
  // What the operating system says of an address; it comes from several threads, which keep the message only.
  if (error instanceof Error && /^(listen|getaddrinfo) E[A-Z]+/.test(error.message))
    return { message: `an address of this node cannot be listened on: ${error.message}`, exitCode: 1 };
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode: 1 };
}

/** To start the node again would change nothing: somebody has to do what the message says. */
const FOR_THE_OPERATOR: ReadonlySet<ClusterErrorCode> = new Set([
  "node-removed",
  "log-missing",
  "log-outdated",
  "state-damaged",
]);

/** By name: loading the modules that these come from would make every short command slow. */
function isA<E extends Error>(error: unknown, name: E["name"]): error is E {
  return error instanceof Error && error.name === name;
}

function diskMessage(error: DiskError): string {
  const where = `${error.message} (${error.path})`;
  switch (error.code) {
    case "locked":
      return `another process works in this data directory: ${where}`;
    case "read-only":
      return `the data directory cannot be written to: ${where}`;
    case "no-space":
      return `the disk of the data directory is full: ${where}`;
    default:
      return where;
  }
}

/** Exit codes for codes of the API, as REST and docs/operating/exit-codes.md write them. Everything else failed: 1. */
const EXIT_CODES: ReadonlyMap<string, number> = new Map([
  ["invalid_argument", 2],
  ["limit_exceeded", 2],
  ["payload_too_large", 2],
  ["out_of_range", 2],
  ["unavailable", 3],
  ["overloaded", 3],
  ["resource_exhausted", 3],
  ["deadline_exceeded", 3],
  ["aborted", 3],
  ["unreachable", 3],
  ["timeout", 3],
  ["not_found", 4],
  ["unauthenticated", 5],
  ["permission_denied", 5],
  ["already_exists", 5],
  ["failed_precondition", 5],
  ["schema_conflict", 5],
  ["version_conflict", 5],
  ["idempotency_conflict", 5],
  ["quota_exceeded", 5],
]);

/** Of a code of the API: "not_found". */
export function exitCodeOf(code: string): number {
  return EXIT_CODES.get(code) ?? 1;
}

function connectExitCode(code: Code): number {
  return exitCodeOf(Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase());
}

/** Nobody there, as the system says it; or somebody who took the connection and said nothing, as Connect says it. */
const NO_ANSWER =
  /ECONNREFUSED|ENOTFOUND|ECONNRESET|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|^PING timed out|^the operation timed out/;
/** HTTP/1 where HTTP/2 was expected, no HTTP at all, no TLS where TLS was expected, and a server that has none of Skerry's paths. */
const NO_API = /^Protocol error|SSL routines|Parse Error|^HTTP 404/;

/** Whether an error of the connection says that something else is at the endpoint. */
export function isNoApi(rawMessage: string): boolean {
  return NO_API.test(rawMessage);
}

/** Says so, and what it is from that one knows. */
export function noApi(rawMessage: string): string {
  const why = rawMessage.includes("SSL routines") ? "it does not speak TLS" : rawMessage.split("\n")[0];
  return `the endpoint is not the API of a node (${why}): it has a port of its own, api.listen, and is https:// where the node has TLS`;
}

function connectMessage(error: ConnectError): string {
  if (
    (error.code === Code.Unavailable || error.code === Code.DeadlineExceeded) &&
    NO_ANSWER.test(error.rawMessage)
  ) {
    return `nobody answers at the endpoint (${error.rawMessage}); is the node running? set --endpoint or SKERRY_ENDPOINT`;
  }
  if (/^(read|write) ECONNRESET/.test(error.rawMessage))
    return `the endpoint cut the connection (${error.rawMessage}): the node went away, or no API answers there; it has a port of its own, api.listen`;
  const [refused] = error.findDetails(OperationRefusedSchema);
  return refused === undefined ? error.rawMessage : `${error.rawMessage}\n  what to do: ${refused.advice}`;
}
