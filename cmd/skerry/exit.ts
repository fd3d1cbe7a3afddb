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
  if (error instanceof ConnectError && NO_API.test(error.rawMessage))
    return { message: noApi(error.rawMessage), exitCode: 2 };
  if (error instanceof ConnectError)
    return { message: connectMessage(error), exitCode: CONNECT_EXIT[error.code] ?? 1 };
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

const CONNECT_EXIT: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: 2,
  [Code.NotFound]: 4,
  [Code.Unavailable]: 3,
  [Code.DeadlineExceeded]: 3,
  [Code.ResourceExhausted]: 3,
  [Code.Aborted]: 3,
  [Code.PermissionDenied]: 5,
  [Code.Unauthenticated]: 5,
  [Code.AlreadyExists]: 5,
  [Code.FailedPrecondition]: 5,
};

/** Nobody there, as the system says it; or somebody who took the connection and said nothing, as Connect says it. */
const NO_ANSWER =
  /ECONNREFUSED|ENOTFOUND|ECONNRESET|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|^PING timed out|^the operation timed out/;
/** HTTP/1 where HTTP/2 was expected, no TLS where TLS was expected, and a server that has none of Skerry's paths. */
const NO_API = /^Protocol error|SSL routines|^HTTP 404/;

function noApi(rawMessage: string): string {
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
  const [refused] = error.findDetails(OperationRefusedSchema);
  return refused === undefined ? error.rawMessage : `${error.rawMessage}\n  what to do: ${refused.advice}`;
}
