import { expect, test } from "vitest";
import type { AppliedChange, Metadata } from "../../meta/index.ts";
import { createMetrics, type Logger, SILENT_LOGGER } from "../../observe/index.ts";
import { watchTime } from "./time-watch.ts";

test("a time that is far ahead of the node's clock is shown, and warned of once a minute", async () => {
  const metrics = createMetrics();
  let [appliedMs, wallMs, monotonicMs] = [0, 1_000_000, 0];
  const listeners: ((change: AppliedChange) => void)[] = [];
  const warnings: unknown[] = [];
  const logger: Logger = { ...SILENT_LOGGER, warn: (_, fields) => warnings.push(fields?.["aheadSeconds"]) };
  const metadata = {
    view: { appliedTimeMs: () => appliedMs },
    onChange: (listener: (change: AppliedChange) => void) => listeners.push(listener),
  } as unknown as Metadata;
  const clock = { wallMs: () => wallMs, monotonicMs: () => monotonicMs };
  watchTime({ metadata, clock, metrics, logger });
  const apply = (timeMs: number) => {
    appliedMs = timeMs;
    for (const listener of listeners) listener({} as AppliedChange);
  };
  // Catching up, at the same time, and a little ahead.
  for (const timeMs of [1_000, wallMs, wallMs + 4_999]) apply(timeMs);
  expect(warnings).toEqual([]);
  apply(wallMs + 7_000);
  expect((await metrics.render()).body).toContain("skerry_meta_time_ahead_seconds 7\n");
  for (let i = 0; i < 3; i++) apply(appliedMs);
  monotonicMs += 59_999;
  apply(appliedMs);
  expect(warnings).toEqual([7]);
  monotonicMs += 1;
  wallMs += 1_000;
  apply(appliedMs);
  expect(warnings).toEqual([7, 6]);
});
