import {
  createServer as createHttp1Server,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { SocketAddress } from "../platform/index.ts";
import { CALL_INFO } from "./guard.ts";
import { type RpcServices, rpcRoutes } from "./routes.ts";

/** One message of a request, in bytes: the body limit of the API. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
/** Calls may ask for a shorter deadline, not for a longer one, in milliseconds. Streams of bytes are bounded by progress instead. */
const MAX_TIMEOUT_MS = 3_600_000;
const HEADER_TIMEOUT_MS = 15_000;
/** Bytes that tell HTTP/2 with prior knowledge from HTTP/1.1 on one port. */
const HTTP2_PREFACE_START = "PRI";

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;

export interface RpcServerOptions extends RpcServices {
  readonly listen: SocketAddress;
  /** PEM; without it the listener is plaintext. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly newRequestId: () => string;
  /** Whether this node can serve: what /readyz says. Undefined: ready; else why not. */
  readonly notReadyReason: () => string | undefined;
  /** "off", or another state of the maintenance mode: /readyz shows it, and is ready, because reads go on. */
  readonly maintenanceState: () => string;
}

export interface RpcServer {
  readonly address: SocketAddress;
  /** Stops accepting, lets calls finish for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** Connect, gRPC, gRPC-Web and the health pages on one port, over HTTP/1.1 and HTTP/2, with and without TLS. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const shutdown = new AbortController();
  const handler = connectNodeAdapter({
    routes: rpcRoutes(options),
    readMaxBytes: MAX_MESSAGE_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    shutdownSignal: shutdown.signal,
    contextValues: (request) =>
      createContextValues().set(CALL_INFO, {
        requestId: options.newRequestId(),
        remoteAddress: socketOf(request)?.remoteAddress ?? "",
      }),
    fallback: (request, response) => servePages(options, request as AnyRequest, response as AnyResponse),
  });
  const listener = options.tls === undefined ? plainListener(handler) : tlsListener(handler, options.tls);
  await new Promise<void>((resolve, reject) => {
    listener.tcp.once("error", reject);
    listener.tcp.listen(options.listen.port, options.listen.host, resolve);
  });
  const bound = listener.tcp.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : options.listen.port;
  return {
    address: { host: options.listen.host, port },
    close: (graceMs) => closeListener(listener, shutdown, graceMs),
  };
}

type Handler = (request: AnyRequest, response: AnyResponse) => void;

interface ApiListener {
  readonly tcp: TcpServer;
  readonly sockets: Set<Socket>;
  readonly sessions: Set<ServerHttp2Session>;
}

/** Without TLS there is no ALPN: the first bytes of a connection tell the protocol. */
function plainListener(handler: Handler): ApiListener {
  const http1: Server = createHttp1Server({ headersTimeout: HEADER_TIMEOUT_MS }, handler);
  const http2: Http2Server = createHttp2Server({}, handler);
  const listener = tracked(createTcpServer((socket) => sniff(socket, http1, http2)));
  trackSessions(http2, listener.sessions);
  return listener;
}

function sniff(socket: Socket, http1: Server, http2: Http2Server): void {
  socket.setTimeout(HEADER_TIMEOUT_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.once("readable", () => {
    const start = socket.read() as Buffer | null;
    if (start === null) {
      socket.destroy();
      return;
    }
    socket.setTimeout(0);
    socket.removeAllListeners("timeout");
    socket.unshift(start);
    const isHttp2 = start.toString("latin1", 0, HTTP2_PREFACE_START.length) === HTTP2_PREFACE_START;
    (isHttp2 ? http2 : http1).emit("connection", socket);
  });
}

function tlsListener(
  handler: Handler,
  tls: { readonly certificate: string; readonly key: string },
): ApiListener {
  const server = createSecureServer(
    { allowHTTP1: true, cert: tls.certificate, key: tls.key, minVersion: "TLSv1.2" },
    handler,
  );
  const listener = tracked(server);
  trackSessions(server, listener.sessions);
  return listener;
}

function tracked(tcp: TcpServer): ApiListener {
  const sockets = new Set<Socket>();
  tcp.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return { tcp, sockets, sessions: new Set() };
}

function trackSessions(
  server: Http2Server | ReturnType<typeof createSecureServer>,
  into: Set<ServerHttp2Session>,
) {
  server.on("session", (session: ServerHttp2Session) => {
    into.add(session);
    session.once("close", () => into.delete(session));
    session.on("error", () => session.destroy());
  });
}

async function closeListener(
  listener: ApiListener,
  shutdown: AbortController,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => listener.tcp.close(() => resolve()));
  for (const session of listener.sessions) session.close();
  const cut = setTimeout(() => {
    shutdown.abort();
    for (const socket of listener.sockets) socket.destroy();
  }, graceMs);
  for (const socket of listener.sockets) socket.setTimeout(Math.min(100, graceMs), () => socket.destroy());
  await closed;
  clearTimeout(cut);
}

function socketOf(request: { readonly socket?: { readonly remoteAddress?: string | undefined } }) {
  return request.socket;
}

/** /healthz: the process lives. /readyz: it can serve. Nothing else is answered without a key, and these say nothing secret. */
function servePages(options: RpcServerOptions, request: AnyRequest, response: AnyResponse): void {
  const path = (request.url ?? "").split("?")[0];
  const reason = path === "/readyz" ? options.notReadyReason() : undefined;
  if (path === "/healthz" || path === "/readyz") {
    const ok = reason === undefined;
    const state = path === "/readyz" ? options.maintenanceState() : "off";
    const page = {
      ...(ok ? { status: "ok" } : { status: "unavailable", reason }),
      ...(state !== "off" && { maintenance: state }),
    };
    answer(response, ok ? 200 : 503, `${JSON.stringify(page)}\n`);
  } else {
    answer(response, 404, `${JSON.stringify({ code: "not_found", message: "there is nothing here" })}\n`);
  }
}

function answer(response: AnyResponse, status: number, body: string): void {
  const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
  (response as ServerResponse).writeHead(status, headers);
  (response as ServerResponse).end(body);
}
