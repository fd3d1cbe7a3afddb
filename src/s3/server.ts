/** The HTTP shell of the gateway: sockets, framing, time limits, shutdown. It knows nothing of S3 but how to hand a request over. */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { ClientOrigin, TrustedProxies } from "../access/index.ts";
import { type Transient, TransientSet } from "../base/index.ts";
import { type Clock, ProgressWatch, type SocketAddress, type Timers } from "../platform/index.ts";
import { S3Refusal } from "./errors.ts";
import type { Answer, S3Gateway } from "./gateway.ts";
import { NodeRequest } from "./http-server/node-request.ts";
import { RequestBody } from "./http-server/request-body.ts";
import { type OpenStream, openStream, type Sent, sendResponse } from "./http-server/send-response.ts";
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from "./http-server/server-limits.ts";
import { errorDocument, refusalOf } from "./render/error.ts";

export interface TlsCertificate {
  /** PEM, with the chain. */
  readonly cert: string;
  readonly key: string;
}

export interface S3ServerOptions {
  readonly gateway: S3Gateway;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsCertificate;
  readonly limits?: Partial<ServerLimits>;
  /** Undefined: nobody's word on other addresses than the connection's is taken. */
  readonly trustedProxies?: TrustedProxies;
  /** Called with each large piece of a body that has been handed to the operating system: its memory is not needed any more. */
  readonly recycle?: (piece: Uint8Array) => void;
  /** A connection could not be accepted: the process has no file descriptor left, for one. The server goes on. */
  readonly onFault?: (error: Error) => void;
}

/** One request under way. */
interface Exchange extends Transient {
  readonly request: NodeRequest;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly startedMs: number;
}

/** What is known of a connection that a request came on. */
interface Connection {
  /** Of the latest request. */
  body: RequestBody;
  /** Requests that have not been answered to the end. */
  unanswered: number;
  /** Nothing more is read from it: it ends with the last of these answers. */
  isBroken: boolean;
}

const SERVER_NAME = "Skerry";

export class S3Server {
  readonly #options: S3ServerOptions;
  readonly #limits: ServerLimits;
  readonly #receiving: ProgressWatch;
  readonly #sending: ProgressWatch;
  readonly #server: Server | TlsServer;
  readonly #exchanges = new TransientSet<Exchange>();
  /** By socket, for errors that node:http reports by socket only. */
  readonly #connections = new WeakMap<Socket, Connection>();
  #closing = false;
  #onIdle: (() => void) | undefined;

  constructor(options: S3ServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    const { clock, timers } = options;
    const { sendStallTimeoutMs, minProgressBytes } = this.#limits;
    this.#receiving = new ProgressWatch(clock, timers, this.#limits);
    this.#sending = new ProgressWatch(clock, timers, {
      stallTimeoutMs: sendStallTimeoutMs,
      minProgressBytes,
    });
    this.#server = this.#createServer();
  }

  /** Requests that have not been answered to the end. */
  get inflight(): number {
    return this.#exchanges.size;
  }

  /**
   * Rejects when the address cannot be had. Resolves with the port that was given when 0 was asked for. `isShared`: other servers of this process listen on it
   * too, and the system deals connections out to all of them (SO_REUSEPORT); not every system can.
   */
  listen(address: SocketAddress, options: { readonly isShared?: boolean } = {}): Promise<SocketAddress> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const { host, port } = address;
      server.listen({ host, port, reusePort: options.isShared === true }, () => {
        server.off("error", reject);
        server.on("error", (error) => this.#options.onFault?.(error));
        const bound = server.address() as AddressInfo;
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  /** A new certificate for connections that are made from now on. Throws when it does not fit the key. */
  reloadTls(tls: TlsCertificate): void {
    if ("setSecureContext" in this.#server) this.#server.setSecureContext({ ...tls, minVersion: "TLSv1.2" });
  }

  /**
   * Accepts nothing more, lets what is under way finish, and after `graceMs` cuts what is not done. Resolves when every connection is closed.
   */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const timer = this.#options.timers.after(graceMs, () => this.#cutAll());
    await this.#idle();
    // Answers that were begun before the shutdown said nothing of closing.
    this.#server.closeIdleConnections();
    await closed;
    timer.cancel();
    this.#receiving.close();
    this.#sending.close();
  }

  #idle(): Promise<void> {
    if (this.#exchanges.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #cutAll(): void {
    for (const { request } of this.#exchanges) request.abort();
    this.#server.closeAllConnections();
  }

  #createServer(): Server | TlsServer {
    const options: ServerOptions = {
      maxHeaderSize: this.#limits.maxHeaderBytes,
      headersTimeout: this.#limits.headersTimeoutMs,
      // Whole requests may take as long as they make progress.
      requestTimeout: 0,
      keepAliveTimeout: this.#limits.keepAliveTimeoutMs,
      requireHostHeader: false,
    };
    const { tls } = this.#options;
    const server =
      tls === undefined
        ? createServer(options)
        : createTlsServer({ ...options, ...tls, minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] });
    server.maxConnections = this.#limits.maxConnections;
    // Node drops fields beyond its own limit in silence; ours are counted and refused. The bytes are limited either way.
    server.maxHeadersCount = 0;
    server.on("request", (message, response) => this.#accept(message, response, false));
    server.on("checkContinue", (message, response) => this.#accept(message, response, true));
    // An expectation that is none is passed over, as S3 does; Node's own answer would be 417 without a document.
    server.on("checkExpectation", (message, response) => this.#accept(message, response, false));
    server.on("clientError", (error: NodeJS.ErrnoException, socket) =>
      this.#clientError(error, socket as Socket),
    );
    return server;
  }

  #accept(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const onStart = awaitsContinue ? () => response.writeContinue() : undefined;
    const body = new RequestBody(message, this.#receiving, onStart);
    const exchange: Exchange = {
      request: new NodeRequest(message, body, this.#originOf(message)),
      response,
      requestId: this.#options.gateway.nextRequestId(),
      startedMs: this.#options.clock.monotonicMs(),
      place: -1,
    };
    const connection = this.#connectionOf(message.socket, body);
    this.#exchanges.add(exchange);
    // Writing to a client that has gone is an event like others: whoever writes looks at `destroyed`.
    response.on("error", () => {});
    response.on("close", () => {
      if (!response.writableFinished) exchange.request.abort();
      connection.unanswered -= 1;
      if (connection.isBroken && connection.unanswered === 0) message.socket.end();
    });
    // Owned by #exchanges: close() waits for it. It never rejects.
    void this.#serve(exchange, message.rawHeaders.length / 2);
  }

  #connectionOf(socket: Socket, body: RequestBody): Connection {
    const known = this.#connections.get(socket);
    const connection = known ?? { body, unanswered: 0, isBroken: false };
    if (known === undefined) this.#connections.set(socket, connection);
    connection.body = body;
    connection.unanswered += 1;
    return connection;
  }

  #originOf(message: IncomingMessage): ClientOrigin {
    const { tls, trustedProxies } = this.#options;
    const peer = { address: message.socket.remoteAddress ?? "", secure: tls !== undefined };
    if (trustedProxies === undefined) return peer;
    return trustedProxies.client(peer, {
      forwardedFor: headerOf(message, "x-forwarded-for"),
      forwardedProto: headerOf(message, "x-forwarded-proto"),
    });
  }

  async #serve(exchange: Exchange, headerFields: number): Promise<void> {
    const { gateway } = this.#options;
    const { request, requestId } = exchange;
    try {
      const answer =
        headerFields > this.#limits.maxHeaderFields
          ? gateway.refuse(request, requestId, new S3Refusal("RequestHeaderSectionTooLarge"))
          : await gateway.handle(request, requestId);
      await this.#answer(exchange, answer);
    } catch (error) {
      gateway.hooks.onUnexpectedError?.(error, requestId);
      exchange.response.destroy();
    } finally {
      this.#exchanges.delete(exchange);
      if (this.#exchanges.size === 0) this.#onIdle?.();
    }
  }

  async #answer(exchange: Exchange, handled: Answer): Promise<void> {
    const { request } = exchange;
    let answer = handled;
    let stream: OpenStream | undefined;
    try {
      if (answer.response.body.kind === "stream") {
        try {
          stream = await openStream(answer.response.body.bytes);
        } catch (error) {
          answer = this.#options.gateway.failed(request, handled, error);
        }
      }
      let sending: Sent | Promise<Sent>;
      try {
        sending = this.#send(exchange, answer, stream);
      } catch (error) {
        // A header that HTTP cannot carry is found out before a byte of the answer has gone.
        if (exchange.response.headersSent) throw error;
        await stream?.iterator.return?.();
        answer = this.#options.gateway.failed(request, answer, error);
        sending = this.#resend(exchange, answer);
      }
      const sent = sending instanceof Promise ? await sending : sending;
      if (!sent.completed) answer.unserved();
      this.#report(exchange, answer, sent);
    } finally {
      answer.release();
    }
  }

  /** In the place of an answer whose head could not be written. */
  #resend(exchange: Exchange, answer: Answer): Sent | Promise<Sent> {
    // What the first attempt has left there.
    exchange.response.statusMessage = "";
    return this.#send(exchange, answer, undefined);
  }

  #send(exchange: Exchange, answer: Answer, stream: OpenStream | undefined): Sent | Promise<Sent> {
    const { request, response } = exchange;
    const rest = this.#restOfBody(request);
    const extraHeaders = [
      "x-amz-request-id",
      answer.requestId,
      "x-amz-id-2",
      this.#options.gateway.hostId,
      "Server",
      SERVER_NAME,
    ];
    if (rest === "close" || rest === "linger" || this.#closing) extraHeaders.push("Connection", "close");
    const sending = sendResponse(response, answer.response, stream, {
      watch: this.#sending,
      extraHeaders,
      recycle: this.#options.recycle,
      beforeEnd: rest === "linger" ? () => this.#discard(request, this.#limits.lingerDrainBytes) : undefined,
    });
    return rest === "drain" ? this.#drained(exchange, sending) : sending;
  }

  /** What is to be done with the part of a body that nobody read, so that the client sees its answer and the connection stays in step. */
  #restOfBody({ body, headers }: NodeRequest): "nothing" | "drain" | "linger" | "close" {
    // A client that was not told to continue sends nothing, or something that we can no longer tell from the next request.
    if (body.awaitsContinue) return "close";
    if (body.failed) return "close";
    if (body.arrived) return "nothing";
    const length = Number(headers.get("content-length") ?? Number.POSITIVE_INFINITY);
    return length - body.bytesReceived <= this.#limits.keepAliveDrainBytes ? "drain" : "linger";
  }

  async #drained({ request, response }: Exchange, sending: Sent | Promise<Sent>): Promise<Sent> {
    const sent = await sending;
    await this.#discard(request, this.#limits.keepAliveDrainBytes);
    if (!request.body.arrived) response.socket?.destroy();
    return sent;
  }

  async #discard({ body }: NodeRequest, limitBytes: number): Promise<void> {
    const timer = this.#options.timers.after(this.#limits.drainTimeoutMs, () => body.stopDiscarding());
    await body.discard(limitBytes);
    timer.cancel();
  }

  #report({ request, startedMs }: Exchange, answer: Answer, sent: Sent): void {
    const { clock, gateway } = this.#options;
    const { hooks } = gateway;
    // Why an answer was cut in the middle is known only now.
    const cutBy = sent.error === undefined ? undefined : refusalOf(sent.error);
    if (sent.error !== undefined && cutBy === undefined)
      hooks.onUnexpectedError?.(sent.error, answer.requestId);
    const cutCode = cutBy?.code ?? (sent.error === undefined ? undefined : "InternalError");
    const event = {
      ...answer.facts,
      errorCode: answer.facts.errorCode ?? cutCode,
      requestId: answer.requestId,
      status: answer.response.status,
      bytesIn: request.body.bytesReceived,
      bytesOut: sent.bytesOut,
      durationMs: clock.monotonicMs() - startedMs,
      completed: sent.completed,
      remoteAddress: request.remoteAddress,
    };
    hooks.onRequest?.(event, { request, response: answer.response });
  }

  /** What arrived is not HTTP, too large, too slow, or ended in the middle. */
  #clientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection !== undefined && error.code !== "ECONNRESET" && socket.writable) {
      if (!connection.body.arrived) {
        // The request it belongs to is answered by whoever reads the body.
        connection.body.endedEarly();
        return;
      }
      if (connection.unanswered > 0) {
        // An answer here would be taken for that of a request before it, which was whole and may have done what it asks.
        connection.isBroken = true;
        return;
      }
    }
    if (error.code === "ECONNRESET" || !socket.writable || socket.bytesWritten > 0) {
      socket.destroy();
      return;
    }
    socket.end(rawAnswer(refusalOfClientError(error), this.#options.gateway));
  }
}

/** Node joins a repeated field with commas, in the order of the fields. */
function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

function refusalOfClientError(error: NodeJS.ErrnoException): S3Refusal {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return new S3Refusal("RequestHeaderSectionTooLarge");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new S3Refusal("RequestTimeout");
    default:
      return new S3Refusal("BadRequest");
  }
}

/** An answer without a request: written by hand, and the connection ends. */
function rawAnswer(refusal: S3Refusal, gateway: S3Gateway): string {
  const requestId = gateway.nextRequestId();
  const { hostId } = gateway;
  const text = errorDocument(refusal, { method: "", requestId, hostId, bucket: undefined, key: undefined });
  const head = [
    `HTTP/1.1 ${refusal.status} Bad Request`,
    "Content-Type: application/xml",
    `Content-Length: ${Buffer.byteLength(text)}`,
    `x-amz-request-id: ${requestId}`,
    `x-amz-id-2: ${hostId}`,
    `Server: ${SERVER_NAME}`,
    "Connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${text}`;
}
