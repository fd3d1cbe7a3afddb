/** Connections of the API: HTTP/1.1 and HTTP/2 on one port, with and without TLS; their time limits, and how they end. */

import {
  createServer as createHttp1Server,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import type { TLSSocket } from "node:tls";
import { Code, ConnectError } from "@connectrpc/connect";
import type { SocketAddress, Timers } from "../platform/index.ts";
import type { ListenerLimits } from "./listener-limits.ts";

/** Bytes that tell HTTP/2 with prior knowledge from HTTP/1.1 on one port. */
const HTTP2_PREFACE_START = "PRI";
/** When no call is under way any more: for what was written last to leave, before the listener closes, in milliseconds. */
const LINGER_MS = 500;

export type AnyRequest = IncomingMessage | Http2ServerRequest;
/** What both kinds of answers can do is what this one can. */
export type Http1Response = ServerResponse;
export type AnyResponse = Http1Response | Http2ServerResponse;
type Handler = (request: AnyRequest, response: AnyResponse) => void;

export interface ApiListenerOptions {
  /** PEM; without it the listener is plaintext. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly limits: ListenerLimits;
  readonly timers: Timers;
  readonly handler: Handler;
  /** A connection could not be accepted: the process has no file descriptor left, for one. */
  readonly onFault: (error: Error) => void;
}

export class ApiListener {
  readonly #options: ApiListenerOptions;
  readonly #tcp: TcpServer;
  /** Of the connections that were accepted on plaintext. */
  readonly #http1: Server | undefined;
  /** All connections, also those that have not said yet what they speak. */
  readonly #sockets = new Set<Socket>();
  readonly #http1Sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** What is under way, by the connection or session that it came on. */
  readonly #exchanges = new Map<Socket | ServerHttp2Session, Set<AnyResponse>>();
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  constructor(options: ApiListenerOptions) {
    this.#options = options;
    const { tls, limits } = options;
    if (tls === undefined) {
      const [http1, http2] = [this.#createHttp1(), this.#createHttp2()];
      this.#http1 = http1;
      this.#tcp = createTcpServer((socket) => this.#sniff(socket, http1, http2));
    } else {
      this.#tcp = this.#createSecure(tls);
    }
    this.#tcp.maxConnections = limits.maxConnections;
    this.#tcp.on("connection", (socket: Socket) => keep(this.#sockets, socket));
  }

  /** Resolves with the port that was given when 0 was asked for. Rejects when the address cannot be had. */
  async listen({ host, port }: SocketAddress): Promise<SocketAddress> {
    const { onFault } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once("error", reject);
      this.#tcp.listen(port, host, () => {
        this.#tcp.off("error", reject);
        this.#tcp.on("error", onFault);
        resolve();
      });
    });
    const bound = this.#tcp.address();
    return { host, port: typeof bound === "object" && bound !== null ? bound.port : port };
  }

  /** Accepts nothing more, lets calls under way finish, and cuts them after `graceMs`, when it calls `onCut`. Resolves when every connection is closed. */
  async close(graceMs: number, onCut: () => void): Promise<void> {
    const { timers } = this.#options;
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    const cut = timers.after(graceMs, () => {
      onCut();
      this.#destroyAll();
    });
    for (const session of this.#sessions) session.close();
    for (const socket of this.#http1Sockets) if (!this.#exchanges.has(socket)) socket.destroy();
    for (const responses of this.#exchanges.values()) for (const response of responses) sayLast(response);
    await this.#idle();
    const linger = timers.after(Math.min(LINGER_MS, graceMs), () => this.#destroyAll());
    await closed;
    this.#http1?.close();
    cut.cancel();
    linger.cancel();
  }

  #idle(): Promise<void> {
    if (this.#exchanges.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #createHttp1(): Server {
    const { headersTimeoutMs } = this.#options.limits;
    const server = createHttp1Server(
      {
        headersTimeout: headersTimeoutMs,
        // Whole requests may take as long as they make progress, which `IncomingBodies` looks after.
        requestTimeout: 0,
        connectionsCheckingInterval: checkingIntervalMs(headersTimeoutMs),
      },
      (request, response) => this.#serve(request.socket, request, response),
    );
    // It never listens itself, and looks for heads that do not end only once it does.
    server.emit("listening");
    return server;
  }

  #createHttp2(): Http2Server {
    const server = createHttp2Server(sessionOptions(this.#options.limits));
    this.#serveSessions(server);
    return server;
  }

  #createSecure({ certificate, key }: { readonly certificate: string; readonly key: string }): TcpServer {
    const { limits } = this.#options;
    const { headersTimeoutMs } = limits;
    const server = createSecureServer({
      ...sessionOptions(limits),
      allowHTTP1: true,
      cert: certificate,
      key,
      minVersion: "TLSv1.2",
      handshakeTimeout: headersTimeoutMs,
    });
    // As for plaintext: Node takes them from the server for HTTP/1.1, but not as options.
    Object.assign(server, {
      headersTimeout: headersTimeoutMs,
      requestTimeout: 0,
      connectionsCheckingInterval: checkingIntervalMs(headersTimeoutMs),
    });
    server.on("secureConnection", (socket: TLSSocket) => {
      if (socket.alpnProtocol !== "h2") this.#keepHttp1(socket);
    });
    this.#serveSessions(server);
    return server;
  }

  #serveSessions(server: Http2Server | Http2SecureServer): void {
    server.on("request", (request: AnyRequest, response: AnyResponse) => {
      this.#serve(carrierOf(request), request, response);
    });
    server.on("session", (session: ServerHttp2Session) => {
      keep(this.#sessions, session);
      session.on("error", () => session.destroy());
      session.setTimeout(this.#options.limits.idleTimeoutMs, () => {
        if (!this.#exchanges.has(session)) session.destroy();
      });
      if (this.#isClosing) session.close();
    });
  }

  /** Without TLS there is no ALPN: the first bytes of a connection tell the protocol. */
  #sniff(socket: Socket, http1: Server, http2: Http2Server): void {
    socket.setTimeout(this.#options.limits.headersTimeoutMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.once("readable", () => {
      const start = socket.read() as Buffer | null;
      if (start === null || this.#isClosing) {
        socket.destroy();
        return;
      }
      socket.setTimeout(0);
      socket.removeAllListeners("timeout");
      socket.unshift(start);
      const isHttp2 = start.toString("latin1", 0, HTTP2_PREFACE_START.length) === HTTP2_PREFACE_START;
      if (!isHttp2) this.#keepHttp1(socket);
      (isHttp2 ? http2 : http1).emit("connection", socket);
    });
  }

  #keepHttp1(socket: Socket): void {
    keep(this.#http1Sockets, socket);
    if (this.#isClosing) socket.destroy();
  }

  #serve(carrier: Socket | ServerHttp2Session, request: AnyRequest, response: AnyResponse): void {
    const responses = this.#exchanges.get(carrier) ?? new Set();
    this.#exchanges.set(carrier, responses.add(response));
    response.once("close", () => this.#served(carrier, response));
    if (this.#isClosing) sayLast(response);
    this.#endUnread(request, response);
    this.#options.handler(request, response);
  }

  #served(carrier: Socket | ServerHttp2Session, response: AnyResponse): void {
    const responses = this.#exchanges.get(carrier);
    responses?.delete(response);
    if (responses?.size !== 0) return;
    this.#exchanges.delete(carrier);
    if (!this.#isClosing) return;
    // A session that was told to close does so by itself.
    if ("destroySoon" in carrier) carrier.destroySoon();
    if (this.#exchanges.size === 0) this.#onIdle?.();
  }

  /** A caller that was answered before it had sent everything may do so for a while, and must not keep the connection for ever. */
  #endUnread(request: AnyRequest, response: AnyResponse): void {
    const { timers, limits } = this.#options;
    const answer = "stream" in request ? request.stream : (response as Http1Response);
    answer.once("finish", () => {
      if (request.complete) return;
      const timer = timers.after(limits.drainTimeoutMs, () => {
        if (request.complete) return;
        if ("stream" in request) request.stream.close();
        else request.socket.destroy();
      });
      request.once("close", () => timer.cancel());
    });
  }
}

/** The connection or session that a request came on. */
export function carrierOf(request: AnyRequest): Socket | ServerHttp2Session {
  const session = "stream" in request ? request.stream.session : undefined;
  return (session as ServerHttp2Session | undefined) ?? request.socket;
}

/** Aborts with CANCELED when the connection or the stream ends before the answer did. */
export function departureOf(response: AnyResponse): AbortSignal {
  const departure = new AbortController();
  response.once("close", () => {
    if (!response.writableEnded) departure.abort(callerGone());
  });
  return departure.signal;
}

/** What a call ends with whose caller has left. `cause` is what the connection says of it. */
export function callerGone(cause?: unknown): ConnectError {
  return new ConnectError("the caller is gone", Code.Canceled, undefined, undefined, cause);
}

function sessionOptions(limits: ListenerLimits) {
  return {
    settings: { maxConcurrentStreams: limits.maxStreamsPerConnection },
    streamResetBurst: limits.streamResetBurst,
    streamResetRate: limits.streamResetsPerSecond,
  };
}

/** Over HTTP/1.1 the caller learns that no other request may follow. */
function sayLast(response: AnyResponse): void {
  if ("shouldKeepAlive" in response) response.shouldKeepAlive = false;
}

function checkingIntervalMs(timeoutMs: number): number {
  return Math.max(1, Math.ceil(timeoutMs / 4));
}

function keep<T extends Socket | ServerHttp2Session>(into: Set<T>, connection: T): void {
  into.add(connection);
  (connection as Socket).once("close", () => into.delete(connection));
}
