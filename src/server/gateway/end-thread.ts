import type { Timers } from "../../platform/index.ts";

/** What a thread has beyond the grace of its requests to hand over what they leave: audit entries, log lines, access logs. In milliseconds. */
const HAND_OVER_MS = 3_000;

export interface EndingThread {
  /** It has closed what it had, or is no more. */
  readonly ended: Promise<unknown>;
  terminate(): Promise<unknown>;
}

/**
 * Waits until a thread that was told to close within `graceMs` has done so, and no longer than it may take for that; then it is terminated. Returns whether it
 * ended in time.
 */
export async function endThread(
  { ended, terminate }: EndingThread,
  { graceMs, timers }: { readonly graceMs: number; readonly timers: Timers },
): Promise<boolean> {
  const over = new AbortController();
  const isInTime = await Promise.race([
    ended.then(() => true),
    timers.sleep(graceMs + HAND_OVER_MS, over.signal).then(
      () => false,
      () => true,
    ),
  ]);
  over.abort();
  await terminate();
  return isInTime;
}
