import { SkerryError } from "./errors.ts";
import { Exchange } from "./exchange.ts";

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
  /** It may take minutes: it has no time limit, and is repeated only where the server has not begun with it. */
  readonly isLong?: boolean;
}

const DEFAULT_ATTEMPTS = 4;
const DEFAULT_TIMEOUT_MS = 30_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** A server that asks for more patience than this is told that it was too much, in milliseconds. */
const MAX_RETRY_AFTER_MS = 30_000;
/** Not now; the server says so before it has done anything, or the call may be done twice without harm. */
const RETRYABLE: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);
/** The server's own words that it has not begun. */
const RETRYABLE_WHEN_LONG: ReadonlySet<number> = new Set([429, 503]);
/** What a header can hold. Checked here, because `fetch` would show the key in its error. */
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/**
 * Calls over HTTP and JSON. What failed for now is tried again: after the time that the server names, or after a pause that doubles, with jitter. Every call
 * of this client may be repeated: reads, and writes with their idempotency key.
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

  async json<T>(call: Call): Promise<T> {
    return parse(await this.#repeated(call, (exchange) => exchange.text())) as T;
  }

  /** The lines of the answer's body as they come. What fails after the first is not repeated. */
  async *lines(call: Call): AsyncIterable<string> {
    const exchange = await this.#repeated(call, (begun) => Promise.resolve(begun));
    let rest = "";
    for await (const text of exchange.pieces()) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") yield line;
    }
    if (rest !== "") yield rest;
  }

  /** What `use` makes of an answer of 2xx; everything else is a SkerryError. */
  async #repeated<T>(call: Call, use: (exchange: Exchange) => Promise<T>): Promise<T> {
    const attempts = this.#options.maxAttempts ?? DEFAULT_ATTEMPTS;
    const retryable = call.isLong === true ? RETRYABLE_WHEN_LONG : RETRYABLE;
    for (let attempt = 1; ; attempt++) {
      const exchange = this.#exchange(call);
      const refused = await this.#attempt(exchange, use);
      if ("done" in refused) return refused.done;
      const { error } = refused;
      const isLast = attempt >= attempts || !retryable.has(error.status) || call.signal?.aborted === true;
      if (isLast) throw error;
      const delayMs = exchange.retryAfterMs ?? backoffMs(attempt);
      if (delayMs > MAX_RETRY_AFTER_MS) throw error;
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

/** Whole numbers beyond 2^53 are bigints here, and plain numbers on the wire. Source: ECMAScript, JSON.parse source text access. */
export function parse(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_name, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    const isLost = typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined;
    return isLost && /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

/** Vectors of 32-bit floats go as base64 of their little-endian bytes: a quarter of the bytes of their digits, and read at once. */
export function format(value: unknown): string {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(value, (_name, item: unknown) => {
    if (typeof item === "bigint") return rawJSON(String(item));
    return item instanceof Float32Array ? base64OfFloats(item) : item;
  });
}

/** Bytes that become characters in one call: more arguments than some engines take are too many. */
const CHARACTERS_AT_ONCE = 8192;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function base64OfFloats(vector: Float32Array): string {
  const bytes = littleEndian(vector);
  // Node and Bun have it in native code, which is ten times as fast; browsers have not.
  if (typeof Buffer !== "undefined")
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE)
    text += String.fromCharCode(...bytes.subarray(at, at + CHARACTERS_AT_ONCE));
  return btoa(text);
}

function littleEndian(vector: Float32Array): Uint8Array {
  if (IS_LITTLE_ENDIAN) return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  const view = new DataView(new ArrayBuffer(vector.byteLength));
  for (let at = 0; at < vector.length; at++) view.setFloat32(4 * at, vector[at]!, true);
  return new Uint8Array(view.buffer);
}
