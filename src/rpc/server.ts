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
import {
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  type ServiceImpl,
} from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { TrustedProxies } from "../access/index.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { SocketAddress, Timers } from "../platform/index.ts";
import { CALL_INFO, Guard } from "./guard.ts";
import { healthService } from "./health-service.ts";
import { reflectionService } from "./reflection-service.ts";
import { type ImplementedService, jsonForms, RestHandler } from "./rest/index.ts";
import { serveRest } from "./rest-exchange.ts";
import { implementedServices, type RpcServices } from "./routes.ts";
import { SEARCH_FORMS } from "./search/query-forms.ts";

/** One message of a request, in bytes: the body limit of the API. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
/** Calls may ask for a shorter deadline, not for a longer one, in milliseconds. Streams of bytes are bounded by progress instead. */
const MAX_TIMEOUT_MS = 3_600_000;
/** A call over REST, which names no deadline, in milliseconds. */
const REST_TIMEOUT_MS = 3_600_000;
const HEADER_TIMEOUT_MS = 15_000;
/** Bytes that tell HTTP/2 with prior knowledge from HTTP/1.1 on one port. */
const HTTP2_PREFACE_START = "PRI";

export type AnyRequest = IncomingMessage | Http2ServerRequest;
/** What both kinds of answers can do is what this one can. */
export type Http1Response = ServerResponse;
export type AnyResponse = Http1Response | Http2ServerResponse;

export interface RpcServerOptions extends RpcServices {
  readonly listen: SocketAddress;
  /** PEM; without it the listener is plaintext. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly newRequestId: () => string;
  readonly timers: Timers;
  /** Whether this node can serve: what /readyz says. Undefined: ready; else why not. */
  readonly notReadyReason: () => string | undefined;
  /** Whose word on the addresses of clients is taken. */
  readonly trustedProxies: TrustedProxies;
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
  const guard = new Guard(options);
  const services = implementedServices(options, guard);
  const rest = new RestHandler({
    services,
    forms: jsonForms(SEARCH_FORMS),
    admission: guard,
    maxBodyBytes: MAX_MESSAGE_BYTES,
    timeoutMs: REST_TIMEOUT_MS,
    timers: options.timers,
    shutdownSignal: shutdown.signal,
  });
  const valuesOf = (request: AnyRequest): ContextValues =>
    createContextValues().set(CALL_INFO, {
      requestId: options.newRequestId(),
      remoteAddress: addressOf(request, options.trustedProxies),
    });
  const adapter = connectNodeAdapter({
    routes: (router) => {
      for (const { service, implementation } of services) router.service(service, implementation);
      describeItself(router, services, guard, options);
    },
    readMaxBytes: MAX_MESSAGE_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    shutdownSignal: shutdown.signal,
    contextValues: (request) => valuesOf(request as AnyRequest),
    fallback: (request, response) => {
      const [incoming, outgoing] = [request as AnyRequest, response as AnyResponse];
      void serveRest(rest, incoming, outgoing, valuesOf(incoming));
    },
  });
  const handler: Handler = (request, response) => {
    if (servePage(options, request, response)) return;
    if (hasUrl(request)) adapter(request, response);
    else refuseTarget(response);
  };
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

/** What tools for gRPC ask of a server beside its services. */
function describeItself(
  router: ConnectRouter,
  implemented: readonly ImplementedService[],
  guard: Guard,
  { notReadyReason, timers }: RpcServerOptions,
): void {
  const services = implemented.map(({ service }) => service);
  const serviceNames = new Set(services.map(({ typeName }) => typeName));
  const sleep = (ms: number, signal: AbortSignal) => timers.sleep(ms, signal);
  router.service(Health, healthService({ serviceNames, notReadyReason, sleep }));
  const reflection = reflectionService([...services, Health], guard);
  router.service(ServerReflection, reflection);
  // The older version of the protocol differs in the package of its messages alone.
  router.service(
    ServerReflectionV1Alpha,
    reflection as unknown as ServiceImpl<typeof ServerReflectionV1Alpha>,
  );
}

type Handler = (request: AnyRequest, response: AnyResponse) => void;

interface ApiListener {
  readonly tcp: TcpServer;
  readonly sockets: Set<Socket>;
  readonly sessions: Set<ServerHttp2Session>;
}

/** Of the client, behind proxies that are trusted. */
function addressOf(request: AnyRequest, proxies: TrustedProxies): string {
  const said = request.headers["x-forwarded-for"];
  const peer = { address: request.socket?.remoteAddress ?? "", secure: false };
  const forwardedFor = Array.isArray(said) ? said.join(",") : said;
  return proxies.client(peer, { forwardedFor, forwardedProto: undefined }).address;
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

/** /healthz: the process lives. /readyz: it can serve. Nothing else is answered without a key, and these say nothing secret. */
function servePage(options: RpcServerOptions, request: AnyRequest, response: AnyResponse): boolean {
  const path = (request.url ?? "").split("?")[0];
  if (path !== "/healthz" && path !== "/readyz") return false;
  const reason = path === "/readyz" ? options.notReadyReason() : undefined;
  const state = path === "/readyz" ? options.maintenanceState() : "off";
  const page = {
    ...(reason === undefined ? { status: "ok" } : { status: "unavailable", reason }),
    ...(state !== "off" && { maintenance: state }),
  };
  answer(response, reason === undefined ? 200 : 503, `${JSON.stringify(page)}\n`);
  return true;
}

/**
 * Whether target and host make a URL. The adapter makes one of every request that it takes, and throws where nobody catches it: the process would end
 * by `GET //`, or by a request of HTTP/1.0 without a host.
 */
function hasUrl(request: AnyRequest): boolean {
  const host = "authority" in request ? request.authority : request.headers.host;
  return host !== undefined && URL.canParse(request.url ?? "", `http://${host}`);
}

function refuseTarget(response: AnyResponse): void {
  const error = { code: "invalid_argument", message: "target and host are no URL", details: {} };
  answer(response, 400, `${JSON.stringify({ error: { ...error, request_id: "" } })}\n`);
}

function answer(response: AnyResponse, status: number, body: string): void {
  const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
  (response as ServerResponse).writeHead(status, headers);
  (response as ServerResponse).end(body);
}
