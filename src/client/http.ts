import { SkerryError } from "./errors.ts";

export interface ClientOptions {
  /** Of any node: "http://127.0.0.1:8080". */
  readonly endpoint: string;
  /** Bearer key. */
  readonly apiKey: string;
  /** Attempts of one call, the first among them. Default 4. */
  readonly maxAttempts?: number;
  /** Of one attempt, in milliseconds. Default 30,000. */
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
}

const DEFAULT_ATTEMPTS = 4;
const DEFAULT_TIMEOUT_MS = 30_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** A server that asks for more patience than this is told that it was too much, in milliseconds. */
const MAX_RETRY_AFTER_MS = 30_000;
/** Not now; the server says so before it has done anything, or the call may be done twice without harm. */
const RETRYABLE: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);

/**
 * Calls over HTTP and JSON. What failed for now is tried again: after the time that the server names, or after a pause that doubles, with jitter. Every call
 * of this client may be repeated: reads, and writes with their idempotency key.
 */
export class Http {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async json<T>(call: Call): Promise<T> {
    const response = await this.request(call);
    return parse(await response.text()) as T;
  }

  /** Resolves with an answer of 2xx; everything else is a SkerryError. */
  async request(call: Call): Promise<Response> {
    const attempts = this.#options.maxAttempts ?? DEFAULT_ATTEMPTS;
    for (let attempt = 1; ; attempt++) {
      const { response, error } = await this.#attempt(call);
      if (response?.ok === true) return response;
      const refused = error ?? (await refusal(response as Response));
      const isLast = attempt >= attempts || !RETRYABLE.has(refused.status) || call.signal?.aborted === true;
      if (isLast) throw refused;
      const delayMs = retryAfterMs(response) ?? backoffMs(attempt);
      if (delayMs > MAX_RETRY_AFTER_MS) throw refused;
      await sleep(delayMs, call.signal);
    }
  }

  async #attempt({
    method,
    path,
    body,
    headers,
    signal,
  }: Call): Promise<{ response?: Response; error?: SkerryError }> {
    const { endpoint, apiKey, timeoutMs = DEFAULT_TIMEOUT_MS, fetch: send = fetch } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await send(new URL(path, endpoint), {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: format(body) }),
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      return { response };
    } catch (cause) {
      signal?.throwIfAborted();
      const code = timeout.aborted ? "timeout" : "unreachable";
      const why =
        cause instanceof Error
          ? ((cause.cause as Error | undefined)?.message ?? cause.message)
          : String(cause);
      return { error: new SkerryError(`${endpoint}: ${why}`, { code, status: 0, cause }) };
    }
  }
}

async function refusal(response: Response): Promise<SkerryError> {
  const text = await response.text();
  const { status } = response;
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

function retryAfterMs(response: Response | undefined): number | undefined {
  const seconds = Number(response?.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
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
