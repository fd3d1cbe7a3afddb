import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { Deferred, type RecycledBuffers, type ThreadPort } from "../../base/index.ts";
import { type BlobTurn, type FromBlobs, serveBlobs, type ToBlobs } from "../../blob/index.ts";
import { type FromMetadata, MetadataServer, type ReaderStart, type ToMetadata } from "../../meta/index.ts";
import {
  type AuditLog,
  type FromObserved,
  type Logger,
  ObservedThread,
  type ToObserved,
} from "../../observe/index.ts";
import type { SocketAddress, Timers } from "../../platform/index.ts";
import { threadFile, threadPort } from "../../platform/node/index.ts";
import type { AccessLogs } from "../../s3/index.ts";
import type { EnginesForThreads } from "../engines/engines.ts";
import { endThread } from "./end-thread.ts";
import type { FromGateway, GatewayPorts, GatewayStart, ToGateway } from "./protocol.ts";

export interface GatewayThreadOptions {
  /** Of the thread, in the log. */
  readonly name: string;
  readonly start: Omit<GatewayStart, "reader" | "ports" | "writes">;
  readonly engines: EnginesForThreads;
  /** Those that segments read into. */
  readonly readBuffers: RecycledBuffers;
  readonly accessLogs: Pick<AccessLogs, "take">;
  readonly audit: AuditLog | undefined;
  readonly logger: Logger;
  readonly timers: Timers;
  /** The thread has ended of itself, or does not answer: the node cannot go on. */
  readonly onFatal: (error: Error) => void;
}

/** The ends of the channels that stay on this thread, and those that go. */
interface Channels {
  readonly here: GatewayPorts;
  readonly there: GatewayPorts;
}

/** A further thread that serves S3, as the main thread sees it. */
export class GatewayThread {
  readonly observed: ObservedThread;
  readonly #options: GatewayThreadOptions;
  readonly #channels = channels();
  readonly #metadata: MetadataServer;
  readonly #blobs: { close(): void };
  readonly #opened = new Deferred<void>();
  readonly #listening = new Deferred<void>();
  readonly #closed = new Deferred<void>();
  readonly #ended = new Deferred<void>();
  #worker: Worker | undefined;
  #isClosing = false;
  #failure: Error | undefined;

  private constructor(options: GatewayThreadOptions) {
    this.#options = options;
    const { engines, timers } = options;
    const { metadata, blobs, observing } = this.#channels.here;
    this.#metadata = new MetadataServer({
      ...engines,
      port: threadPort<FromMetadata, ToMetadata>(metadata),
      timers,
      onSilent: options.onFatal,
    });
    const blobPort: ThreadPort<BlobTurn<FromBlobs>, BlobTurn<ToBlobs>> = threadPort(blobs);
    this.#blobs = serveBlobs(blobPort, engines.blobs, { buffers: options.readBuffers, timers });
    this.observed = new ObservedThread({
      ...options,
      port: threadPort<ToObserved, FromObserved>(observing),
    });
    this.#listening.promise.catch(() => undefined);
  }

  /** Resolves when it has opened the rows. Rejects when it could not. */
  static async start(options: GatewayThreadOptions): Promise<GatewayThread> {
    const thread = new GatewayThread(options);
    try {
      await thread.#metadata.start((reader) => thread.#begin(reader));
    } catch (error) {
      await thread.close(0);
      throw error;
    }
    return thread;
  }

  /** On an address that the main thread listens on. */
  listen(address: SocketAddress): Promise<void> {
    this.#post({ kind: "listen", address });
    return this.#listening.promise;
  }

  /** Accepts nothing more, lets what is under way finish, and after `graceMs` cuts what is not done. A thread that is blocked is terminated soon after. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const worker = this.#worker;
    if (worker !== undefined) {
      this.#post({ kind: "close", graceMs });
      const { name, logger, timers } = this.#options;
      const ended = Promise.race([this.#closed.promise, this.#ended.promise]);
      const terminate = (): Promise<number> => worker.terminate();
      const isInTime = await endThread({ ended, terminate }, { graceMs, timers });
      if (!isInTime)
        logger.warn("a gateway thread did not close in time: it was terminated", { thread: name });
    }
    this.#metadata.close();
    this.#blobs.close();
    this.observed.ended();
    for (const port of Object.values<MessagePort>({ ...this.#channels.here })) port.close();
  }

  #begin(reader: ReaderStart): Promise<void> {
    const { name, start, engines } = this.#options;
    const { there } = this.#channels;
    const workerData: GatewayStart = { ...start, reader, writes: engines.writes, ports: there };
    const worker = new Worker(threadFile("gateway-worker", import.meta.url), {
      name,
      workerData,
      transferList: Object.values<MessagePort>({ ...there }),
      execArgv: [],
    });
    this.#worker = worker;
    threadPort<ToGateway, FromGateway>(worker).onMessage((message) => this.#receive(message));
    worker.on("error", (error) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
    worker.on("exit", () => this.#exited());
    return this.#opened.promise;
  }

  #receive(message: FromGateway): void {
    switch (message.kind) {
      case "opened":
        this.#opened.resolve();
        return;
      case "listening":
        this.#listening.resolve();
        return;
      case "failed":
        this.#fail(new Error(`a gateway thread could not start: ${message.message}`));
        return;
      case "access-logs":
        for (const record of message.records) this.#options.accessLogs.take(record);
        return;
      case "closed":
        this.#closed.resolve();
    }
  }

  #exited(): void {
    const error = this.#failure ?? new Error("a gateway thread has ended");
    this.#fail(error);
    this.#ended.resolve();
    if (!this.#isClosing) this.#options.onFatal(error);
  }

  #fail(error: Error): void {
    this.#opened.reject(error);
    this.#listening.reject(error);
  }

  #post(message: ToGateway): void {
    this.#worker?.postMessage(message);
  }
}

function channels(): Channels {
  const [metadata, blobs, observing] = [new MessageChannel(), new MessageChannel(), new MessageChannel()];
  return {
    here: { metadata: metadata.port1, blobs: blobs.port1, observing: observing.port1 },
    there: { metadata: metadata.port2, blobs: blobs.port2, observing: observing.port2 },
  };
}
