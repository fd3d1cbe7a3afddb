import { NodeTimers, PlainHasher } from "../../../platform/node/index.ts";
import { LocalKernel } from "../../engine/local-kernel.ts";
import { vectorKernels } from "../../vector/index.ts";
import type { FromSearchThread, SearchThread, ToSearchThread } from "../protocol.ts";
import { serveKernel } from "../serve-kernel.ts";

export function localKernel(): LocalKernel {
  return new LocalKernel({
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    timers: new NodeTimers(),
    vectors: vectorKernels(),
    hasher: new PlainHasher(),
  });
}

/** A search thread that is none: messages are copied and handed over as between threads, and come in a later turn. It can be ended as a crash would. */
export class NearThread implements SearchThread {
  readonly received: ToSearchThread[] = [];
  #onAnswer: (message: FromSearchThread) => void = () => undefined;
  #onMessage: (message: ToSearchThread) => void = () => undefined;
  #onEnd: (error: Error | undefined) => void = () => undefined;
  #isOver = false;

  /** `answers`: false for a thread that takes jobs and never says anything. */
  constructor(answers = true) {
    if (!answers) return;
    serveKernel(
      {
        post: (message, handOver) => this.#later(message, handOver, (copy) => this.#onAnswer(copy)),
        onMessage: (listener) => {
          this.#onMessage = listener;
        },
      },
      localKernel(),
    );
  }

  post(message: ToSearchThread, handOver?: readonly ArrayBuffer[]): void {
    this.#later(message, handOver, (copy) => {
      this.received.push(copy);
      this.#onMessage(copy);
    });
  }

  onMessage(listener: (message: FromSearchThread) => void): void {
    this.#onAnswer = listener;
  }

  onEnd(listener: (error: Error | undefined) => void): void {
    this.#onEnd = listener;
  }

  terminate(): Promise<void> {
    this.crash(undefined);
    return Promise.resolve();
  }

  crash(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    setImmediate(() => this.#onEnd(error));
  }

  #later<M>(message: M, handOver: readonly ArrayBuffer[] = [], deliver: (copy: M) => void): void {
    const copy = structuredClone(message, { transfer: [...handOver] });
    setImmediate(() => {
      if (!this.#isOver) deliver(copy);
    });
  }
}
