import { assert } from "../../base/index.ts";
import type { PeerIdentity } from "../ports.ts";
import { type SimLink, SimPipe } from "./network-link.ts";
import type { FrameCarrier, SimStream, StreamFrame } from "./network-stream.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

/** What travels on a simulated connection. */
type Frame =
  | { readonly kind: "hello" }
  | {
      readonly kind: "open";
      readonly streamId: number;
      readonly path: string;
      readonly form: "unary" | "stream";
    }
  | { readonly kind: "stream"; readonly streamId: number; readonly frame: StreamFrame }
  /** No new streams, please. */
  | { readonly kind: "goaway" }
  | { readonly kind: "bye"; readonly reason: string };

/** Bytes that a frame takes besides its message. */
const FRAME_BYTES = 14;

/** What the owner of one end is told. */
export interface EndpointOwner {
  /** The server's end: the connection stands. */
  onHello?(endpoint: Endpoint): void;
  /** The server's end: a stream is to be opened, with `endpoint.accept`, now. */
  onOpen?(
    endpoint: Endpoint,
    request: { readonly streamId: number; readonly path: string; readonly form: "unary" | "stream" },
  ): void;
  onGoaway?(endpoint: Endpoint): void;
  onBroken(endpoint: Endpoint): void;
}

export interface EndpointOptions {
  readonly host: string;
  readonly process: SimProcess;
  readonly owner: EndpointOwner;
  /** Who is at the other end; undefined for a caller without a certificate. */
  readonly peer: PeerIdentity | undefined;
}

export interface KeepAlive {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** One end of a connection, with the streams that are open there. */
export class Endpoint {
  readonly host: string;
  readonly process: SimProcess;
  readonly peer: PeerIdentity | undefined;
  readonly #owner: EndpointOwner;
  readonly #streams = new Map<number, SimStream>();
  #out: SimPipe<Frame> | undefined;
  #in: SimPipe<Frame> | undefined;
  #nextStreamId = 1;
  #brokenBecause: string | undefined;
  /** How long nothing could have arrived. */
  silentMs = 0;

  constructor(options: EndpointOptions) {
    this.host = options.host;
    this.process = options.process;
    this.peer = options.peer;
    this.#owner = options.owner;
  }

  get isBroken(): boolean {
    return this.#brokenBecause !== undefined;
  }

  get brokenBecause(): string {
    return this.#brokenBecause ?? "";
  }

  join(pipes: { readonly incoming: SimPipe<Frame>; readonly outgoing: SimPipe<Frame> }): void {
    assert(this.#out === undefined, "an end is joined once");
    this.#in = pipes.incoming;
    this.#out = pipes.outgoing;
  }

  hello(): void {
    this.#push({ kind: "hello" }, 0);
  }

  /** The client's end: opens a stream at the other one. */
  open(stream: SimStream, path: string, form: "unary" | "stream"): void {
    const streamId = this.#nextStreamId++;
    this.#push({ kind: "open", streamId, path, form }, path.length);
    this.accept(streamId, stream);
  }

  accept(streamId: number, stream: SimStream): void {
    this.#streams.set(streamId, stream);
    stream.attach(this.#carrierOf(streamId));
  }

  goaway(): void {
    this.#push({ kind: "goaway" }, 0);
  }

  receive(frame: Frame): void {
    if (this.isBroken) return;
    switch (frame.kind) {
      case "hello":
        this.#owner.onHello?.(this);
        return;
      case "open":
        this.#owner.onOpen?.(this, frame);
        return;
      case "stream":
        this.#streams.get(frame.streamId)?.receive(frame.frame);
        return;
      case "goaway":
        this.#owner.onGoaway?.(this);
        return;
      case "bye":
        this.break(frame.reason);
        return;
    }
  }

  /** Ends the connection here: every stream fails. The other end learns of it when it can be told. */
  break(reason: string): void {
    if (this.isBroken) return;
    this.#brokenBecause = reason;
    this.#push({ kind: "bye", reason: "the peer closed the connection" }, 0);
    this.#in?.close();
    for (const stream of [...this.#streams.values()]) stream.finish({ code: "unavailable", message: reason });
    this.#streams.clear();
    this.#owner.onBroken(this);
  }

  #carrierOf(streamId: number): FrameCarrier {
    return {
      carry: (frame, sizeBytes) => this.#push({ kind: "stream", streamId, frame }, sizeBytes),
      release: () => this.#streams.delete(streamId),
    };
  }

  #push(frame: Frame, sizeBytes: number): void {
    assert(this.#out !== undefined, "an end that sends has been joined");
    this.#out.push(frame, sizeBytes + FRAME_BYTES);
  }
}

export interface SessionOptions {
  readonly simulation: Simulation;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly toServer: SimLink;
  readonly toClient: SimLink;
  readonly keepAlive: KeepAlive;
  /** Called once, when both ends are gone. */
  readonly onGone: (session: SimSession) => void;
}

/** A connection between two machines. */
export class SimSession {
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { simulation, client, server, toServer, toClient } = options;
    const onReset = (): void => this.reset();
    const toServerPipe = new SimPipe<Frame>({
      simulation,
      link: toServer,
      process: server.process,
      deliver: (frame) => server.receive(frame),
      onReset,
    });
    const toClientPipe = new SimPipe<Frame>({
      simulation,
      link: toClient,
      process: client.process,
      deliver: (frame) => client.receive(frame),
      onReset,
    });
    client.join({ incoming: toClientPipe, outgoing: toServerPipe });
    server.join({ incoming: toServerPipe, outgoing: toClientPipe });
    client.hello();
    this.#scheduleProbe();
  }

  joins(host: string, other: string | undefined): boolean {
    const { client, server } = this.#options;
    if (other === undefined) return client.host === host || server.host === host;
    return (client.host === host && server.host === other) || (client.host === other && server.host === host);
  }

  /** Breaks the connection in the middle: both ends are told at once. */
  reset(): void {
    for (const end of [this.#options.client, this.#options.server]) {
      end.process.schedule(0, () => end.break("the connection was reset"));
    }
  }

  #scheduleProbe(): void {
    this.#options.simulation.schedule(this.#options.keepAlive.intervalMs, () => this.#probe());
  }

  /** What the keep-alive of both ends would find out, without its messages. */
  #probe(): void {
    const { client, server, onGone } = this.#options;
    this.#judge(client, server);
    this.#judge(server, client);
    const isGone = [client, server].every((end) => end.isBroken || !end.process.isAlive);
    if (isGone) onGone(this);
    else this.#scheduleProbe();
  }

  #judge(end: Endpoint, other: Endpoint): void {
    const { toServer, toClient, keepAlive } = this.#options;
    if (end.isBroken || !end.process.isAlive || end.process.isPaused) return;
    const isWayOpen = toServer.isOpen && toClient.isOpen;
    // The machine lives on and resets the connections of a program that has died.
    if (isWayOpen && !other.process.isAlive) {
      end.break("the peer closed the connection");
      return;
    }
    end.silentMs = isWayOpen && !other.process.isPaused ? 0 : end.silentMs + keepAlive.intervalMs;
    if (end.silentMs >= keepAlive.timeoutMs)
      end.break(`the peer has been silent for ${keepAlive.timeoutMs} ms`);
  }
}
