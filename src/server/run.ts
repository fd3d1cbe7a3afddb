import { ClusterError } from "../cluster/index.ts";
import { createLogger, createMetrics } from "../observe/index.ts";
import { createNodePlatform } from "../platform/node/index.ts";
import type { Config } from "./config/index.ts";
import type { JoinRequest } from "./identity.ts";
import { startNode } from "./node.ts";

/** A second signal does not wait for requests in flight. */
const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];
/** After a fatal error, how long the rest has to close before the process ends in any case, in milliseconds. */
const FATAL_GRACE_MS = 2000;

/** Starting again would be refused: docs/operating/exit-codes.md. */
const EXIT_REMOVED = 5;

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
  const node = await startNode({ config, platform, logger, metrics, onFatal: fail, ...(join && { join }) });
  logger.info("listening", {
    nodeId: node.identity.nodeId,
    s3: `${node.s3Address.host}:${node.s3Address.port}`,
    api: `${node.apiAddress.host}:${node.apiAddress.port}`,
  });
  const signalled = new Promise<undefined>((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(undefined));
    if (stopWithStdin) process.stdin.once("close", () => resolve(undefined)).resume();
  });
  const error = await Promise.race([failed, signalled]);
  if (error !== undefined) {
    const exitCode = error instanceof ClusterError && error.code === "node-removed" ? EXIT_REMOVED : 1;
    setTimeout(() => process.exit(exitCode), FATAL_GRACE_MS);
    process.exitCode = exitCode;
  }
  for (const signal of SIGNALS) process.once(signal, () => process.exit(1));
  await node.stop();
  await platform.hasher.close();
  process.exit();
}
