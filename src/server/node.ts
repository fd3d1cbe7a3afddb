import { resolve } from "node:path";
import type { Sealer } from "../access/index.ts";
import { RecycledBuffers } from "../base/index.ts";
import {
  ClusterError,
  certificateChainPem,
  certificateRenewalWorker,
  createIssuer,
  type NodeIdentity,
} from "../cluster/index.ts";
import type { Metadata } from "../meta/index.ts";
import type { Logger, Metrics } from "../observe/index.ts";
import type { Platform, SocketAddress } from "../platform/index.ts";
import { createNodeNetwork, type NodeNetwork } from "../platform/node/index.ts";
import { type RaftStart, type StartedRaftThread, startRaftThread } from "../raft/index.ts";
import { type Config, loadTls } from "./config/index.ts";
import { type Engines, openEngines } from "./engines/engines.ts";
import type { Certificates, Closers } from "./engines/options.ts";
import { type Identified, identify, type JoinRequest } from "./identity.ts";
import { type Listeners, startListeners } from "./listeners.ts";
import { startSearchThread } from "./search-thread.ts";
import { observeCertificate } from "./state-metrics.ts";

/** Memory of one read from a segment: a step of a blob's reader (1 MiB) with the head of its chunk's record. */
const READ_BUFFER_BYTES = 1024 * 1024 + 4096;
/** Memory for reads that is kept for the next ones. */
const READ_BUFFERS_KEPT_BYTES = 64 * 1024 * 1024;

export interface NodeStart {
  readonly config: Config;
  readonly platform: Platform;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly join?: JoinRequest;
  /** The node cannot go on and has stopped serving; the process should end. */
  readonly onFatal: (error: Error) => void;
}

/** A running node. */
export interface RunningNode {
  readonly identity: NodeIdentity;
  readonly s3Address: SocketAddress;
  readonly apiAddress: SocketAddress;
  /** Undefined: ready to serve. */
  notReadyReason(): string | undefined;
  /** Lets requests in flight finish, hands leadership over, closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts a node on this machine: its engines with their Raft on a thread, and its listeners. Resolves when the listeners are open; what needs
 * the rest of the cluster goes on behind it and shows in `notReadyReason`. Rejects with ConfigError (of files that the configuration names), ClusterError,
 * DiskError, or what the operating system says of an address.
 */
export async function startNode(start: NodeStart): Promise<RunningNode> {
  const node = new Node(start);
  try {
    await node.start();
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

class Node implements RunningNode {
  readonly #start: NodeStart;
  readonly #dataDirectory: string;
  /** Undone in reverse order by `stop`. */
  readonly #closers: Closers = [];
  readonly #readBuffers = new RecycledBuffers({
    bufferBytes: READ_BUFFER_BYTES,
    leastBytes: READ_BUFFER_BYTES / 16,
    keptBytes: READ_BUFFERS_KEPT_BYTES,
  });
  #identified!: Identified;
  #network!: NodeNetwork;
  #raft!: StartedRaftThread;
  #engines: Engines | undefined;
  #listeners!: Listeners;
  #stopped: Promise<void> | undefined;

  constructor(start: NodeStart) {
    this.#start = start;
    this.#dataDirectory = resolve(start.config["node.data_dir"]);
  }

  get identity(): NodeIdentity {
    return this.#identified.stored.identity;
  }

  get s3Address(): SocketAddress {
    return this.#listeners.s3Address;
  }

  get apiAddress(): SocketAddress {
    return this.#listeners.apiAddress;
  }

  async start(): Promise<void> {
    const { platform, config, join, logger, metrics } = this.#start;
    // Before anything is opened or joined for a listener that cannot be.
    const tls = loadTls(config);
    if (tls !== undefined) observeCertificate(metrics, "public", tls.certificate);
    this.#identified = await identify(platform, config, { dataDirectory: this.#dataDirectory, join });
    observeCertificate(metrics, "node", this.identity.certificatePem);
    this.#network = createNodeNetwork({
      identity: this.identity,
      ...networkCredentials(this.identity),
      onProblem: (problem) => logger.debug("a connection failed", { problem }),
    });
    this.#closers.push(() => this.#network.close());
    const engines = await this.#openEngines();
    this.#engines = engines;
    this.#closers.push(() => engines.close());
    const dataDirectory = this.#dataDirectory;
    const recycle = (piece: Uint8Array) => this.#readBuffers.giveBack(piece);
    const shared = {
      ...this.#start,
      dataDirectory,
      engines,
      recycle,
      readIndex: this.#raft.sharedReadIndex,
      readBuffers: this.#readBuffers,
      onFatal: (error: Error) => this.#fatal(error),
    };
    this.#listeners = await startListeners(shared, this.#closers);
    // With the ports that the system chose where the configuration leaves that to it.
    const { s3Address, apiAddress, workers } = this.#listeners;
    this.#closers.push(
      engines.work({ ...config, "s3.listen": s3Address, "api.listen": apiAddress }, workers),
    );
  }

  notReadyReason(): string | undefined {
    return this.#engines === undefined ? "starting" : this.#engines.notReadyReason();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  #openEngines(): Promise<Engines> {
    return openEngines({
      ...this.#start,
      dataDirectory: this.#dataDirectory,
      network: this.#network,
      readBuffers: this.#readBuffers,
      identified: this.#identified,
      startRaft: (start) => this.#startRaft(start),
      startSearchThread,
      certificates: (metadata, sealer) => this.#certificates(metadata, sealer),
      onFatal: (error) => this.#fatal(error),
    });
  }

  async #startRaft(start: RaftStart): Promise<StartedRaftThread> {
    this.#raft = await startRaftThread({ ...start, tls: networkCredentials(this.identity) });
    return this.#raft;
  }

  #certificates(metadata: Metadata, sealer: Sealer): Certificates {
    const { platform, metrics } = this.#start;
    const { clusterId } = this.identity;
    const issuer = createIssuer({ ...platform, clusterId, metadata, sealer });
    const renewal = certificateRenewalWorker({
      directory: this.#identified.directory,
      issuer,
      clock: platform.clock,
      onRenewed: (renewed) => {
        this.#network.updateCredentials(networkCredentials(renewed));
        this.#raft.updateCredentials(networkCredentials(renewed));
        observeCertificate(metrics, "node", renewed.certificatePem);
      },
    });
    return { issuer, workers: [renewal] };
  }

  #fatal(error: Error): void {
    // What an operator has to do something about is no bug, and has no use for a stack.
    const what = error instanceof ClusterError ? { error: error.message, advice: error.advice } : { error };
    this.#start.logger.error("the node cannot go on", what);
    this.#start.onFatal(error);
  }

  async #close(): Promise<void> {
    this.#engines?.stopping();
    await this.#engines?.leaveLead();
    for (const close of this.#closers.reverse()) {
      try {
        await close();
      } catch (error) {
        this.#start.logger.warn("something did not close cleanly", { error });
      }
    }
  }
}

function networkCredentials(identity: NodeIdentity) {
  return {
    certificatePem: certificateChainPem(identity),
    privateKeyPem: identity.privateKeyPem,
    caCertificatePem: identity.caCertificatePem,
  };
}
