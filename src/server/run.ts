import type { EventEmitter } from "node:events";
import type { Readable } from "node:stream";
import { ClusterError, type ClusterErrorCode } from "../cluster/index.ts";
import { createLogger, createMetrics } from "../observe/index.ts";
import { createNodePlatform } from "../platform/node/index.ts";
import type { Config } from "./config/index.ts";
import type { JoinRequest } from "./identity.ts";
import { type RunningNode, startNode } from "./node.ts";

/** A second signal does not wait for requests in flight. */
const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];
/** After a fatal error, how long the rest has to close before the process ends in any case, in milliseconds. */
const FATAL_GRACE_MS = 2000;
/** After a signal during the start, how long that has to come to its end, in milliseconds: as long as requests in flight have. */
const START_GRACE_MS = 10_000;

/** Starting again would be refused: docs/operating/exit-codes.md. */
const EXIT_REFUSED = 5;
const REFUSED_CODES: ReadonlySet<ClusterErrorCode> = new Set(["node-removed", "log-outdated"]);

export interface RunOptions {
  readonly join: JoinRequest | undefined;
  /** Stop as on SIGTERM when standard input ends, so that a node does not outlive the program that holds the other end. */
  readonly stopWithStdin: boolean;
}

/** Runs one node as this process, until a signal or a fatal error. */
export async function runNode(config: Config, { join, stopWithStdin }: RunOptions): Promise<void> {
  const platform = createNodePlatform();
  const metrics = createMetrics({ process: true, shoalNames: config["metrics.shoal_names"] });
  const logger = createLogger({
    level: config["log.level"],
    clock: platform.clock,
    fields: { node: config["node.name"] },
  });
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  const exitCode = await runUntilStopped({
    start: async () => {
      const node = await startNode({
        config,
        platform,
        logger,
        metrics,
        onFatal: fail,
        ...(join && { join }),
      });
      logger.info("listening", {
        nodeId: node.identity.nodeId,
        s3: `${node.s3Address.host}:${node.s3Address.port}`,
        api: `${node.apiAddress.host}:${node.apiAddress.port}`,
      });
      return node;
    },
    failed,
    process,
    stdin: stopWithStdin ? process.stdin : undefined,
  });
  await platform.hasher.close();
  process.exit(exitCode);
}

export interface Stoppable {
  readonly start: () => Promise<Pick<RunningNode, "stop">>;
  /** Resolves when the node cannot go on. */
  readonly failed: Promise<Error>;
  /** Where signals come, and what a second one ends at once. */
  readonly process: Pick<EventEmitter, "once"> & { readonly exit: (code: number) => void };
  /** Its end is a signal too. */
  readonly stdin: Pick<Readable, "once" | "resume"> | undefined;
}

/**
 * Starts a node and stops it when a signal has come, also one that came while it was starting, or when it has failed. Resolves with the exit code; rejects
 * when it cannot start.
 */
export async function runUntilStopped({ start, failed, process, stdin }: Stoppable): Promise<number> {
  // A process that is the first of its container has no handler that it has not set: before anything else.
  const signalled = new Promise<undefined>((resolve) => {
    const stop = () => {
      for (const signal of SIGNALS) process.once(signal, () => process.exit(1));
      resolve(undefined);
    };
    for (const signal of SIGNALS) process.once(signal, () => stop());
    // A pipe that ends is closed; a file, /dev/null too, only ends.
    stdin?.once("end", stop).once("close", stop).resume();
  });
  let isStarted = false;
  let startGrace: NodeJS.Timeout | undefined;
  void signalled.then(() => {
    if (!isStarted) startGrace = setTimeout(() => process.exit(1), START_GRACE_MS);
  });
  const node = await start();
  isStarted = true;
  clearTimeout(startGrace);
  const error = await Promise.race([signalled, failed]);
  const exitCode = error === undefined ? 0 : exitCodeOf(error);
  if (error !== undefined) setTimeout(() => process.exit(exitCode), FATAL_GRACE_MS);
  await node.stop();
  return exitCode;
}

function exitCodeOf(error: Error): number {
  return error instanceof ClusterError && REFUSED_CODES.has(error.code) ? EXIT_REFUSED : 1;
}
