import { assert, type Prng } from "../../base/index.ts";
import type { Listener, PeerIdentity, SocketAddress, StreamError, StreamHandler } from "../ports.ts";
import type { SimNetworkLimits } from "./network-limits.ts";
import type { Endpoint, EndpointOwner } from "./network-session.ts";
import { SimStream } from "./network-stream.ts";
import type { SimProcess } from "./process.ts";

export interface SimListenerOptions {
  readonly address: SocketAddress;
  readonly identity: PeerIdentity;
  readonly process: SimProcess;
  readonly prng: Prng;
  readonly limits: SimNetworkLimits;
  readonly handlers: ReadonlyMap<string, StreamHandler>;
  /** Called once, when nothing can reach the listener any more. */
  readonly onClosing: () => void;
}

/** The same duties as those of a listener on Node, see `node/network-server.ts`. */
export class SimListener implements Listener, EndpointOwner {
  readonly address: SocketAddress;
  readonly identity: PeerIdentity;
  readonly process: SimProcess;
  readonly #options: SimListenerOptions;
  readonly #endpoints = new Set<Endpoint>();
  readonly #streams = new Set<SimStream>();
  #closing: Promise<void> | undefined;

  constructor(options: SimListenerOptions) {
    this.address = options.address;
    this.identity = options.identity;
    this.process = options.process;
    this.#options = options;
  }

  onHello(endpoint: Endpoint): void {
    if (this.#closing !== undefined) {
      endpoint.break("the node is shutting down");
      return;
    }
    this.#endpoints.add(endpoint);
  }

  onOpen(
    endpoint: Endpoint,
    request: { readonly streamId: number; readonly path: string; readonly form: "unary" | "stream" },
  ): void {
    const { handlers, limits, process, prng } = this.#options;
    const handler = handlers.get(request.path);
    const kind = handler?.kind ?? request.form;
    const maxMessageBytes = handler?.maxMessageBytes ?? 0;
    const stream = new SimStream({ role: "server", kind, maxMessageBytes, ...limits, process, prng });
    endpoint.accept(request.streamId, stream);
    const refusal = this.#refusalOf(request, handler, endpoint.peer);
    if (refusal !== undefined) {
      stream.failWith(refusal);
      return;
    }
    assert(handler !== undefined, "a stream that is not refused has a handler");
    for (const one of this.#streams) if (one.isClosed) this.#streams.delete(one);
    this.#streams.add(stream);
    handler.open(stream, endpoint.peer);
  }

  onBroken(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint);
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    this.#options.onClosing();
    for (const endpoint of this.#endpoints) endpoint.goaway();
    for (const stream of this.#streams) {
      if (!stream.isRemoteEnded) stream.fail("unavailable", "the node is shutting down");
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const endMs = this.#options.limits.drainTimeoutMs;
    let waitedMs = 0;
    const look = (): void => {
      if (waitedMs >= endMs || [...this.#streams].every((stream) => stream.isClosed)) {
        resolve();
        return;
      }
      waitedMs++;
      this.process.schedule(1, look);
    };
    this.process.schedule(0, look);
    await promise;
    for (const endpoint of [...this.#endpoints]) endpoint.break("the node is shutting down");
  }

  #refusalOf(
    request: { readonly path: string; readonly form: "unary" | "stream" },
    handler: StreamHandler | undefined,
    peer: PeerIdentity | undefined,
  ): StreamError | undefined {
    if (this.#closing !== undefined) return { code: "unavailable", message: "the node is shutting down" };
    if (handler === undefined)
      return { code: "unimplemented", message: `there is no method ${request.path}` };
    if (handler.kind !== request.form)
      return { code: "unimplemented", message: "the method has another form" };
    if (peer === undefined && handler.anonymous !== true) {
      return { code: "unauthenticated", message: "this method needs a client certificate" };
    }
    return undefined;
  }
}
