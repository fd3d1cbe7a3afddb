import type { Metadata } from "../../meta/index.ts";
import type { Logger, Metrics } from "../../observe/index.ts";
import type { Clock } from "../../platform/index.ts";

/** A cluster's time that is so far ahead of this node's clock is warned of, in milliseconds. */
const WARN_AHEAD_MS = 5_000;
/** Between two such warnings, in milliseconds. */
const WARN_INTERVAL_MS = 60_000;

export interface TimeWatchOptions {
  readonly metadata: Pick<Metadata, "view" | "onChange">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * The cluster's time is the greatest that a leader has stamped, and never goes back. Compares it with this node's clock whenever something was applied. Ahead of it: the
 * clock of some leader was ahead, or this one is behind; where this node leads, the time of the cluster goes on at half speed until the clock has caught up. Behind is
 * what a node is that catches up, and is only shown.
 */
export function watchTime({ metadata, clock, metrics, logger }: TimeWatchOptions): void {
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  metadata.onChange(() => {
    const aheadMs = metadata.view.appliedTimeMs() - clock.wallMs();
    metrics.metaTimeAhead.set(aheadMs / 1000);
    const nowMs = clock.monotonicMs();
    if (aheadMs < WARN_AHEAD_MS || nowMs - warnedAtMs < WARN_INTERVAL_MS) return;
    warnedAtMs = nowMs;
    logger.warn("the time of the cluster is ahead of this node's clock", {
      aheadSeconds: Math.round(aheadMs / 1000),
      advice:
        "compare the clocks of all nodes; until they have caught up, the time of the cluster goes at half speed",
    });
  });
}
