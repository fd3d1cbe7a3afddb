import type { Random } from "../platform/index.ts";

const FIRST_BACKOFF_MS = 1000;
const GREATEST_BACKOFF_MS = 5 * 60_000;

/** How long to wait after this many errors in a row (at least 1): doubled with each, up to a limit, the upper half of it at random. */
export function backoffMs(consecutiveErrors: number, random: Random): number {
  const whole = Math.min(GREATEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(consecutiveErrors - 1, 30));
  const half = Math.floor(whole / 2);
  return half + random.below(half + 1);
}
