/**
 * The search threads of a node, and who waits for one. A thread is started when it is first needed, has one job at a time, and is replaced when it
 * ends. What waits is bounded.
 */

import { Deferred } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import type { FromSearchThread, SearchThread } from "./protocol.ts";

/** Jobs that may wait for a thread; one more is refused ("overloaded"). */
export const MAX_WAITING_JOBS = 64;
const RETRY_AFTER_MS = 1_000;

/** How a job ended. */
export type JobOutcome = "ok" | "refused" | "cancelled" | "failed" | "busy";

export interface ThreadPoolOptions {
  /** Threads at once, at least 1. */
  readonly threads: number;
  readonly start: () => SearchThread;
  readonly onJob: (outcome: JobOutcome) => void;
}

/** Says what the thread has to do, all of it. Rejects when the job's signal aborts: then the thread is told so. */
export type SendJob = (post: SearchThread["post"]) => Promise<void>;

export class ThreadPool {
  readonly #options: ThreadPoolOptions;
  readonly #idle: SearchThread[] = [];
  /** By thread: the answer to its job. */
  readonly #running = new Map<SearchThread, Deferred<FromSearchThread>>();
  readonly #waiting: Deferred<SearchThread>[] = [];
  /** All threads that there are, with when they have ended. */
  readonly #ended = new Map<SearchThread, Promise<void>>();
  #closed = false;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  get busy(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves with the thread's answer: "built" or "merged". Rejects with SearchError "overloaded" when too many jobs wait, "unavailable" when the thread ends
   * or the pool is closed, with what the thread refuses, and with the reason of `signal`.
   */
  async run(send: SendJob, signal: AbortSignal): Promise<FromSearchThread> {
    try {
      const answer = await this.#run(send, signal);
      this.#options.onJob("ok");
      return answer;
    } catch (error) {
      this.#options.onJob(outcomeOf(error, signal));
      throw error;
    }
  }

  async #run(send: SendJob, signal: AbortSignal): Promise<FromSearchThread> {
    signal.throwIfAborted();
    const thread = await this.#take(signal);
    const answer = new Deferred<FromSearchThread>();
    this.#running.set(thread, answer);
    const onAbort = () => thread.post({ kind: "cancel" });
    try {
      // A thread that ends meanwhile ends the job, also while it is still being told of it.
      await Promise.race([send((message, handOver) => thread.post(message, handOver)), answer.promise]);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      const answered = await answer.promise;
      return taken(answered, signal);
    } catch (error) {
      // It was told of half a job: nothing else can be asked of it.
      if (!answer.settled) void thread.terminate();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** A thread that has nothing to do. */
  #take(signal: AbortSignal): Promise<SearchThread> {
    if (this.#closed) return Promise.reject(closing());
    const idle = this.#idle.pop();
    if (idle !== undefined) return Promise.resolve(idle);
    if (this.#ended.size < this.#options.threads) return Promise.resolve(this.#start());
    if (this.#waiting.length >= MAX_WAITING_JOBS) return Promise.reject(busy());
    const turn = new Deferred<SearchThread>();
    this.#waiting.push(turn);
    const onAbort = () => {
      const at = this.#waiting.indexOf(turn);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      turn.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    return turn.promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  #start(): SearchThread {
    const thread = this.#options.start();
    const ended = new Deferred<void>();
    this.#ended.set(thread, ended.promise);
    thread.onMessage((answer) => {
      this.#running.get(thread)?.resolve(answer);
      this.#running.delete(thread);
      this.#free(thread);
    });
    thread.onEnd((error) => {
      this.#ended.delete(thread);
      const at = this.#idle.indexOf(thread);
      if (at !== -1) this.#idle.splice(at, 1);
      const gone = this.#closed
        ? closing()
        : new SearchError("unavailable", "the thread that worked on it has ended", {}, error);
      this.#running.get(thread)?.reject(gone);
      this.#running.delete(thread);
      ended.resolve();
      this.#replace();
    });
    return thread;
  }

  /** Threads for those who wait for one that has ended. Where none can be started, nobody waits for ever. */
  #replace(): void {
    while (!this.#closed && this.#waiting.length > 0 && this.#ended.size < this.#options.threads) {
      const turn = this.#waiting.shift();
      try {
        turn?.resolve(this.#start());
      } catch (error) {
        turn?.reject(error);
      }
    }
  }

  #free(thread: SearchThread): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next.resolve(thread);
    else this.#idle.push(thread);
  }

  /** Nothing runs any more when it resolves; what ran or waited is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const turn of this.#waiting.splice(0)) turn.reject(closing());
    const ended = [...this.#ended.values()];
    for (const thread of this.#ended.keys()) void thread.terminate();
    await Promise.all(ended);
  }
}

/** The answer, if it is one. */
function taken(answer: FromSearchThread, signal: AbortSignal): FromSearchThread {
  switch (answer.kind) {
    case "built":
    case "merged":
      signal.throwIfAborted();
      return answer;
    case "refused":
      throw new SearchError(answer.code, answer.message, answer.details);
    case "cancelled":
      throw signal.reason as Error;
    case "threw":
      throw new Error(`a search thread failed: ${answer.message}`, { cause: answer.stack });
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): JobOutcome {
  if (signal.aborted) return "cancelled";
  if (!(error instanceof SearchError)) return "failed";
  if (error.code === "overloaded") return "busy";
  return error.code === "unavailable" ? "failed" : "refused";
}

function busy(): SearchError {
  return new SearchError("overloaded", `${MAX_WAITING_JOBS} jobs wait for a search thread`, {
    most: MAX_WAITING_JOBS,
    retryAfterMs: RETRY_AFTER_MS,
  });
}

function closing(): SearchError {
  return new SearchError("unavailable", "the node is stopping");
}
