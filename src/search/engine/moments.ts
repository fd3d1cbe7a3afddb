import { SearchError } from "../errors.ts";
import { LIMITS } from "../model/limits.ts";
import type { ReadOptions } from "../service.ts";
import type { EngineContext } from "./context.ts";

/** When a request has to be answered. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  end(): void;
}

/** At most LIMITS.deadlineMs from now. Whoever begins one ends it. */
export function beginDeadline(
  { clock, timers, closing }: EngineContext,
  options: Pick<ReadOptions, "timeoutMs" | "signal">,
): Deadline {
  const timeoutMs = Math.min(options.timeoutMs ?? LIMITS.deadlineMs, LIMITS.deadlineMs);
  const abort = new AbortController();
  const timer = timers.after(timeoutMs, () =>
    abort.abort(new SearchError("deadline-exceeded", `the answer took longer than ${timeoutMs} ms`)),
  );
  const signals = [closing, abort.signal, ...(options.signal === undefined ? [] : [options.signal])];
  return {
    signal: AbortSignal.any(signals),
    deadlineMs: clock.monotonicMs() + timeoutMs,
    end: () => timer.cancel(),
  };
}
