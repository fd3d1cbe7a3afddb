import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createConnectRouter,
  createContextValues,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { TrustedProxies } from "../access/index.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { SocketAddress, Timers } from "../platform/index.ts";
import { type ConnectHandler, connectHandler } from "./connect-handler.ts";
import { CALL_INFO, Guard } from "./guard.ts";
import { healthService } from "./health-service.ts";
import { IncomingBodies } from "./incoming-bodies.ts";
import { type AnyRequest, type AnyResponse, ApiListener, type Http1Response } from "./listener.ts";
import { DEFAULT_LISTENER_LIMITS, type ListenerLimits } from "./listener-limits.ts";
import { OutgoingBodies } from "./outgoing-bodies.ts";
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
/** A request of the health service, which is read without a key. */
const MAX_HEALTH_MESSAGE_BYTES = 4096;

export interface RpcServerOptions extends RpcServices {
  readonly listen: SocketAddress;
  /** PEM; without it the listener is plaintext. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** Where they are to be others than the defaults. */
  readonly listenerLimits?: Partial<ListenerLimits>;
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
  const limits = { ...DEFAULT_LISTENER_LIMITS, ...options.listenerLimits };
  /** Set when the listener begins to close, and when what has not ended by then is cut. */
  const [stopping, cut] = [new AbortController(), new AbortController()];
  const bodies = new IncomingBodies({ ...options, limits });
  const answers = new OutgoingBodies({ ...options, limits });
  const guard = new Guard(options);
  const services = implementedServices(options, guard);
  const rest = new RestHandler({
    services,
    forms: jsonForms(SEARCH_FORMS),
    admission: guard,
    maxBodyBytes: MAX_MESSAGE_BYTES,
    timeoutMs: REST_TIMEOUT_MS,
    timers: options.timers,
    shutdownSignal: cut.signal,
  });
  const valuesOf = (request: AnyRequest): ContextValues =>
    createContextValues().set(CALL_INFO, {
      requestId: options.newRequestId(),
      remoteAddress: addressOf(request, options.trustedProxies),
    });
  const connect = connectMethods(options, { services, guard, limits, bodies, answers, stopping, cut });
  const listener = new ApiListener({
    tls: options.tls,
    timers: options.timers,
    limits,
    onFault: (error) => options.hooks.onListenerFault?.(error),
    handler: (request, response) => {
      if (servePage(options, request, response)) answers.ended(response);
      else if (!hasUrl(request)) {
        refuseTarget(response);
        answers.ended(response);
      } else if (!connect(request, response, () => valuesOf(request))) {
        const call = { request, response, answers, values: valuesOf(request) };
        void serveRest(rest, {
          ...call,
          body: bodies.open(request, { ...call, mayPause: false, isWhole: false }),
        });
      }
    },
  });
  const address = await listener.listen(options.listen);
  return {
    address,
    close: async (graceMs) => {
      stopping.abort();
      await listener.close(graceMs, () =>
        cut.abort(new ConnectError("the node is stopping", Code.Unavailable)),
      );
      bodies.close();
      answers.close();
    },
  };
}

interface ConnectParts {
  readonly services: readonly ImplementedService[];
  readonly guard: Guard;
  readonly limits: ListenerLimits;
  readonly bodies: IncomingBodies;
  readonly answers: OutgoingBodies;
  readonly stopping: AbortController;
  readonly cut: AbortController;
}

function connectMethods(options: RpcServerOptions, parts: ConnectParts): ConnectHandler {
  const { services, guard, bodies, answers, cut } = parts;
  const router = createConnectRouter({
    readMaxBytes: MAX_MESSAGE_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    shutdownSignal: cut.signal,
    requestGate: (context) => refuseStrangers(guard, context),
  });
  for (const { service, implementation } of services) router.service(service, implementation);
  describeItself(router, options, parts);
  return connectHandler({
    router,
    bodies,
    onAnswered: (values) => guard.answered(values),
    answers,
    onUnexpectedError: (error) => options.hooks.onUnexpectedError?.(error, ""),
  });
}

/** Before anything of a message is read: a caller without a key costs no memory. */
function refuseStrangers(guard: Guard, context: HandlerContext): void {
  if (context.service.typeName === Health.typeName) return;
  const operation = `${context.service.name}/${context.method.name}`;
  try {
    guard.refuseStrangers(operation, context);
  } catch (error) {
    throw guard.refused(operation, context, error);
  }
}

/** What tools for gRPC ask of a server beside its services. */
function describeItself(
  router: ConnectRouter,
  { notReadyReason, timers }: RpcServerOptions,
  { services: implemented, guard, limits, stopping }: ConnectParts,
): void {
  const services = implemented.map(({ service }) => service);
  const serviceNames = new Set(services.map(({ typeName }) => typeName));
  const sleep = (ms: number, signal: AbortSignal) => timers.sleep(ms, signal);
  const health = healthService({ serviceNames, notReadyReason, sleep, stopping: stopping.signal, limits });
  router.service(Health, health, { readMaxBytes: MAX_HEALTH_MESSAGE_BYTES });
  const reflection = reflectionService([...services, Health], guard);
  router.service(ServerReflection, reflection);
  // The older version of the protocol differs in the package of its messages alone.
  router.service(
    ServerReflectionV1Alpha,
    reflection as unknown as ServiceImpl<typeof ServerReflectionV1Alpha>,
  );
}

/** Of the client, behind proxies that are trusted. */
function addressOf(request: AnyRequest, proxies: TrustedProxies): string {
  const said = request.headers["x-forwarded-for"];
  const peer = { address: request.socket?.remoteAddress ?? "", secure: false };
  const forwardedFor = Array.isArray(said) ? said.join(",") : said;
  return proxies.client(peer, { forwardedFor, forwardedProto: undefined }).address;
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
  (response as Http1Response).writeHead(status, headers);
  (response as Http1Response).end(body);
}
