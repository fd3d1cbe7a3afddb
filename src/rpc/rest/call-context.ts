import { Code, ConnectError, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Timers } from "../../platform/index.ts";
import type { Route } from "./route-table.ts";

/** Made once: an error takes its stack along, which costs more than all the rest of a context. */
const CALL_ENDED = new ConnectError("the call has ended", Code.Canceled);

export interface CallContextInit {
  readonly route: Route;
  readonly path: string;
  readonly header: Headers;
  readonly values: ContextValues;
  /** Aborts when the caller is gone. */
  readonly caller: AbortSignal;
  /** Aborts when the node stops. */
  readonly shutdown: AbortSignal;
  readonly timers: Timers;
  readonly timeoutMs: number;
}

/** What implementations get to know of a call over REST. Its signal aborts when the caller is gone, when the node stops, at the deadline, and when the call has ended. */
export class CallContext implements HandlerContext {
  readonly service: HandlerContext["service"];
  readonly method: HandlerContext["method"];
  readonly protocolName = "rest";
  readonly requestMethod: string;
  readonly url: string;
  readonly requestHeader: Headers;
  readonly values: ContextValues;
  readonly timeoutMs: () => number | undefined;
  readonly #abort = new AbortController();
  readonly #release: () => void;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  constructor(init: CallContextInit) {
    const { route, caller, shutdown, timers, timeoutMs } = init;
    this.service = route.implemented.service;
    this.method = route.method;
    this.requestMethod = route.verb;
    this.url = init.path;
    this.requestHeader = init.header;
    this.values = init.values;
    this.timeoutMs = () => timeoutMs;
    const timer = timers.after(timeoutMs, () =>
      this.#end(new ConnectError("the operation timed out", Code.DeadlineExceeded)),
    );
    const onCaller = () => this.#end(caller.reason);
    const onShutdown = () => this.#end(shutdown.reason);
    this.#release = () => {
      timer.cancel();
      caller.removeEventListener("abort", onCaller);
      shutdown.removeEventListener("abort", onShutdown);
    };
    caller.addEventListener("abort", onCaller);
    shutdown.addEventListener("abort", onShutdown);
    if (caller.aborted) onCaller();
    else if (shutdown.aborted) onShutdown();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Few implementations set any: they are made when one does. */
  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  /** What was set, with their names in lower case. */
  responseFields(): Record<string, string> {
    return this.#responseHeader === undefined ? {} : Object.fromEntries(this.#responseHeader);
  }

  /** The call is over: nothing holds on to its context any more. */
  end(): void {
    this.#end(CALL_ENDED);
  }

  #end(reason: unknown): void {
    if (this.signal.aborted) return;
    this.#release();
    this.#abort.abort(reason);
  }
}
