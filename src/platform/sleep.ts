import { Deferred } from "../base/index.ts";
import type { Timers } from "./ports.ts";

/** `Timers.sleep` in terms of `Timers.after`. */
export async function sleepWith(
  after: Timers["after"],
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const over = new Deferred<void>();
  const timer = after(delayMs, () => over.resolve());
  const abort = (): void => over.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await over.promise;
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", abort);
  }
}
