import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import type { RecycledBuffers, SharedIndex } from "../../base/index.ts";
import type { NodeIdentity } from "../../cluster/index.ts";
import type { AuditLog } from "../../observe/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import type { AccessLogs, S3Server } from "../../s3/index.ts";
import type { LimitsMemory } from "../caller-limits.ts";
import type { Config } from "../config/index.ts";
import type { EnginesForThreads } from "../engines/engines.ts";
import { createS3, type S3Parts } from "./s3.ts";
import { GatewayThread } from "./thread.ts";

/** More threads than this find too little that they do not all wait for: one log, one disk. */
const MAX_AUTOMATIC_THREADS = 8;

export interface S3ListenerOptions {
  /** Of the main thread. */
  readonly parts: Omit<S3Parts, "threads" | "takeAccessLog">;
  readonly identity: Pick<NodeIdentity, "nodeId" | "clusterId" | "keyEncryptionKey">;
  readonly engines: EnginesForThreads;
  readonly readIndex: SharedIndex;
  readonly limits: LimitsMemory;
  readonly readBuffers: RecycledBuffers;
  readonly accessLogs: AccessLogs;
  readonly audit: AuditLog | undefined;
  readonly onFatal: (error: Error) => void;
}

/** S3 on the main thread and on as many others as are configured, all on one port, among which the system deals out the connections. */
export class S3Listener {
  readonly #options: S3ListenerOptions;
  readonly #main: S3Server;
  readonly #threads: GatewayThread[] = [];

  private constructor(options: S3ListenerOptions, threads: number) {
    this.#options = options;
    const { parts, accessLogs } = options;
    this.#main = createS3({
      ...parts,
      threads: threads + 1,
      takeAccessLog: (record) => accessLogs.take(record),
    });
  }

  /** Rejects when the address cannot be had, or a thread cannot start. */
  static async open(
    options: S3ListenerOptions,
  ): Promise<{ readonly listener: S3Listener; readonly address: SocketAddress }> {
    const { config, logger } = options.parts;
    const wanted = threadsOf(config);
    const threads = wanted > 0 && (await canShare(config["s3.listen"])) ? wanted : 0;
    if (threads < wanted)
      logger.warn("this system cannot share a port between threads: S3 has one", { wanted });
    const listener = new S3Listener(options, threads);
    try {
      return { listener, address: await listener.#open(threads) };
    } catch (error) {
      await listener.close(0);
      throw error;
    }
  }

  /** Requests that have not been answered to the end, on the main thread. */
  get inflight(): number {
    return this.#main.inflight;
  }

  /** Accepts nothing more, lets what is under way finish, and after `graceMs` cuts what is not done. */
  async close(graceMs: number): Promise<void> {
    await Promise.all([this.#main, ...this.#threads].map((each) => each.close(graceMs)));
  }

  async #open(threads: number): Promise<SocketAddress> {
    const { config, observing } = this.#options.parts;
    const starting = Array.from({ length: threads }, (_, i) => this.#start(`gateway-${i + 1}`, threads + 1));
    // Also those that began before one failed are to be closed.
    for (const thread of starting) thread.then((each) => this.#threads.push(each)).catch(() => undefined);
    await Promise.allSettled(starting);
    await Promise.all(starting);
    for (const { observed } of this.#threads) observing.addThread(observed);
    const address = await this.#main.listen(config["s3.listen"], { isShared: threads > 0 });
    await Promise.all(this.#threads.map((thread) => thread.listen(address)));
    return address;
  }

  #start(name: string, threads: number): Promise<GatewayThread> {
    const { parts, identity, readIndex, limits } = this.#options;
    const { nodeId, clusterId, keyEncryptionKey } = identity;
    return GatewayThread.start({
      ...this.#options,
      name,
      logger: parts.logger,
      timers: parts.platform.timers,
      start: {
        config: parts.config,
        identity: { nodeId, clusterId, keyEncryptionKey },
        threads,
        readIndex,
        limits,
      },
    });
  }
}

function threadsOf(config: Config): number {
  const threads = config["s3.threads"];
  return threads === "auto" ? Math.min(availableParallelism() - 1, MAX_AUTOMATIC_THREADS) : threads;
}

/**
 * Whether several sockets can listen on this address here. A port that is shared is shared with whoever asks for that, another node too, so this asks for it alone
 * first: rejects when somebody has it.
 */
async function canShare(address: SocketAddress): Promise<boolean> {
  await tryToListen(address, false);
  try {
    await tryToListen(address, true);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTSUP") return false;
    throw error;
  }
}

function tryToListen({ host, port }: SocketAddress, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port, reusePort }, () => server.close(() => resolve()));
  });
}
