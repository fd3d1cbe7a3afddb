/** Requests to one bucket of another S3 service: signed, bounded in size and time, tried again where that is safe, never sent on to another address. */

import { createHash } from "node:crypto";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Clock, Random, Timers } from "../../platform/index.ts";
import { signRequest } from "../../s3/index.ts";
import { SearchError } from "../../search/index.ts";

/** Of silence on a connection, after which it is given up, in milliseconds. */
const IDLE_TIMEOUT_MS = 30_000;
/** Of one attempt, in milliseconds. */
const ATTEMPT_TIMEOUT_MS = 300_000;
const ATTEMPTS = 4;
/** Before the second attempt, in milliseconds; doubled for each one after it. */
const FIRST_PAUSE_MS = 200;
/** Connections at once. */
const MAX_SOCKETS = 32;
const RETRIED_STATUSES: ReadonlySet<number> = new Set([409, 429, 500, 502, 503, 504]);
/** An answer that says what went wrong is read so far, in bytes. */
const MAX_ERROR_BYTES = 64 * 1024;

export interface S3ClientOptions {
  /** Without a path. */
  readonly endpoint: URL;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secret: string;
  readonly clock: Pick<Clock, "wallMs">;
  readonly timers: Pick<Timers, "sleep">;
  readonly random: Pick<Random, "below">;
}

export interface S3ClientRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  /** Not encoded, from "/" on. */
  readonly path: string;
  readonly query?: ReadonlyMap<string, string>;
  /** Names in lower case. */
  readonly headers?: ReadonlyMap<string, string>;
  readonly body?: Uint8Array;
  /** Of a body of an answer that is wanted, in bytes. */
  readonly maxBytes: number;
  /** Answers whose body is wanted; of others only what an error says is read. */
  readonly wanted: readonly number[];
}

export interface S3ClientResponse {
  readonly status: number;
  readonly body: Uint8Array;
}

export class S3Client {
  readonly #options: S3ClientOptions;
  readonly #agent: HttpAgent;
  readonly #isSecure: boolean;

  constructor(options: S3ClientOptions) {
    this.#options = options;
    this.#isSecure = options.endpoint.protocol === "https:";
    const settings = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_TIMEOUT_MS };
    this.#agent = this.#isSecure
      ? new HttpsAgent({ ...settings, minVersion: "TLSv1.2" })
      : new HttpAgent(settings);
  }

  /** Rejects with SearchError "unavailable" when there is no answer, or one that is no answer to it. Each request may reach the service more than once. */
  async send(request: S3ClientRequest, signal: AbortSignal): Promise<S3ClientResponse> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === ATTEMPTS;
      try {
        const response = await this.#attempt(request, signal);
        if (isLast || !RETRIED_STATUSES.has(response.status)) return response;
      } catch (error) {
        signal.throwIfAborted();
        if (isLast || error instanceof SearchError)
          throw unavailable(
            this.#options.endpoint,
            error instanceof Error ? error.message : String(error),
            error,
          );
      }
      const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1);
      await this.#options.timers.sleep(pauseMs / 2 + this.#options.random.below(pauseMs / 2), signal);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #attempt(request: S3ClientRequest, signal: AbortSignal): Promise<S3ClientResponse> {
    const { endpoint, clock } = this.#options;
    const { method, path, query = new Map(), headers = new Map(), body } = request;
    const signed = signRequest(
      { method, host: endpoint.host, path, query, headers, payloadHash: this.#payloadHash(body) },
      this.#options,
      clock.wallMs(),
    );
    return new Promise((resolve, reject) => {
      const send = this.#isSecure ? httpsRequest : httpRequest;
      const sent = send({
        host: endpoint.hostname.replace(/^\[|\]$/g, ""),
        ...(endpoint.port !== "" && { port: Number(endpoint.port) }),
        method,
        path: signed.target,
        headers: { ...signed.headers, "content-length": String(body?.length ?? 0) },
        agent: this.#agent,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]),
      });
      sent.setTimeout(IDLE_TIMEOUT_MS, () => sent.destroy(new Error("the service is silent")));
      sent.on("error", reject);
      sent.on("response", (response) => {
        readAnswer(response, request).then(resolve, (error: unknown) => {
          response.destroy();
          reject(error);
        });
      });
      sent.end(body);
    });
  }

  /** Under TLS nobody can change the body on its way, and hashing it once more would cost a tenth of a second for the largest. */
  #payloadHash(body: Uint8Array | undefined): string {
    if (this.#isSecure && body !== undefined) return "UNSIGNED-PAYLOAD";
    return createHash("sha256")
      .update(body ?? new Uint8Array())
      .digest("hex");
  }
}

async function readAnswer(
  response: IncomingMessage,
  { maxBytes, wanted }: S3ClientRequest,
): Promise<S3ClientResponse> {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400 && status !== 304)
    throw new SearchError(
      "unavailable",
      `it answers with status ${status}: another address or region is right`,
    );
  const most = wanted.includes(status) ? maxBytes : MAX_ERROR_BYTES;
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    sizeBytes += piece.length;
    if (sizeBytes > most) throw new SearchError("unavailable", `it answers with more than ${most} bytes`);
    pieces.push(piece);
  }
  return { status, body: Buffer.concat(pieces) };
}

function unavailable({ host }: URL, message: string, cause: unknown): SearchError {
  return new SearchError("unavailable", `${host}: ${message}`, {}, cause);
}
