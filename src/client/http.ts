import { SkerryError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { format, parse } from "./json.ts";

export interface ClientOptions {
  /** Of any node: "http://127.0.0.1:8080". */
  readonly endpoint: string;
  /** Bearer key. */
  readonly apiKey: string;
  /** Attempts of one call, the first among them. Default 4. */
  readonly maxAttempts?: number;
  /** How long one attempt waits for the answer, for its body, and for each piece of an export, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** In place of the global one. */
  readonly fetch?: typeof fetch;
}

export interface Call {
  readonly method: string;
  /** Encoded. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Done twice it is not what it is done once: it is not repeated when its answer was lost. */
  readonly isOnce?: boolean;
  /** It may take minutes: it has no time limit, and is repeated like what is done once. */
  readonly isLong?: boolean;
}

/**
 * The answer to a call whose last attempt was refused, or an error in its place. `before`: how an attempt before it failed that may have been done
 * nevertheless.
 */
type Settle<T> = (refused: SkerryError, before: SkerryError | undefined) => T;

const DEFAULT_ATTEMPTS = 4;
const DEFAULT_TIMEOUT_MS = 30_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** A server that asks for more patience than this is told that it was too much, in milliseconds. */
const MAX_RETRY_AFTER_MS = 30_000;
/** Not now; the server says so before it has done anything, or the call may be done twice without harm. */
const RETRYABLE: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);
/** The server's own words that it has not begun, or that it does not know. */
const RETRYABLE_ONCE: ReadonlySet<number> = new Set([429, 503]);
/** The only one of them that says for certain that nothing was done. */
const NOT_BEGUN = 429;
/** What a header can hold. Checked here, because `fetch` would show the key in its error. */
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/**
 * Calls over HTTP and JSON. What failed for now is tried again: after the time that the server names, or after a pause that doubles, with jitter. Reads may be
 * repeated, and writes with their idempotency key; what may not says `isOnce`.
 */
export class Http {
  readonly #options: ClientOptions;

  /** Throws TypeError for an endpoint that is no URL of HTTP, and for a key that no header can hold. */
  constructor(options: ClientOptions) {
    const { endpoint, apiKey } = options;
    if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
      throw new TypeError(`endpoint is a URL as http://127.0.0.1:8080 is one, not ${endpoint}`);
    if (!PRINTABLE_ASCII.test(apiKey))
      throw new TypeError("apiKey has a line break, or another character that no API key has");
    this.#options = options;
  }

  /** Rejects with what `settle` throws, which is the last refusal unless it is given. */
  json<T>(call: Call, settle: Settle<T> = rethrow): Promise<T> {
    return this.#repeated(call, async (exchange) => parseAnswer<T>(await exchange.text()), settle);
  }

  /** The lines of the answer's body as they come. What fails after the first is not repeated. */
  async *lines(call: Call): AsyncIterable<string> {
    const exchange = await this.#repeated(call, (begun) => Promise.resolve(begun), rethrow);
    let rest = "";
    for await (const text of exchange.pieces()) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") yield line;
    }
    if (rest !== "") yield rest;
  }

  /** What `use` makes of an answer of 2xx; everything else is a SkerryError for `settle`. */
  async #repeated<T>(call: Call, use: (exchange: Exchange) => Promise<T>, settle: Settle<T>): Promise<T> {
    const attempts = this.#options.maxAttempts ?? DEFAULT_ATTEMPTS;
    const isOnce = call.isOnce === true || call.isLong === true;
    const retryable = isOnce ? RETRYABLE_ONCE : RETRYABLE;
    let before: SkerryError | undefined;
    for (let attempt = 1; ; attempt++) {
      const exchange = this.#exchange(call);
      const refused = await this.#attempt(exchange, use);
      if ("done" in refused) return refused.done;
      const { error } = refused;
      const isLast = attempt >= attempts || !retryable.has(error.status) || call.signal?.aborted === true;
      const delayMs = exchange.retryAfterMs ?? backoffMs(attempt);
      if (isLast || delayMs > MAX_RETRY_AFTER_MS) return settle(error, before);
      if (error.status !== NOT_BEGUN) before = error;
      await sleep(delayMs, call.signal);
    }
  }

  async #attempt<T>(
    exchange: Exchange,
    use: (exchange: Exchange) => Promise<T>,
  ): Promise<{ readonly done: T } | { readonly error: SkerryError }> {
    try {
      const { ok, status } = await exchange.begin();
      return ok ? { done: await use(exchange) } : { error: refusal(status, await exchange.text()) };
    } catch (error) {
      if (error instanceof SkerryError) return { error };
      throw error;
    }
  }

  #exchange({ method, path, body, headers, signal, isLong = false }: Call): Exchange {
    const { endpoint, apiKey, timeoutMs = DEFAULT_TIMEOUT_MS, fetch: send = fetch } = this.#options;
    return new Exchange({
      endpoint,
      path,
      send,
      timeoutMs: isLong ? undefined : timeoutMs,
      signal,
      request: {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: format(body) }),
      },
    });
  }
}

function rethrow(refused: SkerryError): never {
  throw refused;
}

/** Of an answer of 2xx. SkerryError "unknown" for what is no JSON: somebody else answers at the endpoint. */
export function parseAnswer<T>(text: string): T {
  try {
    return parse(text) as T;
  } catch (cause) {
    const message = `the answer is no JSON: ${text.slice(0, 200)}`;
    throw new SkerryError(message, { code: "unknown", status: 200, cause });
  }
}

function refusal(status: number, text: string): SkerryError {
  try {
    const { error } = parse(text) as {
      readonly error: { code: string; message: string; request_id: string; details: Record<string, string> };
    };
    const { code, message, request_id: requestId, details } = error;
    return new SkerryError(message, { code, status, requestId, details });
  } catch {
    return new SkerryError(`HTTP ${status}: ${text.slice(0, 200)}`, { code: "unknown", status });
  }
}

/** Half of it is chance, so that callers who failed together do not come back together. */
function backoffMs(attempt: number): number {
  const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return full / 2 + Math.random() * (full / 2);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
