/** One request and its answer. */
import { SkerryError } from "./errors.ts";

export interface ExchangeOptions {
  readonly endpoint: string;
  readonly path: string;
  readonly send: typeof fetch;
  readonly request: Omit<RequestInit, "signal">;
  /** How long each step may take: the beginning of the answer, its body as a whole, each piece of it. In milliseconds; undefined: any time. */
  readonly timeoutMs: number | undefined;
  /** The caller's: its reason is thrown as it is. */
  readonly signal: AbortSignal | undefined;
}

/** Steps reject with SkerryError: "timeout" when one took too long, "unreachable" when the connection failed, both with status 0. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #timeout = new AbortController();
  #response: Response | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Sends the request and waits for the beginning of the answer. */
  async begin(): Promise<Response> {
    const { endpoint, path, send, request, signal } = this.#options;
    const { signal: timeout } = this.#timeout;
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    this.#response = await this.#step(() => send(new URL(path, endpoint), { ...request, signal: either }));
    return this.#response;
  }

  text(): Promise<string> {
    return this.#step(async () => (await this.#response?.text()) ?? "");
  }

  /** The body in pieces as they come. Time in which nobody asks for one does not count. */
  async *pieces(): AsyncIterable<string> {
    const reader = this.#response?.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) return;
    try {
      for (;;) {
        const { done, value } = await this.#step(() => reader.read());
        if (done) return;
        yield value;
      }
    } finally {
      // Nothing to do for one that has failed or ended.
      await reader.cancel().catch(() => undefined);
    }
  }

  /** For how long the server asks to be left alone, in milliseconds. */
  get retryAfterMs(): number | undefined {
    const seconds = Number(this.#response?.headers.get("retry-after") ?? Number.NaN);
    return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
  }

  async #step<T>(run: () => Promise<T>): Promise<T> {
    const { endpoint, timeoutMs, signal } = this.#options;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => this.#timeout.abort(new Error(`no answer for ${timeoutMs} ms`)), timeoutMs);
    try {
      return await run();
    } catch (cause) {
      signal?.throwIfAborted();
      const code = this.#timeout.signal.aborted ? "timeout" : "unreachable";
      throw new SkerryError(`${endpoint}: ${reasonOf(cause)}`, { code, status: 0, cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** `fetch` puts what happened into the cause. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}
