import type { Prng } from "../../base/index.ts";
import { Backoff } from "../network-backoff.ts";
import type { MessageStream, PeerConnection, PeerIdentity, PeerTarget, StreamError } from "../ports.ts";
import type { SimNetworkLimits } from "./network-limits.ts";
import type { Endpoint, EndpointOwner } from "./network-session.ts";
import { SimStream } from "./network-stream.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

interface WaitingStream {
  readonly stream: SimStream;
  readonly path: string;
  readonly form: "unary" | "stream";
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "dialling"; readonly attempt: number; readonly waiting: WaitingStream[] }
  | { readonly kind: "up"; readonly endpoint: Endpoint; readonly sinceMs: number }
  | { readonly kind: "resting"; readonly untilMs: number; readonly error: StreamError }
  | { readonly kind: "closed" };

/** How a dial ends. */
export type DialResult =
  | { readonly kind: "ok"; readonly endpoint: Endpoint }
  | { readonly kind: "failed"; readonly error: StreamError };

export interface SimPeerConnectionOptions {
  readonly simulation: Simulation;
  readonly process: SimProcess;
  readonly prng: Prng;
  readonly limits: SimNetworkLimits;
  readonly target: PeerTarget;
  /** Who dials; undefined without a certificate. */
  readonly identity: PeerIdentity | undefined;
  /** Tries to reach the target and says how it went, or nothing when something was lost on the way. */
  readonly dial: (owner: EndpointOwner, done: (result: DialResult) => void) => void;
  readonly onClosed: () => void;
}

/** The same life as that of a connection on Node, see `node/network-client.ts`. */
export class SimPeerConnection implements PeerConnection, EndpointOwner {
  readonly target: PeerTarget;
  readonly #options: SimPeerConnectionOptions;
  readonly #backoff: Backoff;
  readonly #endpoints = new Set<Endpoint>();
  readonly #streams = new Set<SimStream>();
  #attempts = 0;
  #state: State = { kind: "idle" };

  constructor(options: SimPeerConnectionOptions) {
    this.target = options.target;
    this.#options = options;
    this.#backoff = new Backoff(options.limits.leastBackoffMs, options.limits.greatestBackoffMs);
  }

  isConnected(): boolean {
    return this.#state.kind === "up";
  }

  openStream(
    path: string,
    options: { readonly kind: "unary" | "stream"; readonly maxMessageBytes: number },
  ): MessageStream {
    const { limits, process, prng } = this.#options;
    const stream = new SimStream({ role: "client", ...options, ...limits, process, prng });
    for (const one of this.#streams) if (one.isClosed) this.#streams.delete(one);
    this.#streams.add(stream);
    this.#place({ stream, path, form: options.kind });
    return stream;
  }

  close(): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed" };
    for (const stream of this.#streams) stream.fail("canceled", "the connection was closed by this side");
    for (const endpoint of [...this.#endpoints]) endpoint.break("the connection was closed by this side");
    this.#options.onClosed();
  }

  onGoaway(endpoint: Endpoint): void {
    if (this.#state.kind === "up" && this.#state.endpoint === endpoint) this.#state = { kind: "idle" };
  }

  onBroken(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint);
    if (this.#state.kind !== "up" || this.#state.endpoint !== endpoint) return;
    const stoodMs = this.#options.simulation.nowMs - this.#state.sinceMs;
    this.#state = { kind: "idle" };
    if (stoodMs >= this.#options.limits.stableAfterMs) this.#backoff.succeeded();
    else this.#rest({ code: "unavailable", message: `resting after a failure: ${endpoint.brokenBecause}` });
  }

  #place(waiting: WaitingStream): void {
    const nowMs = this.#options.simulation.nowMs;
    if (this.#state.kind === "resting" && nowMs >= this.#state.untilMs) this.#state = { kind: "idle" };
    const state = this.#state;
    switch (state.kind) {
      case "idle":
        this.#dial(waiting);
        return;
      case "dialling":
        if (state.waiting.length < this.#options.limits.maxWaitingStreams) state.waiting.push(waiting);
        else waiting.stream.fail("resource_exhausted", "too many streams wait for the connection");
        return;
      case "up":
        state.endpoint.open(waiting.stream, waiting.path, waiting.form);
        return;
      case "resting":
        waiting.stream.failWith(state.error);
        return;
      case "closed":
        waiting.stream.fail("canceled", "the connection was closed by this side");
        return;
    }
  }

  #dial(waiting: WaitingStream): void {
    const { process, limits, dial } = this.#options;
    const attempt = ++this.#attempts;
    this.#state = { kind: "dialling", attempt, waiting: [waiting] };
    const timer = process.schedule(limits.dialTimeoutMs, () =>
      finish({ kind: "failed", error: { code: "unavailable", message: "cannot connect: no answer" } }),
    );
    const finish = (result: DialResult): void => {
      timer.cancel();
      const state = this.#state;
      if (state.kind === "dialling" && state.attempt === attempt) this.#dialled(result, state.waiting);
      else if (result.kind === "ok") result.endpoint.break("nobody waits for this connection any more");
    };
    dial(this, finish);
  }

  #dialled(result: DialResult, waiting: readonly WaitingStream[]): void {
    if (result.kind === "failed") {
      this.#rest(result.error);
      for (const { stream } of waiting) stream.failWith(result.error);
      return;
    }
    const { endpoint } = result;
    this.#endpoints.add(endpoint);
    this.#state = { kind: "up", endpoint, sinceMs: this.#options.simulation.nowMs };
    for (const { stream, path, form } of waiting) if (!stream.isClosed) endpoint.open(stream, path, form);
  }

  #rest(error: StreamError): void {
    const { simulation, prng } = this.#options;
    this.#state = { kind: "resting", untilMs: simulation.nowMs + this.#backoff.failed(prng.unit()), error };
  }
}
