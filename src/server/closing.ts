import type { Clock } from "../platform/index.ts";
import type { AccessLogs } from "../s3/index.ts";

/** How long requests in flight may go on when the node stops, in milliseconds. */
export const STOP_GRACE_MS = 10_000;
/** What the access logs have in any case, when the requests have used up the grace, in milliseconds. */
const LEAST_FOR_ACCESS_LOGS_MS = 2_000;

/** A listener of clients: accepts nothing more, lets what is under way finish, and after `graceMs` cuts what is not done. */
export interface Surface {
  close(graceMs: number): Promise<void>;
}

export interface ClosingOptions {
  readonly surfaces: readonly Surface[];
  readonly accessLogs: Pick<AccessLogs, "runUnit">;
  readonly clock: Clock;
}

/**
 * Ends all that clients reach within one grace: no surface waits for the requests of another one. When the last request is answered, what the access logs
 * hold is delivered in what is left of the grace. Rejects when one of them has failed, and all have ended; the first error is the cause.
 */
export async function closeSurfaces({ surfaces, accessLogs, clock }: ClosingOptions): Promise<void> {
  const endsMs = clock.monotonicMs() + STOP_GRACE_MS;
  const closed = await Promise.allSettled(surfaces.map((surface) => surface.close(STOP_GRACE_MS)));
  // The clock has fractions, and Node refuses them here.
  const leftMs = Math.ceil(Math.max(endsMs - clock.monotonicMs(), LEAST_FOR_ACCESS_LOGS_MS));
  const [delivered] = await Promise.allSettled([accessLogs.runUnit(AbortSignal.timeout(leftMs))]);
  const failed = [...closed, delivered].find((ended) => ended.status === "rejected");
  if (failed !== undefined) throw new Error("a listener did not close cleanly", { cause: failed.reason });
}
