import { Worker } from "node:worker_threads";
import { Deferred } from "../../base/index.ts";
import type { DigestAlgorithm } from "../ports.ts";
import type { HashRequest, HashResponse } from "./hash-protocol.ts";
import { threadFile } from "./thread-file.ts";

/** One stream of bytes on a hash thread. When the thread fails, everything that is asked of the stream rejects. */
export interface HashThreadStream {
  /** Resolves when the bytes, which must lie on shared memory, have been hashed. */
  hash(bytes: Uint8Array): Promise<void>;
  finish(): Promise<readonly Uint8Array[]>;
  abandon(): void;
}

interface OpenStream {
  /** In the order in which the thread answers. */
  readonly unanswered: Deferred<void>[];
  readonly finished: Deferred<readonly Uint8Array[]>;
}

/** One worker thread, and who waits for what from it. */
export class HashThread {
  readonly #worker: Worker;
  readonly #streams = new Map<number, OpenStream>();
  #lastStream = 0;
  #answersDue = 0;
  #failure: Error | undefined;
  readonly #onFailure: () => void;

  /** `onFailure` is called when the thread has ended, for whatever reason. */
  constructor(onFailure: () => void) {
    this.#onFailure = onFailure;
    // Without the process's own arguments: some, such as --input-type, are refused with a file.
    this.#worker = new Worker(threadFile("hash-worker", import.meta.url), { name: "hash", execArgv: [] });
    this.#worker.unref();
    this.#worker.on("message", (response: HashResponse) => this.#answered(response));
    this.#worker.on("messageerror", (error) => this.#fail(error));
    this.#worker.on("error", (error) => this.#fail(new Error("a hash thread failed", { cause: error })));
    this.#worker.on("exit", () => this.#fail(new Error("a hash thread ended")));
  }

  /** How many streams are open. */
  get streams(): number {
    return this.#streams.size;
  }

  open(algorithms: readonly DigestAlgorithm[]): HashThreadStream {
    const id = ++this.#lastStream;
    const stream: OpenStream = { unanswered: [], finished: new Deferred() };
    // Whoever finishes the stream sees the rejection; if nobody does, it is nobody's.
    stream.finished.promise.catch(() => undefined);
    this.#streams.set(id, stream);
    this.#post({ kind: "open", stream: id, algorithms });
    return {
      hash: (bytes) => this.#hash(id, stream, bytes),
      finish: () => this.#finish(id, stream),
      abandon: () => this.#abandon(id),
    };
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #hash(id: number, stream: OpenStream, bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const hashed = new Deferred<void>();
    stream.unanswered.push(hashed);
    this.#expectAnswer();
    const memory = bytes.buffer as SharedArrayBuffer;
    this.#post({ kind: "bytes", stream: id, memory, offset: bytes.byteOffset, length: bytes.byteLength });
    return hashed.promise;
  }

  #finish(id: number, stream: OpenStream): Promise<readonly Uint8Array[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#expectAnswer();
    this.#post({ kind: "finish", stream: id });
    return stream.finished.promise;
  }

  #abandon(id: number): void {
    if (this.#failure !== undefined) return;
    this.#post({ kind: "abandon", stream: id });
    // What was sent before is still hashed and answered.
    const stream = this.#streams.get(id);
    if (stream?.unanswered.length === 0) this.#streams.delete(id);
    else
      stream?.unanswered.at(-1)?.promise.then(
        () => this.#streams.delete(id),
        () => undefined,
      );
  }

  #answered(response: HashResponse): void {
    const stream = this.#streams.get(response.stream);
    this.#answersDue--;
    // Nobody needs the process to stay for this thread.
    if (this.#answersDue === 0) this.#worker.unref();
    if (response.kind === "hashed") stream?.unanswered.shift()?.resolve();
    else {
      this.#streams.delete(response.stream);
      stream?.finished.resolve(response.digests);
    }
  }

  /** While someone waits for an answer the process stays. */
  #expectAnswer(): void {
    if (this.#answersDue === 0) this.#worker.ref();
    this.#answersDue++;
  }

  #post(request: HashRequest): void {
    this.#worker.postMessage(request);
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const stream of this.#streams.values()) {
      for (const hashed of stream.unanswered) hashed.reject(error);
      stream.finished.reject(error);
    }
    this.#streams.clear();
    this.#onFailure();
  }
}
