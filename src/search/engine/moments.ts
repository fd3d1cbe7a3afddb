import { followSignal } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import { checkLimit, LIMITS } from "../model/limits.ts";
import { Checkpoint } from "../query/snapshot.ts";
import type { ReadOptions } from "../service.ts";
import type { EngineContext } from "./context.ts";

/** When a request has to be answered. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  end(): void;
}

/**
 * Milliseconds since the Unix epoch for background work: leader time as far as this node knows it, which goes on where nobody writes, else what is due would wait
 * for the next write. The state machine decides by its own time.
 */
export function workTimeMs({ clusterTime }: Pick<EngineContext, "clusterTime">): number {
  return clusterTime.nowMs();
}

/**
 * For work that nobody gives up: `pass` of a query, which lets others run every few milliseconds. Rejects when the node stops, with the reason of `closing`.
 */
export function turnsOf({ clock, timers, closing }: EngineContext): () => Promise<void> {
  const pause = () => new Promise<void>((resolve) => timers.endOfTurn(resolve));
  const checkpoint = new Checkpoint(clock, { nowMs: clock.wallMs(), pause });
  return async () => {
    closing.throwIfAborted();
    await checkpoint.pass();
  };
}

/** At most LIMITS.deadlineMs from now. Whoever begins one ends it. */
export function beginDeadline(
  { clock, timers, closing }: EngineContext,
  options: Pick<ReadOptions, "timeoutMs" | "signal">,
): Deadline {
  const { timeoutMs = LIMITS.deadlineMs } = options;
  checkLimit("deadlineMs", timeoutMs, { path: "timeout_ms" });
  const abort = new AbortController();
  const timer = timers.after(timeoutMs, () =>
    abort.abort(new SearchError("deadline-exceeded", `the answer took longer than ${timeoutMs} ms`)),
  );
  const releases = [closing, options.signal].flatMap((signal) =>
    signal === undefined ? [] : [followSignal(signal, abort)],
  );
  return {
    signal: abort.signal,
    deadlineMs: clock.monotonicMs() + timeoutMs,
    end: () => {
      timer.cancel();
      for (const release of releases) release();
    },
  };
}
