/**
 * A listener for nodes: TLS, one table of methods, and for each stream the decision whether this caller may open it.
 */

import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { assert, TransientSet } from "../../base/index.ts";
import type { Listener, PeerIdentity, SocketAddress, StreamError, StreamHandler } from "../ports.ts";
import type { NetworkLimits } from "./network-limits.ts";
import { sessionOptions, WatchedSession } from "./network-session.ts";
import { ReceiveBudget } from "./network-stream.ts";
import { STREAM_CONTENT_TYPE, StreamingServerStream } from "./network-streaming.ts";
import { type Caller, callerOf, type NodeCredentials, serverTlsOptions } from "./network-tls.ts";
import { UNARY_CONTENT_TYPE, UnaryServerStream } from "./network-unary.ts";

/** Serves the paths that are not in the table of methods, in the form of `node:http2`'s compatibility API. */
export interface FallbackHandler {
  /** Whether callers without a client certificate are let through; they arrive with no identity. */
  readonly anonymous?: boolean;
  handle(request: Http2ServerRequest, response: Http2ServerResponse, peer: PeerIdentity | undefined): void;
}

export interface NodeListenOptions {
  readonly fallback?: FallbackHandler;
}

/** What a listener refused before it was anybody's stream. */
export interface NetworkProblem {
  readonly kind: "handshake-failed" | "connection-failed";
  readonly remoteAddress: string;
  readonly message: string;
}

export interface NodeListenerOptions extends NodeListenOptions {
  readonly clusterId: string;
  readonly credentials: NodeCredentials;
  readonly handlers: ReadonlyMap<string, StreamHandler>;
  readonly limits: NetworkLimits;
  readonly onProblem?: (problem: NetworkProblem) => void;
  /** Called once, when the listener has closed. */
  readonly onClosed?: () => void;
}

type ServerStream = StreamingServerStream | UnaryServerStream;

interface Connection {
  readonly watched: WatchedSession;
  readonly caller: Caller;
  /** Open streams of a caller that is no node. */
  anonymousStreams: number;
}

/** Digits of a timeout in milliseconds that Connect allows. */
const TIMEOUT_FORM = /^[0-9]{1,10}$/;
const GREATEST_TIMER_MS = 0x7fffffff;

export class NodeListener implements Listener {
  readonly #options: NodeListenerOptions;
  readonly #server: Http2SecureServer;
  readonly #connections = new Map<ServerHttp2Session, Connection>();
  readonly #streams = new TransientSet<ServerStream>();
  /** For what callers send that are no nodes. */
  readonly #anonymousBudget: ReceiveBudget;
  /** The socket of the handshake that is being turned into a session. */
  #handshaking: TLSSocket | undefined;
  #caCertificatePem: string;
  #closing: Promise<void> | undefined;

  constructor(options: NodeListenerOptions) {
    this.#options = options;
    this.#caCertificatePem = options.credentials.caCertificatePem;
    const { limits } = options;
    this.#anonymousBudget = new ReceiveBudget(limits.maxAnonymousBytes);
    this.#server = createSecureServer({
      ...serverTlsOptions(options.credentials),
      ...sessionOptions(limits),
      handshakeTimeout: limits.dialTimeoutMs,
      unknownProtocolTimeout: limits.dialTimeoutMs,
      streamResetBurst: limits.streamResetBurst,
      streamResetRate: limits.streamResetsPerSecond,
    });
    this.#server.maxConnections = limits.maxConnections;
    // The session event does not give the socket itself, only a proxy that cannot be destroyed; this one comes just before it.
    this.#server.prependListener("secureConnection", (socket: TLSSocket) => {
      this.#handshaking = socket;
    });
    this.#server.on("session", (session) => this.#onSession(session));
    this.#server.on(
      "stream",
      (http: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) =>
        this.#onStream(http, headers, rawHeaders),
    );
    this.#server.on("tlsClientError", (error, socket) => {
      this.#report("handshake-failed", socket.remoteAddress, error.message);
    });
    this.#server.on("sessionError", (error, session) => {
      this.#report("connection-failed", this.#remoteAddressOf(session), error.message);
    });
  }

  /** Resolves when the listener accepts connections; rejects when it cannot have the address. */
  async listen(address: SocketAddress): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen({ host: address.host, port: address.port }, resolve);
    await promise;
    this.#server.off("error", reject);
    this.#server.on("error", (error) => this.#report("connection-failed", "", error.message));
  }

  get address(): SocketAddress {
    const bound = this.#server.address() as AddressInfo | null;
    assert(bound !== null, "a listener has an address while it listens");
    return { host: bound.address, port: bound.port };
  }

  /** New connections are made with these; those that stand stay. */
  updateCredentials(credentials: NodeCredentials): void {
    this.#caCertificatePem = credentials.caCertificatePem;
    this.#server.setSecureContext(serverTlsOptions(credentials));
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    // Accepts no more and sends GOAWAY on every connection.
    this.#server.close(() => resolve());
    for (const stream of this.#streams) {
      // A stream whose caller may still send never ends by itself. Everything else is a call in progress and gets its time.
      if (!stream.isRemoteEnded) stream.fail("unavailable", "the node is shutting down");
    }
    const timer = setTimeout(() => this.#destroyAll(), this.#options.limits.drainTimeoutMs);
    await closed;
    clearTimeout(timer);
    this.#options.onClosed?.();
  }

  #destroyAll(): void {
    for (const stream of this.#streams) stream.fail("unavailable", "the node is shutting down");
    for (const { watched } of this.#connections.values()) watched.destroy("the node is shutting down");
  }

  #onSession(session: ServerHttp2Session): void {
    const socket = this.#handshaking;
    this.#handshaking = undefined;
    assert(socket !== undefined, "a session comes from a handshake");
    const { limits, clusterId } = this.#options;
    const caller = callerOf(socket, clusterId, this.#caCertificatePem);
    const watched = new WatchedSession(session, socket, limits);
    this.#connections.set(session, { watched, caller, anonymousStreams: 0 });
    session.on("close", () => this.#connections.delete(session));
    if (isStranger(caller) && !this.#hasAnonymousMethods()) {
      watched.destroy("nothing here is for callers without a certificate of the cluster");
      return;
    }
    if (caller.kind !== "node") limitLifetime(session, watched, limits.anonymousLifetimeMs);
    // A handshake that was under way when the listener closed.
    if (this.#closing !== undefined) session.close();
  }

  #onStream(http: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    const connection =
      http.session === undefined ? undefined : this.#connections.get(http.session as ServerHttp2Session);
    if (connection === undefined) return void http.destroy();
    const path = headers[":path"] ?? "";
    const handler = this.#options.handlers.get(path);
    if (handler === undefined && this.#options.fallback !== undefined) {
      this.#openFallback(this.#options.fallback, http, headers, { rawHeaders, connection });
      return;
    }
    const kind = handler?.kind ?? (headers["content-type"] === STREAM_CONTENT_TYPE ? "stream" : "unary");
    const status = statusOfForm(headers, kind);
    if (status !== undefined) {
      refuseForm(http, status);
      return;
    }
    const stream = this.#adopt(http, connection, kind, handler?.maxMessageBytes ?? 0);
    const refusal = this.#refusalOf(headers, handler, connection);
    if (handler === undefined || refusal !== undefined) {
      stream.failWith(refusal ?? { code: "unimplemented", message: `there is no method ${path}` });
      return;
    }
    if (connection.caller.kind !== "node") this.#limitAnonymous(stream, connection);
    limitTime(stream, headers["connect-timeout-ms"]);
    handler.open(stream, connection.caller.kind === "node" ? connection.caller.identity : undefined);
    if (stream instanceof StreamingServerStream) stream.respond();
  }

  #adopt(
    http: ServerHttp2Stream,
    connection: Connection,
    kind: "unary" | "stream",
    maxBytes: number,
  ): ServerStream {
    const { limits } = this.#options;
    const isNode = connection.caller.kind === "node";
    const stream =
      kind === "unary"
        ? new UnaryServerStream(limits, maxBytes, isNode ? undefined : Number.POSITIVE_INFINITY)
        : new StreamingServerStream(limits, maxBytes);
    this.#streams.add(stream);
    stream.whenReleased(() => this.#streams.delete(stream));
    stream.attach(http, connection.watched);
    return stream;
  }

  #refusalOf(
    headers: IncomingHttpHeaders,
    handler: StreamHandler | undefined,
    { caller, anonymousStreams }: Connection,
  ): StreamError | undefined {
    if (this.#closing !== undefined) return { code: "unavailable", message: "the node is shutting down" };
    const refusal = refusalOfCaller(caller, handler?.anonymous === true);
    if (refusal !== undefined) return refusal;
    const { maxAnonymousStreams } = this.#options.limits;
    if (anonymousStreams >= maxAnonymousStreams) {
      const message = `a connection without a node's certificate has ${maxAnonymousStreams} calls at once`;
      return { code: "resource_exhausted", message };
    }
    const encoding = headers["connect-content-encoding"] ?? headers["content-encoding"] ?? "identity";
    if (encoding !== "identity")
      return { code: "unimplemented", message: "messages between nodes are not compressed" };
    return undefined;
  }

  #hasAnonymousMethods(): boolean {
    const { handlers, fallback } = this.#options;
    return fallback?.anonymous === true || [...handlers.values()].some(({ anonymous }) => anonymous === true);
  }

  #limitAnonymous(stream: ServerStream, connection: Connection): void {
    const { anonymousBodyTimeoutMs } = this.#options.limits;
    connection.anonymousStreams++;
    stream.limitReceived(this.#anonymousBudget);
    const timer = setTimeout(() => {
      if (!stream.isRemoteEnded) stream.fail("deadline_exceeded", "the messages took too long to arrive");
    }, anonymousBodyTimeoutMs);
    timer.unref();
    stream.whenReleased(() => {
      clearTimeout(timer);
      connection.anonymousStreams--;
    });
  }

  #openFallback(
    fallback: FallbackHandler,
    http: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    from: { readonly rawHeaders: readonly string[]; readonly connection: Connection },
  ): void {
    http.on("error", () => {});
    const { caller } = from.connection;
    if (refusalOfCaller(caller, fallback.anonymous === true) !== undefined) {
      refuseForm(http, constants.HTTP_STATUS_FORBIDDEN);
      return;
    }
    const request = new Http2ServerRequest(http, headers, {}, from.rawHeaders);
    const response = new Http2ServerResponse(http);
    fallback.handle(request, response, caller.kind === "node" ? caller.identity : undefined);
  }

  #remoteAddressOf(session: ServerHttp2Session): string {
    return session.destroyed ? "" : (session.socket.remoteAddress ?? "");
  }

  #report(kind: NetworkProblem["kind"], remoteAddress: string | undefined, message: string): void {
    this.#options.onProblem?.({ kind, remoteAddress: remoteAddress ?? "", message });
  }
}

/** Whoever shows nothing that the cluster's CA has signed. A node whose certificate is over is none: it is told so. */
function isStranger(caller: Caller): boolean {
  return caller.kind === "anonymous" || (caller.kind === "refused" && !caller.isOfCa);
}

/** A node of this cluster may call everything, anybody else only what is marked anonymous. A certificate that proves nothing counts as none. */
function refusalOfCaller(caller: Caller, anonymous: boolean): StreamError | undefined {
  switch (caller.kind) {
    case "node":
      return undefined;
    case "anonymous":
      return anonymous
        ? undefined
        : { code: "unauthenticated", message: "this method needs a client certificate" };
    case "refused":
      return anonymous ? undefined : caller.error;
  }
}

/** The HTTP status for a request that is not in the form of its method, or undefined. */
function statusOfForm(headers: IncomingHttpHeaders, kind: "unary" | "stream"): number | undefined {
  if (headers[":method"] !== "POST") return constants.HTTP_STATUS_METHOD_NOT_ALLOWED;
  const wanted = kind === "unary" ? UNARY_CONTENT_TYPE : STREAM_CONTENT_TYPE;
  return headers["content-type"] === wanted ? undefined : constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE;
}

function refuseForm(http: ServerHttp2Stream, status: number): void {
  http.on("error", () => {});
  http.respond({ ":status": status }, { endStream: true });
  http.close(constants.NGHTTP2_NO_ERROR);
}

function limitLifetime(session: ServerHttp2Session, watched: WatchedSession, lifetimeMs: number): void {
  const timer = setTimeout(
    () => watched.destroy("a connection without a node's certificate is kept only shortly"),
    lifetimeMs,
  );
  timer.unref();
  session.on("close", () => clearTimeout(timer));
}

/** The caller's own deadline, when it names one. */
function limitTime(stream: ServerStream, timeoutMs: string | string[] | undefined): void {
  if (typeof timeoutMs !== "string" || !TIMEOUT_FORM.test(timeoutMs)) return;
  const timer = setTimeout(
    () => stream.fail("deadline_exceeded", "the caller's time is over"),
    Math.min(Number(timeoutMs), GREATEST_TIMER_MS),
  );
  timer.unref();
  stream.whenReleased(() => clearTimeout(timer));
}
