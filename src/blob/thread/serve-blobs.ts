import type { RecycledBuffers, ThreadPort } from "../../base/index.ts";
import type { Timers } from "../../platform/index.ts";
import { BlobError } from "../errors.ts";
import type { BlobStore } from "../ports.ts";
import { encodeError } from "./error-message.ts";
import type { BlobTurn, FromBlobs, ToBlobs } from "./protocol.ts";
import { ServedRead } from "./served-read.ts";
import { ServedWrite } from "./served-write.ts";
import { TurnMessages } from "./turn-messages.ts";

export interface ServeBlobsOptions {
  /** Those that the store reads into: their memory is lent to the other thread, and comes back when that recycles it. */
  readonly buffers: RecycledBuffers;
  readonly timers: Pick<Timers, "endOfTurn">;
}

/** What `serveBlobs` started. */
export interface BlobsForThread {
  /** Writes and reads under way. */
  readonly openCount: number;
  /** What is open is given up, and what comes is refused: BlobError "unavailable" at the other end. */
  close(): void;
}

/** Serves blobs to another thread (`RemoteBlobs`). */
export function serveBlobs(
  port: ThreadPort<BlobTurn<FromBlobs>, BlobTurn<ToBlobs>>,
  blobs: BlobStore,
  options: ServeBlobsOptions,
): BlobsForThread {
  return new Server(port, blobs, options);
}

class Server implements BlobsForThread {
  openCount = 0;
  readonly #blobs: BlobStore;
  readonly #options: ServeBlobsOptions;
  readonly #messages: TurnMessages<FromBlobs>;
  /** By the other end's numbers, which it uses again. */
  readonly #open: (ServedRead | ServedWrite | undefined)[] = [];
  #isClosed = false;

  constructor(
    port: ThreadPort<BlobTurn<FromBlobs>, BlobTurn<ToBlobs>>,
    blobs: BlobStore,
    options: ServeBlobsOptions,
  ) {
    this.#blobs = blobs;
    this.#options = options;
    this.#messages = new TurnMessages((turn, handOver) => port.post(turn, handOver), options.timers);
    port.onMessage((turn) => this.#receive(turn));
  }

  close(): void {
    this.#isClosed = true;
    for (const operation of this.#open) operation?.giveUp(stopping());
  }

  #receive({ messages, emptied }: BlobTurn<ToBlobs>): void {
    for (const buffer of emptied) this.#options.buffers.takeBack(buffer);
    for (const message of messages) this.#take(message);
  }

  #take(message: ToBlobs): void {
    switch (message.kind) {
      case "write":
      case "read":
        if (this.#isClosed) {
          this.#messages.say({ kind: "failed", id: message.id, error: encodeError(stopping()) });
          return;
        }
        void this.#run(message);
        return;
      case "bytes":
      case "consumed": {
        const operation = this.#open[message.id];
        // Undefined: it has just ended.
        if (operation !== undefined) operation.receive(message);
        else if (message.kind === "bytes") this.#messages.giveBack(message.bytes.buffer);
        return;
      }
      case "cancel":
        this.#open[message.id]?.giveUp(new BlobError("canceled", "the other thread gave it up"));
    }
  }

  async #run(begin: ToBlobs & { readonly kind: "write" | "read" }): Promise<void> {
    const operation = this.#start(begin);
    this.#open[begin.id] = operation;
    this.openCount++;
    await operation.run();
    this.openCount--;
  }

  #start(begin: ToBlobs & { readonly kind: "write" | "read" }): ServedWrite | ServedRead {
    const shared = {
      ...this.#options,
      blobs: this.#blobs,
      messages: this.#messages,
      onEnd: () => {
        this.#open[begin.id] = undefined;
      },
    };
    return begin.kind === "write" ? new ServedWrite(begin, shared) : new ServedRead(begin, shared);
  }
}

function stopping(): BlobError {
  return new BlobError("unavailable", "the node is stopping");
}
